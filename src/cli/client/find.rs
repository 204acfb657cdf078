//! Finds the running arcanos through the state directory.
//!
//! The config says where that is. A config that is broken just now must not keep anybody from
//! talking to an arcanos that runs by an earlier one, so then the two keys that matter are read
//! by themselves.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;
use toml::de::DeTable;

use super::Client;
use crate::{
    cli::{
        args::Globals,
        exit::{self, Failure},
        json::understand,
        load, wire,
    },
    config::Secret,
    domain::reachable_address,
    files::state::{Instance, StateDir, StateError},
};

/// How long a command that could do without an answer waits for one.
const BRIEF: Duration = Duration::from_secs(1);

/// What must be known to talk to the running arcanos.
#[derive(Clone, Debug)]
pub(crate) struct InstanceLocator {
    pub(crate) state_directory: PathBuf,
    pub(crate) token: Option<Secret>,
}

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
    let whereabouts = whereabouts(globals, &file);
    match running(&whereabouts.state_directory)? {
        Some((state, instance)) => connect(state, instance, whereabouts.token),
        None if !file.exists() => Err(load::missing(&file)),
        None => Err(Failure::new(
            exit::NOT_RUNNING,
            format!("no arcanos runs on `{}`", whereabouts.state_directory.display()),
        )
        .with_remedy("start one with `arcanos`, or name its config with --config FILE")),
    }
}

/// The record of the arcanos that holds this state directory, if one does.
///
/// # Errors
/// The directory is not ours, or cannot be read.
pub(crate) fn running(state_directory: &Path) -> Result<Option<(StateDir, Instance)>, Failure> {
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

/// Where the running one is to be looked for, as far as the config tells.
pub(crate) fn whereabouts(globals: &Globals, file: &Path) -> InstanceLocator {
    match load::config(globals) {
        Ok(loaded) => InstanceLocator {
            state_directory: loaded.config.state_directory.clone(),
            token: loaded.config.server.token.clone(),
        },
        Err(_) => lenient(file),
    }
}

/// The workers of the arcanos that runs, and its pid; `None` where none runs or it does not say so
/// within a second.
pub(crate) async fn workers(globals: &Globals) -> Option<(u32, Vec<wire::Worker>)> {
    let found = find(globals).ok()?;
    let mut answer = timeout(BRIEF, found.client.read("/workers")).await.ok()?.ok()?;
    let workers = understand(answer.get_mut("workers")?.take()).ok()?;
    Some((found.instance.pid, workers))
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

/// The two keys out of a config that is not good as a whole.
fn lenient(file: &Path) -> InstanceLocator {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // Of a text that is no TOML, what can be read counts.
    let (table, _) = DeTable::parse_recoverable(&text);
    let key = |section: &str, key: &str| {
        let variable = format!("ARCANOS__{section}__{key}").to_uppercase();
        let told = env::var(variable).ok();
        let written = || {
            let value = table.get_ref().get(section)?.get_ref().get(key)?.get_ref();
            value.as_str().map(str::to_owned)
        };
        // What would have to be interpolated is not guessed at.
        told.or_else(written).filter(|value| !value.is_empty() && !value.contains("${"))
    };
    let directory = key("state", "directory").unwrap_or_else(|| ".arcanos".to_owned());
    let from_file = || {
        let text = std::fs::read_to_string(folder.join(key("server", "token_file")?)).ok()?;
        Some(text.trim().to_owned())
    };
    InstanceLocator {
        state_directory: folder.join(directory),
        token: key("server", "token").or_else(from_file).map(Secret::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_config_still_tells_where_the_running_one_is() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("arcanos.toml");
        for (text, directory, token) in [
            ("[restart]\nmax_atempts = 1\n", ".arcanos", None),
            (
                "[state]\ndirectory = \"run\"\n[server]\ntoken = \"t0ken\"\n[x]",
                "run",
                Some("t0ken"),
            ),
            ("[server]\ntoken_file = \"the.token\"\n", ".arcanos", Some("from a file")),
            ("[state\n", ".arcanos", None),
            ("[server]\ntoken = 't'\n[state]\ndirectory = 'run'\n[x\n[state]\ny", "run", Some("t")),
        ] {
            std::fs::write(&file, text).unwrap();
            std::fs::write(root.path().join("the.token"), "from a file\n").unwrap();
            let found = lenient(&file);
            assert_eq!(found.state_directory, root.path().join(directory), "{text}");
            assert_eq!(found.token.as_ref().map(|t| t.expose()), token, "{text}");
        }
    }

    #[test]
    fn a_record_without_the_lock_is_no_running_arcanos() {
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
