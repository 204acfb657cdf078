//! A probe: the health check of a run, asked again and again.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{EnvMap, os_text};

/// The probe of `[liveness]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub target: ProbeTarget,
    /// From one question to the next.
    pub every: Duration,
    /// An answer that takes longer is a failure.
    pub timeout: Duration,
    /// So many failures in a row end the run; at least one.
    pub failures: u32,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ProbeTarget {
    /// A GET of this http(s) URL: a status from 200 to 399 is a success.
    Http(String),
    /// A command: exit code 0 is a success.
    Command(ProbeCommand),
}

/// The command of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeCommand {
    /// The program, a path or a name to be looked up on the `PATH` of `env`, and its arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub env: EnvMap,
    /// Its working directory, absolute.
    #[serde(with = "os_text")]
    pub cwd: PathBuf,
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// The run works.
    Good,
    /// It does not, with the reason in words.
    Bad(String),
    /// The machine could not ask for the moment, which says nothing of the run.
    Unknown,
}
