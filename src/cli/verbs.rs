//! `start`, `stop`, `restart`, `signal`, `run-task`, `reload`: commands to the running arcanos.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use hyper::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    cli::{
        args::{Globals, RunTask, Signal, Workers},
        client::{Answer, Client, ClientError, Wait, find},
        exit::{self, Failure},
        json::{pretty, understand},
        plan_lines,
        terminal::{Colours, Output, Tone},
        wire,
    },
    domain::signal_name,
    text::escape,
};

/// An answer that takes longer is worth a word about whom it waits for.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

/// The most of stdin that is taken as an input, in bytes; the server takes 64 KiB.
const MAX_INPUT: u64 = 64 * 1024 + 1;

/// How many of a worker's last messages are searched for its result, which is the last one, but for
/// what the task left behind to be said.
const LAST_MESSAGES: usize = 50;

/// How long a run that is up may take until it shows that it is a task: loading its modules.
const TASK_BEGINS: Duration = Duration::from_secs(5);

/// How often a task is asked for its end.
const TASK_POLL: Duration = Duration::from_millis(100);

/// What is asked of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Restart,
}

impl Verb {
    const fn route(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
        }
    }
}

/// Asks the same of several workers at once; each one's answer is printed.
///
/// # Errors
/// None runs, or it did not come about with all of them.
pub(crate) async fn workers(
    globals: &Globals,
    verb: Verb,
    args: &Workers,
    out: &mut Output,
) -> Result<(), Failure> {
    if args.all {
        return all(globals, verb, args, out).await;
    }
    let client = find::find(globals)?.client;
    let wait = if args.no_wait { "" } else { "?wait=1" };
    let mut requests = JoinSet::new();
    for (n, worker) in args.workers.iter().enumerate() {
        let path = format!("/workers/{}/{}{wait}", verb.route(), segment(worker));
        let (client, worker) = (client.clone(), worker.clone());
        requests.spawn(async move {
            let answer = patiently(&client, &path, None, &worker).await;
            (n, worker, answer)
        });
    }
    let mut answers = requests.join_all().await;
    answers.sort_by_key(|(n, ..)| *n);
    print_answers(globals, verb, args, answers, out)?;
    Ok(out.flush()?)
}

fn print_answers(
    globals: &Globals,
    verb: Verb,
    args: &Workers,
    answers: Vec<(usize, String, Result<Answer, ClientError>)>,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    let mut results = Vec::new();
    for (_, worker, answer) in answers {
        match answer.map_err(Failure::from).and_then(|a| Ok(a.good()?)) {
            Ok(body) if globals.json => results.push(body),
            Ok(_) if args.no_wait => {
                out.line(&format!("{worker}: {} is on its way", verb.route()))?
            }
            Ok(_) => out.line(&format!("{worker}: {}", verb.done()))?,
            Err(failure) => {
                results.push(json!({ "success": false, "message": failure.message() }));
                failures.push((worker, failure));
            }
        }
    }
    if globals.json {
        out.line(&pretty(&Value::Array(results)))?;
    }
    out.flush()?;
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0).1),
        _ => {
            let code = failures[0].1.code();
            let texts: Vec<_> =
                failures.iter().map(|(id, f)| format!("{id}: {}", f.message())).collect();
            Err(Failure::new(code, texts.join("\n       ")))
        }
    }
}

/// Asks the same of all workers.
async fn all(
    globals: &Globals,
    verb: Verb,
    args: &Workers,
    out: &mut Output,
) -> Result<(), Failure> {
    let client = find::find(globals)?.client;
    let wait = if args.no_wait { "" } else { "?wait=1" };
    let path = format!("/workers/{}-all{wait}", verb.route());
    let body = patiently(&client, &path, None, "all workers").await?.good()?;
    if globals.json || args.no_wait {
        return say(globals, &body, out);
    }
    out.line(&format!("all workers: {}", verb.done()))?;
    Ok(out.flush()?)
}

/// Sends a signal to the first process of a worker's run.
///
/// # Errors
/// None runs, or the worker has no process.
pub(crate) async fn signal(
    globals: &Globals,
    args: &Signal,
    out: &mut Output,
) -> Result<(), Failure> {
    let client = find::find(globals)?.client;
    let (id, name) = (segment(&args.worker), signal_name(args.signal));
    let path = format!("/workers/signal/{id}?signal={name}");
    let answer = client.ask(Method::POST, &path, None, Wait::Short).await?.good()?;
    say(globals, &answer, out)
}

/// Runs one worker once.
///
/// # Errors
/// The input is not JSON (exit 2); no arcanos runs; the worker does not take it.
pub(crate) async fn run_task(
    globals: &Globals,
    args: &RunTask,
    out: &mut Output,
) -> Result<(), Failure> {
    let input = input(args.input.as_deref())?;
    let client = find::find(globals)?.client;
    let wait = if args.no_wait { "" } else { "?wait=1" };
    let id = segment(&args.worker);
    let path = format!("/workers/run/{id}{wait}");
    let answer = patiently(&client, &path, Some(input), &args.worker).await?.good()?;
    if globals.json || args.no_wait {
        return say(globals, &answer, out);
    }
    let worker = when_done(&client, &id).await?;
    if !matches!(worker.state.as_str(), "completed" | "scheduled") {
        out.line(&format!("{}: {}", args.worker, escape(worker.state.as_bytes())))?;
        return Ok(out.flush()?);
    }
    out.line(&format!("{}: completed", args.worker))?;
    let path = format!("/workers/logs/{id}?stream=activity&lines={LAST_MESSAGES}&format=json");
    let lines: wire::Lines = understand(client.read(&path).await?)?;
    if let Some(result) = result_of(&worker, &lines) {
        out.line(&escape(result.as_bytes()))?;
    }
    Ok(out.flush()?)
}

/// The worker once its task has ended; at once if it runs no task. A run with `mode = "auto"` has
/// [`TASK_BEGINS`] to show that it is a task.
async fn when_done(client: &Client, id: &str) -> Result<wire::Worker, Failure> {
    let begin = Instant::now();
    loop {
        let worker: wire::Worker = understand(client.read(&format!("/workers/{id}")).await?)?;
        let may_be_task = match worker.mode.as_deref() {
            Some("task") => true,
            Some("auto") => begin.elapsed() < TASK_BEGINS,
            _ => false,
        };
        if !may_be_task || !matches!(worker.state.as_str(), "starting" | "running") {
            return Ok(worker);
        }
        sleep(TASK_POLL).await;
    }
}

/// The result that the worker's last run gave: the last one that came since its start.
fn result_of<'a>(worker: &wire::Worker, lines: &'a wire::Lines) -> Option<&'a str> {
    let is_of_last_run = |line: &&wire::Line| line.ts >= worker.last_run_at;
    let of_last_run = lines.logs.iter().rev().take_while(is_of_last_run);
    of_last_run.map(|line| line.message.as_str()).find(|text| text.starts_with("result: "))
}

/// Makes the running arcanos look at the disk.
///
/// # Errors
/// None runs, or the config is bad (exit 2).
pub(crate) async fn reload(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let client = find::find(globals)?.client;
    let answer = client.ask(Method::POST, "/reload", None, Wait::Long).await?;
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
        if globals.json {
            out.line(&pretty(&answer.body))?;
            out.flush()?;
        }
        return Err(rejected(&answer));
    }
    let body = answer.good()?;
    if globals.json {
        out.line(&pretty(&body))?;
        return Ok(out.flush()?);
    }
    let plan: wire::Plan = understand(body.get("plan").cloned().unwrap_or_default())?;
    for line in plan_lines::of_plan(&plan, out.colours()) {
        out.line(&line)?;
    }
    out.line(&format!("generation {}", body.get("generation").unwrap_or(&Value::Null)))?;
    Ok(out.flush()?)
}

fn rejected(answer: &Answer) -> Failure {
    let errors: Vec<_> = answer
        .body
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|text| escape(text.as_bytes()).into_owned())
        .collect();
    let text =
        if errors.is_empty() { answer.refusal().to_string() } else { errors.join("\n       ") };
    Failure::new(exit::BAD_USAGE, text).with_remedy("what runs goes on by the last good config")
}

/// What the answer says.
fn say(globals: &Globals, answer: &Value, out: &mut Output) -> Result<(), Failure> {
    if globals.json {
        out.line(&pretty(answer))?;
    } else if let Some(message) = answer.get("message").and_then(Value::as_str) {
        out.line(&escape(message.as_bytes()))?;
    }
    Ok(out.flush()?)
}

/// Asks, and says on a terminal whom it waits for once that takes its time.
async fn patiently(
    client: &Client,
    path: &str,
    body: Option<String>,
    worker: &str,
) -> Result<Answer, ClientError> {
    let mut answer = Box::pin(client.ask(Method::POST, path, body, Wait::Long));
    if let Ok(answer) = timeout(WORTH_A_WORD, &mut answer).await {
        return answer;
    }
    let colours = Colours::of(&io::stderr());
    if io::IsTerminal::is_terminal(&io::stderr()) {
        let word =
            format!("waiting for {} … (Ctrl-C leaves it to itself)", escape(worker.as_bytes()));
        // Nobody needs the word who cannot see it.
        let _ = writeln!(io::stderr(), "{}", colours.paint(Tone::Faint, &word));
    }
    answer.await
}

/// The input as JSON text; nothing is `null`.
fn input(argument: Option<&str>) -> Result<String, Failure> {
    let bad = |text: String| {
        Failure::new(exit::BAD_USAGE, text)
            .with_remedy("give one JSON value, as in --input '{\"url\":\"https://example.org\"}'")
    };
    let text = match argument {
        None => return Ok("null".to_owned()),
        Some("-") => {
            let mut text = String::new();
            let read = io::stdin().take(MAX_INPUT).read_to_string(&mut text);
            read.map_err(|error| bad(format!("cannot read the input from stdin: {error}")))?;
            text
        }
        Some(text) => text.to_owned(),
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => Err(bad(format!("the input is no JSON: {error}"))),
    }
}

/// An id as a part of a path, whatever was typed.
pub(crate) fn segment(id: &str) -> String {
    const UNRESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b'.');
    match id {
        // Of dots alone a path would make something else.
        "." | ".." => id.replace('.', "%2E"),
        _ => utf8_percent_encode(id, UNRESERVED).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_one_json_value() {
        assert_eq!(input(None).as_deref(), Ok("null"));
        assert_eq!(input(Some(" {\"a\":[1,\"zwei\"]} ")).as_deref(), Ok("{\"a\":[1,\"zwei\"]}"));
        for bad in ["{oops", "", "1 2"] {
            assert_eq!(input(Some(bad)).expect_err(bad).code(), exit::BAD_USAGE);
        }
    }

    #[test]
    fn whatever_is_typed_stays_one_part_of_the_path() {
        for (id, part) in [
            ("goal.Watcher_1-2", "goal.Watcher_1-2"),
            ("../x?y#z", "..%2Fx%3Fy%23z"),
            ("..", "%2E%2E"),
            ("ü\n", "%C3%BC%0A"),
        ] {
            assert_eq!(segment(id), part);
        }
    }

    #[test]
    fn a_rejected_reload_lists_every_error() {
        let body = json!({ "errors": ["arcanos.toml:1:1: a: b", "arcanos.toml:2:1: c: d"] });
        let answer = Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body };
        let failure = rejected(&answer);
        assert_eq!(failure.code(), exit::BAD_USAGE);
        assert!(failure.message().contains("1:1: a: b") && failure.message().contains("2:1: c: d"));
    }
}
