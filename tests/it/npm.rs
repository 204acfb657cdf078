//! The npm packages that tests run against, installed once from the lock file in `tests/npm`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder `node_modules` with the `openai` client and aimock.
pub(crate) fn modules() -> &'static Path {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    MODULES.get_or_init(install)
}

fn install() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    fs::create_dir_all(&folder).unwrap();
    // Two test commands may run at once.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read(source.join("package-lock.json")).unwrap();
    let done = folder.join("installed-lock.json");
    if fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return folder.join("node_modules");
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let output =
        Command::new("npm").args(words).current_dir(&folder).output().expect("npm is there");
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, wanted).unwrap();
    folder.join("node_modules")
}
