use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::{Command, Stdio},
    sync::Barrier,
    thread,
};

use super::{Instance, LockError, Prepared, StateDir, StateError};

fn site() -> (tempfile::TempDir, StateDir) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let state = StateDir::open(&root.path().join("deep/.arcanos")).expect("a state directory");
    (root, state)
}

#[test]
fn the_directory_is_made_for_the_owner_alone() {
    let (_root, state) = site();
    assert_eq!(fs::metadata(state.path()).unwrap().mode() & 0o777, 0o700);
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).unwrap();
    StateDir::open(state.path()).expect("it is ours");
    assert_eq!(fs::metadata(state.path()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn links_files_and_nothing_are_no_state_directories() {
    let (root, state) = site();
    let link = root.path().join("link");
    symlink(state.path(), &link).unwrap();
    assert!(matches!(StateDir::open(&link), Err(StateError::NotDirectory(_))));
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(StateDir::open(&file), Err(StateError::NotDirectory(_))));
    let missing = root.path().join("missing");
    assert!(matches!(StateDir::open_existing(&missing), Err(StateError::Missing(_))));
    assert!(!missing.exists());
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_root, state) = site();
    std::os::unix::fs::chown(state.path(), Some(65534), None).unwrap();
    assert!(matches!(StateDir::open(state.path()), Err(StateError::Foreign { owner: 65534, .. })));
}

#[test]
fn of_twenty_at_once_one_has_the_lock_and_the_others_know_its_pid() {
    let (_root, state) = site();
    let barrier = Barrier::new(20);
    let locks: Vec<_> = thread::scope(|scope| {
        let tries: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    state.lock()
                })
            })
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(locks.iter().filter(|lock| lock.is_ok()).count(), 1);
    for lock in locks.iter().filter_map(|lock| lock.as_ref().err()) {
        assert!(matches!(lock, LockError::Held { pid } if *pid == std::process::id()), "{lock:?}");
    }
}

#[test]
fn the_lock_is_free_once_its_holder_is_gone() {
    let (_root, state) = site();
    assert!(!state.is_held().unwrap());
    let lock = state.lock().expect("nobody has it");
    assert!(state.is_held().unwrap());
    drop(lock);
    assert!(!state.is_held().unwrap());
    state.lock().expect("nobody has it any more");
}

#[test]
fn a_child_does_not_keep_the_lock() {
    let (_root, state) = site();
    let lock = state.lock().expect("nobody has it");
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    drop(lock);
    let second = state.lock();
    child.kill().unwrap();
    child.wait().unwrap();
    second.expect("the child holds nothing");
}

#[test]
fn another_process_that_holds_the_lock_is_named() {
    let (_root, state) = site();
    drop(state.lock().expect("nobody has it"));
    let path = state.path().join("lock");
    let script = r#"exec 9<>"$1"; flock -n 9 || exit 1; read -r stat < /proc/$$/stat; set -- "$1" $stat
        echo "$2 ${23} $(cat /proc/sys/kernel/random/boot_id)" >&9; echo ready; exec sleep 60 9<&9"#;
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut ready).unwrap();
    let second = state.lock();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ready, "ready\n");
    assert!(matches!(second, Err(LockError::Held { pid }) if pid == child.id()), "{second:?}");
    state.lock().expect("its holder was killed");
}

#[test]
fn a_record_reads_as_it_was_written_and_is_private() {
    let (root, state) = site();
    assert_eq!(state.read_instance().unwrap(), None);
    let mut instance = Instance::own(&root.path().join("arcanos.toml"));
    instance.address = Some("[::1]:3000".parse().unwrap());
    state.write_instance(&instance).unwrap();
    assert_eq!(state.read_instance().unwrap().as_ref(), Some(&instance));
    let file = state.path().join("instance.json");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    fs::write(&file, "{\"pid\": 1").unwrap();
    assert_eq!(state.read_instance().unwrap(), None, "a torn record is none");
    let names: Vec<_> =
        fs::read_dir(state.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names, ["instance.json"], "no drafts are left");
}

#[test]
fn only_the_very_process_counts_as_alive() {
    let own = Instance::own("arcanos.toml".as_ref());
    assert!(own.is_alive());
    assert_eq!(own.id.len(), 16);
    assert_ne!(own.id, Instance::own("arcanos.toml".as_ref()).id);
    let later = Instance { start_time: own.start_time + 1, ..own.clone() };
    let other_boot = Instance { boot_id: "another".to_owned(), ..own.clone() };
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let gone = Instance { pid: child.id(), ..own };
    for instance in [later, other_boot, gone] {
        assert!(!instance.is_alive(), "{instance:?}");
    }
}

#[test]
fn the_record_of_the_last_one_outlives_the_next_one() {
    let (root, state) = site();
    let config = root.path().join("arcanos.toml");
    let killed = Instance { pid: 1, start_time: 1, ..Instance::own(&config) };
    state.write_instance(&killed).unwrap();
    assert_eq!(state.last_instance().unwrap().as_ref(), Some(&killed), "killed: its record stands");
    let own = Instance::own(&config);
    state.write_instance(&own).unwrap();
    assert_eq!(state.last_instance().unwrap().as_ref(), Some(&killed));
    let listening = Instance { address: Some("127.0.0.1:1".parse().unwrap()), ..own.clone() };
    state.write_instance(&listening).unwrap();
    assert_eq!(
        state.last_instance().unwrap().as_ref(),
        Some(&killed),
        "a new address is not a new instance"
    );
    state.retire_instance().unwrap();
    state.retire_instance().unwrap();
    assert_eq!(state.read_instance().unwrap(), None);
    assert_eq!(state.last_instance().unwrap(), Some(listening));
}

#[test]
fn prepared_folders_are_remembered_apart() {
    let (_root, state) = site();
    let prepared = |digest: &str| Prepared {
        digest: digest.to_owned(),
        command: vec!["npm".to_owned()],
        node: Some("24".to_owned()),
        has_modules: true,
    };
    assert_eq!(state.prepared("/a".as_ref()).unwrap(), None);
    state.set_prepared("/a".as_ref(), prepared("1")).unwrap();
    state.set_prepared("/b".as_ref(), prepared("2")).unwrap();
    state.set_prepared("/a".as_ref(), prepared("3")).unwrap();
    assert_eq!(state.prepared("/a".as_ref()).unwrap(), Some(prepared("3")));
    assert_eq!(state.prepared("/b".as_ref()).unwrap(), Some(prepared("2")));
}

#[test]
fn a_record_of_a_living_arcanos_counts_like_the_lock() {
    let (root, state) = site();
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let own = Instance::own(&root.path().join("arcanos.toml"));
    let start_time = crate::procfs::stat(child.id()).unwrap().start;
    let living = Instance { pid: child.id(), start_time, ..own };
    state.write_instance(&living).unwrap();
    let locked = state.lock();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(locked, Err(LockError::Held { pid }) if pid == living.pid), "{locked:?}");
    state.lock().expect("it is gone");
}

#[test]
fn what_a_killed_arcanos_left_half_written_goes_with_the_next_lock() {
    let root = tempfile::tempdir().unwrap();
    let state = StateDir::open(&root.path().join("state")).unwrap();
    // No process has such a number.
    let left = state.file(".instance.json.4000000000");
    let asked = state.file(".draft-0123456789abcdef.json.1");
    for path in [&left, &asked] {
        fs::write(path, "{").unwrap();
    }
    let _lock = state.lock().unwrap();
    assert!(!left.exists());
    assert!(asked.exists(), "its writer lives");
}
