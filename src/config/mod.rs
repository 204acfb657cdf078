//! Text in, [`Config`] or located errors out.
//!
//! Opens no file and reads no environment: both are handed in.

mod model;

pub use model::{
    Config, Discovery, Env, Log, LogFormat, LogKind, Model, Rule, Secret, Server, Upstream, View,
    Watch, WorkerSettings,
};
