//! Security: what arcanos is built from.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::procs;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The value of a key of one package of the lock file.
fn value<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
    Some(line.trim_matches('"'))
}

fn cargo(args: &[&str]) -> Output {
    let root = env!("CARGO_MANIFEST_DIR");
    Command::new(env!("CARGO")).args(args).current_dir(root).output().unwrap()
}

/// The platform that this test was built for, and on.
fn host() -> String {
    let version = cargo(&["--version", "--verbose"]);
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo names the platform").to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn s22_every_dependency_is_pinned_to_what_the_public_registry_has() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock = std::fs::read_to_string(lock).unwrap();
    let packages: Vec<&str> = lock.split("[[package]]\n").skip(1).collect();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let name = value(package, "name").unwrap();
        if name != env!("CARGO_PKG_NAME") {
            assert_eq!(value(package, "source"), Some(REGISTRY), "{name}");
            assert_eq!(value(package, "checksum").map(str::len), Some(64), "{name}");
        }
    }
    // For this platform alone: what others need was not fetched when this test was built.
    let target = format!("--filter-platform={}", host());
    let metadata = cargo(&["metadata", "--locked", "--offline", "--format-version=1", &target]);
    assert!(metadata.status.success(), "the lock file fits no more: {}", said(&metadata));
}

#[test]
fn s22_licences_bans_and_sources_are_as_was_decided() {
    if !cargo(&["deny", "--version"]).status.success() {
        procs::leave_out("this machine lacks `cargo-deny`");
        return;
    }
    let target = host();
    let words = ["deny", "--offline", "--locked", "--target", &target];
    let checked = cargo(&[&words[..], &["check", "licenses", "bans", "sources"]].concat());
    assert!(checked.status.success(), "{}", said(&checked));
}
