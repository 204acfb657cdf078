//! Finds the running arcanos through the state directory.
//!
//! The config says where that is: see [`InstanceLocator`].

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::Client;
use crate::{
    cli::{
        args::Globals,
        exit::{self, Failure},
        json::understand,
        load, wire,
    },
    config::{InstanceLocator, Secret},
    domain::{os_text, reachable_address},
    files::state::{Instance, StateDir, StateError},
};

/// How long a command that could do without an answer waits for one.
const BRIEF: Duration = Duration::from_secs(1);

/// How long a record that an arcanos is about to write is waited for. It makes a directory that was
/// removed anew within a second.
const RECORD_WAIT: Duration = Duration::from_secs(2);

/// The pause between two looks for it.
const RECORD_PAUSE: Duration = Duration::from_millis(20);

/// A running arcanos and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) client: Client,
    pub(crate) instance: Instance,
    pub(crate) state: StateDir,
}

/// The arcanos that runs on the state directory of this config.
///
/// # Errors
/// Exit 5 if none runs or the one that runs has no server; 2 if there is no config file either.
pub(crate) fn find(globals: &Globals) -> Result<Found, Failure> {
    let file = load::config_file(globals);
    match by_locator(load::locate(globals)) {
        Err(failure) if failure.code() == exit::NOT_RUNNING && !file.exists() => {
            Err(load::missing(&file))
        }
        found => found,
    }
}

/// The arcanos that runs where this locator says.
///
/// # Errors
/// Exit 5 if none runs or the one that runs has no server.
pub(crate) fn by_locator(locator: InstanceLocator) -> Result<Found, Failure> {
    match running(&locator.state_directory)? {
        Some((state, instance)) => connect(state, instance, locator.token),
        None => Err(Failure::new(
            exit::NOT_RUNNING,
            format!("no arcanos runs on `{}`", os_text::shown_path(&locator.state_directory)),
        )
        .with_remedy("start one with `arcanos`, or name its config with --config FILE")),
    }
}

/// The record of the arcanos that holds this state directory, if one does. Waits for one that is
/// about to write its record, as after a start or when the directory was removed.
///
/// # Errors
/// The directory is not ours, or cannot be read.
pub(crate) fn running(state_directory: &Path) -> Result<Option<(StateDir, Instance)>, Failure> {
    let deadline = Instant::now() + RECORD_WAIT;
    loop {
        let found = recorded(state_directory)?;
        let is_soon = || Instant::now() < deadline && StateDir::is_guarded(state_directory);
        if found.is_some() || !is_soon() {
            return Ok(found);
        }
        thread::sleep(RECORD_PAUSE);
    }
}

fn recorded(state_directory: &Path) -> Result<Option<(StateDir, Instance)>, Failure> {
    let failed = |error: StateError| Failure::new(exit::FAILED, load::chain(&error));
    let state = match StateDir::open_existing(state_directory) {
        Err(StateError::Missing(_)) => return Ok(None),
        other => other.map_err(failed)?,
    };
    if !state.is_held().map_err(failed)? {
        return Ok(None);
    }
    // Held without a record: it has not come so far yet.
    Ok(state.read_instance().map_err(failed)?.map(|instance| (state, instance)))
}

/// The workers of this arcanos; `None` where it does not answer within a second.
pub(crate) async fn workers(found: &Found) -> Option<Vec<wire::Worker>> {
    let mut answer = timeout(BRIEF, found.client.read("/workers")).await.ok()?.ok()?;
    understand(answer.get_mut("workers")?.take()).ok()
}

fn connect(state: StateDir, instance: Instance, token: Option<Secret>) -> Result<Found, Failure> {
    let Some(address) = instance.address else {
        return Err(Failure::new(
            exit::NOT_RUNNING,
            format!("the arcanos with the pid {} has no server to talk to", instance.pid),
        )
        .with_remedy("`arcanos start-workers` has none; `arcanos run` has one"));
    };
    Ok(Found { client: Client::new(reachable_address(address), token), instance, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_the_lock_is_not_a_running_arcanos() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(".arcanos");
        assert_eq!(running(&directory).unwrap(), None);
        let state = StateDir::open(&directory).unwrap();
        let instance = Instance::own(&root.path().join("arcanos.toml"));
        state.write_instance(&instance).unwrap();
        assert_eq!(running(&directory).unwrap(), None);
        let _lock = state.lock().unwrap();
        let found = running(&directory).unwrap();
        assert_eq!(found.as_ref().map(|(_, instance)| instance), Some(&instance));
        let failure = connect(state, instance, None).expect_err("it does not listen");
        assert_eq!(failure.code(), exit::NOT_RUNNING);
    }
}
