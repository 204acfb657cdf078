//! Asks one question of a probe.

use super::{get::get, question::Question, run_command::run_command};
use crate::{
    domain::{ProbeAnswer, ProbeTarget},
    process::Spawner,
};

/// Asks once. When this returns, the command of the probe and all that it started has ended, also
/// if it was late or the question was dropped.
pub(crate) async fn ask(question: &Question<'_>, spawner: &Spawner) -> ProbeAnswer {
    match &question.probe.target {
        ProbeTarget::Http(url) => tokio::select! {
            // Cancel-safe: an answer that nobody wants may be lost.
            answer = get(url, question.probe.timeout) => answer,
            () = question.dropped.cancelled() => ProbeAnswer::Unknown,
        },
        ProbeTarget::Command(command) => run_command(command, question, spawner).await,
    }
}
