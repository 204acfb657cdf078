//! [`Preflight`]: the checks before a supervisor starts: a good config, and the lock.
//!
//! In this order, so that a bad config never disturbs an arcanos that runs, and two of them never
//! meet at a log, a socket or a worker.

use crate::{
    cli::{
        args::Globals,
        exit::{self, Failure},
        load::{Site, chain},
    },
    config::Loaded,
    domain::os_text,
    files::state::{Instance, Lock, LockError, StateDir},
};

/// All of it. Dropping it lets the lock go.
#[derive(Debug)]
pub(crate) struct Preflight {
    /// The config file and the environment, as they were read.
    pub(crate) site: Site,
    /// The config.
    pub(crate) loaded: Loaded,
    /// The state directory.
    pub(crate) state: StateDir,
    /// The record of the arcanos before this one, whose runs may have been left over.
    pub(crate) last: Option<Instance>,
    /// This arcanos; not written down yet.
    pub(crate) instance: Instance,
    /// The lock on the state directory.
    pub(crate) lock: Lock,
}

/// Reads the config, and takes the lock.
///
/// # Errors
/// Exit 2: the config is bad. Exit 3: another arcanos has the lock. Exit 1: the state directory
/// cannot be used.
pub(crate) fn prepare(globals: &Globals) -> Result<Preflight, Failure> {
    let site = Site::read(globals)?;
    let loaded = site.load().map_err(|errors| site.rejected(&errors))?;
    let failed = |error: &dyn std::error::Error| Failure::new(exit::FAILED, chain(error));
    let state = StateDir::open(&loaded.config.state_directory).map_err(|e| failed(&e))?;
    let lock = state.lock().map_err(|error| match error {
        LockError::Held { pid } => held(&state, pid),
        LockError::State(error) => failed(&error),
    })?;
    let last = state.last_instance().map_err(|e| failed(&e))?;
    let instance = Instance::own(&site.file);
    Ok(Preflight { site, loaded, state, last, instance, lock })
}

fn held(state: &StateDir, pid: u32) -> Failure {
    let path = os_text::shown_path(state.path());
    let message = format!("another arcanos runs on `{path}` already, with the pid {pid}");
    Failure::new(exit::ALREADY_RUNNING, message)
        .with_remedy("`arcanos status` shows it; a second one needs another `state.directory`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_names_the_pid_of_the_first_and_a_bad_config_comes_before_that() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("arcanos.toml");
        std::fs::write(&file, "").unwrap();
        let globals = Globals { config: Some(file.clone()), ..Globals::default() };
        let first = prepare(&globals).expect("nobody runs");
        first.state.write_instance(&first.instance).unwrap();
        let failure = prepare(&globals).expect_err("the first one has the lock");
        assert_eq!(failure.code(), exit::ALREADY_RUNNING);
        assert!(failure.to_string().contains(&std::process::id().to_string()), "{failure}");
        std::fs::write(&file, "nonsense = 1").unwrap();
        assert_eq!(prepare(&globals).expect_err("bad").code(), exit::BAD_USAGE);
        drop(first);
        std::fs::write(&file, "").unwrap();
        prepare(&globals).expect("the first one is gone");
    }
}
