//! Collects what may explain the end of a run.

use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::timeout};

use super::{end_facts, live_run::RunTask};
use crate::{
    domain::{Evidence, Exit, Stamp},
    files::logs::{LogLine, Stream, TailQuery},
    process::Process,
    worker::{Report, most_relevant, uncoloured},
};

/// The last lines of stderr that are looked at for the cause of a failure.
/// An error of the SDK with its causes takes up to forty.
const LAST_LINES: usize = 80;

/// How many of these lines are kept for people to see.
const KEPT_LINES: usize = 20;

/// Characters of each that are kept: with the above, what a failed worker costs.
const KEPT_WIDTH: usize = 200;

/// How long the project's folders may take to be searched for what a failure is about.
const FACTS_LIMIT: Duration = Duration::from_secs(1);

/// What may explain the end of this run, whose process has exited; no line of it is older than
/// `since`.
pub(super) async fn collect(
    task: &RunTask,
    process: &Process,
    since: Stamp,
    exit: Exit,
) -> Evidence {
    let peak_memory = process.peak_memory();
    let killed_remains = process.killed_remains();
    let is_success = task.spec.policy.restart.success_codes.includes(exit);
    // Only an end with 0 may need an explanation though it is a success.
    let is_own_code = is_success && exit != Exit::Code(0);
    if is_own_code || task.stop_request.get().stop.is_some() {
        return Evidence { peak_memory, killed_remains, ..Evidence::default() };
    }
    let lines = last_lines(task, since).await;
    let diagnosis = match process.ran_out_of_memory() {
        true => Some("it met its `limits.memory`, and the kernel killed it".to_owned()),
        false => diagnosis(task, exit, &lines).await.map(|text| task.context.logs.shown(&text)),
    };
    if is_success {
        return Evidence { diagnosis, peak_memory, killed_remains, ..Evidence::default() };
    }
    let cut = |line: &String| uncoloured(line).chars().take(KEPT_WIDTH).collect();
    let last_lines = most_relevant(&lines, KEPT_LINES).iter().map(cut).collect();
    Evidence { diagnosis, last_lines, peak_memory, killed_remains }
}

/// Why the run ended, by its own last words.
async fn diagnosis(task: &RunTask, exit: Exit, lines: &[String]) -> Option<String> {
    let report = Report::new(exit, lines);
    let questions = report.questions();
    let spec = Arc::clone(&task.spec);
    let address = *task.context.address.borrow();
    let known = task.context.board.known_variables();
    // The folders of the project may lie on a disk that hangs.
    let asked =
        spawn_blocking(move || end_facts::look_up(&questions, &spec.launch, address, &known));
    let facts = timeout(FACTS_LIMIT, asked).await;
    report.reason(&facts.ok().and_then(Result::ok).unwrap_or_default())
}

/// The run's last lines on stderr, oldest first.
async fn last_lines(task: &RunTask, since: Stamp) -> Vec<String> {
    let query = TailQuery {
        stream: Some(Stream::Stderr),
        since: Some(since.in_milliseconds()),
        ..TailQuery::last(LAST_LINES)
    };
    let lines = task.context.logs.tail(Some(&task.spec.id), &query).await;
    let is_own = |line: &LogLine| line.run.as_ref().is_some_and(|run| *run == task.id);
    lines.into_iter().filter(is_own).map(|line| line.text).collect()
}
