//! The lock file of a package manager: where it is, whose it is, and a digest of it.

use std::{
    iter,
    path::{Path, PathBuf},
};

use crate::{
    config::Prepare,
    domain::Fingerprint,
    engine::runtime::Packages,
    files::{FileSnapshot, Settled, read_settled},
};

/// Largest lock file that is digested; npm's own for a thousand packages are a tenth of it.
const MAX_LOCK: u64 = 16 << 20;

/// The file that names the packages, without their versions.
const MANIFEST: &str = "package.json";

/// Where packages are installed.
const MODULES: &str = "node_modules";

/// What yarn 1.x writes on the first lines of its lock file, and no later one.
const YARN_CLASSIC: &[u8] = b"# yarn lockfile v1";

const NPM: &[&str] = &["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
const BUN: &[&str] = &["bun", "install", "--frozen-lockfile"];

/// The lock files that are looked for, each with the command that installs by it. The first that
/// is there counts, as npm prefers its shrinkwrap file.
const LOCK_FILES: [(&str, &[&str]); 6] = [
    ("npm-shrinkwrap.json", NPM),
    ("package-lock.json", NPM),
    ("pnpm-lock.yaml", &["pnpm", "install", "--frozen-lockfile", "--prod"]),
    ("yarn.lock", &["yarn", "install", "--immutable"]),
    ("bun.lock", BUN),
    ("bun.lockb", BUN),
];

/// The lock file of the folder, as it was last read.
#[derive(Clone, Default)]
pub(super) struct LockFile {
    place: Option<(PathBuf, PathBuf)>,
    file_snapshot: FileSnapshot,
    found: Option<Found>,
    /// A manifest without a lock file.
    unlocked: Option<PathBuf>,
}

/// A lock file that is there.
#[derive(Clone)]
struct Found {
    folder: PathBuf,
    name: &'static str,
    digest: Fingerprint,
    command: Vec<String>,
}

/// The folders whose lock files count: the directory of workers, then those above it up to that of
/// the config.
fn folders<'a>(directory: &'a Path, base: &'a Path) -> impl Iterator<Item = &'a Path> {
    let above = directory.ancestors().skip(1).take_while(move |folder| folder.starts_with(base));
    iter::once(directory).chain(above)
}

/// The files whose change may mean that packages must be installed.
pub(super) fn watched(directory: &Path, base: &Path) -> Vec<PathBuf> {
    let names = || LOCK_FILES.iter().map(|(name, _)| *name).chain([MANIFEST]);
    folders(directory, base).flat_map(|folder| names().map(|name| folder.join(name))).collect()
}

/// The folders that hold the packages.
pub(super) fn modules(directory: &Path, base: &Path) -> Vec<PathBuf> {
    folders(directory, base).map(|folder| folder.join(MODULES)).collect()
}

impl LockFile {
    /// Reads the lock file anew if it may have changed.
    pub(super) fn look(&mut self, directory: &Path, base: &Path) {
        let place = Some((directory.to_owned(), base.to_owned()));
        if self.place == place && self.file_snapshot.is_unchanged() {
            return;
        }
        let files = watched(directory, base);
        // Taken before the files are read, so that what changes later shows.
        let file_snapshot = FileSnapshot::of(files.iter().map(PathBuf::as_path));
        let found = folders(directory, base).find_map(Found::in_folder);
        let manifest = || folders(directory, base).map(|f| f.join(MANIFEST)).find(|f| f.is_file());
        let unlocked = if found.is_none() { manifest() } else { None };
        *self = Self { place, file_snapshot, found, unlocked };
    }

    /// What is to be installed by this setting; `None` if nothing is.
    pub(super) fn packages(&self, setting: &Prepare) -> Option<Packages> {
        let found = self.found.as_ref()?;
        let command = match setting {
            Prepare::Auto => found.command.clone(),
            Prepare::Command(command) => command.clone(),
        };
        (!command.is_empty()).then(|| Packages {
            command,
            folder: found.folder.clone(),
            modules: found.folder.join(MODULES),
            lock_file: found.folder.join(found.name),
            digest: found.digest,
        })
    }

    /// The `package.json` that no lock file belongs to, so that nothing is installed.
    pub(super) fn unlocked(&self, setting: &Prepare) -> Option<PathBuf> {
        let is_never = matches!(setting, Prepare::Command(command) if command.is_empty());
        self.unlocked.clone().filter(|_| !is_never)
    }
}

impl Found {
    fn in_folder(folder: &Path) -> Option<Self> {
        LOCK_FILES.iter().find_map(|(name, command)| {
            let Ok(Settled::Content(bytes)) = read_settled(&folder.join(name), MAX_LOCK) else {
                return None;
            };
            let mut command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
            let is_classic = bytes.windows(YARN_CLASSIC.len()).take(400).any(|w| w == YARN_CLASSIC);
            if *name == "yarn.lock" && is_classic {
                command.truncate(2);
                command.push("--frozen-lockfile".to_owned());
            }
            let digest = crate::discovery::fingerprint(&bytes);
            Some(Self { folder: folder.to_owned(), name, digest, command })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn packages(files: &[(&str, &str)], setting: &Prepare) -> (Option<Packages>, Option<PathBuf>) {
        let root = tempfile::tempdir().expect("a folder");
        let base = root.path().join("site");
        for (name, text) in files {
            let path = base.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        fs::create_dir_all(base.join("deep/workers")).expect("a folder");
        fs::write(root.path().join("yarn.lock"), "").expect("a file above the config");
        let mut lock = LockFile::default();
        lock.look(&base.join("deep/workers"), &base);
        let relative = |path: PathBuf| path.strip_prefix(&base).expect("below").to_owned();
        let packages = lock
            .packages(setting)
            .map(|packages| Packages { folder: relative(packages.folder), ..packages });
        (packages, lock.unlocked(setting).map(relative))
    }

    #[test]
    fn the_lock_file_decides_the_manager_and_the_folder() {
        let classic = "# THIS IS AN AUTOGENERATED FILE.\n# yarn lockfile v1\n";
        for (file, text, command, folder) in [
            (
                "deep/workers/package-lock.json",
                "{}",
                "npm ci --omit=dev --ignore-scripts --no-audit --no-fund",
                "deep/workers",
            ),
            (
                "deep/npm-shrinkwrap.json",
                "{}",
                "npm ci --omit=dev --ignore-scripts --no-audit --no-fund",
                "deep",
            ),
            ("pnpm-lock.yaml", "", "pnpm install --frozen-lockfile --prod", ""),
            ("yarn.lock", "__metadata:\n", "yarn install --immutable", ""),
            ("yarn.lock", classic, "yarn install --frozen-lockfile", ""),
            ("deep/bun.lock", "{}", "bun install --frozen-lockfile", "deep"),
        ] {
            let files = [(file, text), ("package.json", "{}")];
            let (found, unlocked) = packages(&files, &Prepare::Auto);
            let found = found.expect(file);
            assert_eq!(
                (found.command.join(" ").as_str(), found.folder.to_str()),
                (command, Some(folder))
            );
            assert_eq!(unlocked, None);
            let own = Prepare::Command(vec!["make".to_owned()]);
            assert_eq!(packages(&files, &own).0.expect(file).command, ["make"]);
            assert_eq!(packages(&files, &Prepare::Command(Vec::new())), (None, None));
        }
    }

    #[test]
    fn the_nearest_lock_file_counts_and_none_is_said() {
        let files = [("yarn.lock", ""), ("deep/workers/pnpm-lock.yaml", "")];
        assert_eq!(packages(&files, &Prepare::Auto).0.expect("one").command[0], "pnpm");
        let (found, unlocked) = packages(&[("deep/package.json", "{}")], &Prepare::Auto);
        assert_eq!((found, unlocked), (None, Some("deep/package.json".into())));
        assert_eq!(packages(&[], &Prepare::Auto), (None, None));
    }
}
