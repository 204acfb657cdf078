//! The task of one run: spawns its process, moves what comes out of it, waits for its end.
//!
//! Channels: `stop_request`, a [`Latest`], and `inputs`, a [`Mailbox`], from the worker's task;
//! `events` to it. What the run sends on its own channel is logged here; the worker's task gets
//! only what may change the worker's state.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    context::Context,
    live_run::{RunEvent, StopRequest},
    panic_cleanup,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{
        ActivityKind, Evidence, Exit, InstanceName, LastActivity, RunId, Stamp, WorkerSpec,
        reachable_address,
    },
    failpoint::failpoint,
    files::{
        self,
        logs::{LogLine, Stream, TailQuery, WorkerLog},
    },
    process::{self, Channel, Command, Incoming, Process, SpawnError, Spawned},
    text,
    timer::until,
    worker::{Event, RunKey, diagnose, telling},
};

/// How long a run's channel is read after the run has ended. The figure is the contract's.
const DRAIN: Duration = Duration::from_millis(200);

/// How long a run that got the shutdown message on its channel may act on it before the signal
/// comes: the signal ends a run that has no handler for it at once.
const SHUTDOWN_MESSAGE_GRACE: Duration = Duration::from_millis(200);

/// Bytes of an activity that the status shows.
const SHOWN: usize = 1024;

/// The last lines of stderr that are looked at for the cause of a failure.
/// An error of the SDK with its causes takes up to forty.
const LAST_LINES: usize = 80;

/// How many of them are kept for people to see.
const KEPT_LINES: usize = 20;

/// Characters of each that are kept: with the above, what a failed worker costs.
const KEPT_WIDTH: usize = 200;

/// A run that is to be launched, with all that its task needs.
pub(super) struct Launch {
    pub(super) context: Arc<Context>,
    pub(super) key: RunKey,
    pub(super) id: RunId,
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) input: Option<String>,
    pub(super) stop_request: Arc<Latest<StopRequest>>,
    pub(super) inputs: Arc<Mailbox<String>>,
    pub(super) events: Arc<Mailbox<RunEvent>>,
    pub(super) activity: Arc<Latest<Option<LastActivity>>>,
    pub(super) log: WorkerLog,
}

/// What woke the task.
enum Wake {
    Exited(Exit),
    Message(Option<Incoming>),
    StopRequest,
    Input(String),
    /// The run has had the shutdown message for long enough.
    GraceOver,
}

impl Launch {
    /// Drives the run to its end. Futures that live for a moment only are boxed, and so is `self`,
    /// which a future keeps twice: what is not boxed takes memory as long as the run lives.
    pub(super) async fn drive(self: Box<Self>) {
        let run = self.key;
        let since = Stamp::now();
        let spawned = Box::pin(self.spawn()).await;
        let Spawned { process, stdout, stderr, channel, warnings } = match spawned {
            Ok(spawned) => spawned,
            Err(error) => {
                let is_transient = error.is_transient();
                // The error names a program, folder or user, and any of them may contain a secret.
                let reason = self.context.logs.redact(&format!("cannot {error}"));
                self.send(Event::SpawnFailed { run, reason, is_transient }).await;
                return;
            }
        };
        for warning in &warnings {
            self.log
                .lifecycle(Some(&self.id), &format!("Warning: Worker {}: {warning}", self.spec.id));
        }
        if !warnings.is_empty() {
            self.send(Event::LimitsNotApplied { run, warnings }).await;
        }
        let instance = InstanceName::new(&process.pid().to_string());
        self.send(Event::Spawned { run, id: self.id.clone(), instance }).await;
        let ended = CancellationToken::new();
        let out = self.log.capture(stdout, Stream::Stdout, &self.id, &ended);
        let err = self.log.capture(stderr, Stream::Stderr, &self.id, &ended);
        let channel = channel.and_then(|fd| match Channel::new(fd) {
            Ok(channel) => Some(channel),
            Err(error) => {
                tracing::error!(run = %self.id, error = %error, "Channel cannot be read.");
                None
            }
        });
        let mut child = RunningChild { launch: &self, since, process, channel, signal: None };
        let watched = async {
            let exit = child.watch().await;
            ended.cancel();
            Box::pin(child.drain()).await;
            exit
        };
        let (exit, (), ()) = tokio::join!(watched, out, err);
        child.log_survivors();
        let evidence = Box::pin(child.evidence(exit)).await;
        self.send(Event::Exited { run, exit, evidence }).await;
    }

    async fn spawn(&self) -> Result<Spawned, SpawnError> {
        self.context.spawner.spawn(self.command()?).await
    }

    async fn send(&self, event: Event) {
        // The worker's task outlives its runs, since it waits for the exit of each; only after a
        // panic is it gone, and then nobody needs the event.
        let _ = Box::pin(self.events.put(RunEvent(event))).await;
    }

    /// The command of this run: that of the spec, with what differs from run to run.
    fn command(&self) -> Result<Command, SpawnError> {
        let launch = &self.spec.launch;
        // The folder is away for now (a share, a checkout), or the file was removed and the
        // observer has not noticed yet. Neither is a failure of the worker, so it must not cost an
        // attempt.
        if matches!(launch.file.try_exists(), Ok(false)) {
            return Err(SpawnError::ResourceShortage {
                step: "find the worker's file".to_owned(),
                errno: libc::ENOENT,
            });
        }
        // Check the mode anew: a restart after a crash may come before the observer sees that the
        // file was opened to others.
        let open = files::open_to_all(&launch.file);
        if let Some(reason) = open.or_else(|| self.spec.untrusted.clone()) {
            let path = launch.file.display().to_string();
            return Err(SpawnError::Failed { step: "run", path, reason });
        }
        let mut env: BTreeMap<String, String> = launch.env.0.clone();
        if let Some(address) = *self.context.address.borrow() {
            env.insert("ARCANOS_URL".to_owned(), format!("http://{}", reachable_address(address)));
        }
        // Node resolves the links of the main file but not those of `process.argv[1]`; the idioms
        // that compare the two hold only for a path without links.
        let real = std::fs::canonicalize(&launch.file).unwrap_or_else(|_| launch.file.clone());
        let real = real.to_string_lossy();
        let mut command = Command {
            program: launch.program.clone(),
            args: launch.args.iter().map(|arg| arg.for_file(&real)).collect(),
            env: env.into_iter().collect(),
            cwd: launch.cwd.clone(),
            ipc: launch.ipc,
            limits: launch.limits,
            user: launch.user.clone(),
            run: self.id.clone(),
        };
        process::prepare_node(&mut command, &launch.file, launch.mode, self.input.as_deref())?;
        Ok(command)
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        panic_cleanup::report_lost(self.key, &self.events);
    }
}

/// A run with a process.
struct RunningChild<'a> {
    launch: &'a Launch,
    /// When it was launched: no line of it is older.
    since: Stamp,
    process: Process,
    channel: Option<Channel>,
    /// When the signal that asks it to end is due, and which.
    signal: Option<(Instant, i32)>,
}

impl RunningChild<'_> {
    /// Waits for the end of the process, and meanwhile handles messages, inputs and stop requests.
    async fn watch(&mut self) -> Exit {
        loop {
            match self.next().await {
                Wake::Exited(exit) => return exit,
                Wake::Message(Some(message)) => Box::pin(self.on_message(message)).await,
                Wake::Message(None) => self.channel = None,
                Wake::StopRequest => self.apply(),
                Wake::Input(input) => self.pass_on(&input),
                Wake::GraceOver => self.ask_to_stop(),
            }
        }
    }

    /// Waits for whatever comes first. Every arm is cancel-safe: an exit stays to be seen, a frame
    /// stays in the decoder, `changed` and `take` lose nothing, and the timer is made anew.
    async fn next(&mut self) -> Wake {
        let channel = &mut self.channel;
        let signal = self.signal.map(|(at, _)| at);
        tokio::select! {
            exit = self.process.exited() => Wake::Exited(exit),
            () = self.launch.stop_request.changed() => Wake::StopRequest,
            input = self.launch.inputs.take() => Wake::Input(input),
            message = next_message(channel) => Wake::Message(message),
            () = until(signal) => Wake::GraceOver,
        }
    }

    fn apply(&mut self) {
        let request = self.launch.stop_request.get();
        if request.is_kill {
            self.process.kill();
        } else if let Some((signal, timeout)) = request.stop {
            let speaker = self.channel.as_mut().filter(|channel| channel.has_spoken());
            // A run that does not read its channel gets the signal at once.
            let has_message = speaker.is_some_and(|channel| channel.shutdown(timeout).is_ok());
            let grace =
                if has_message { SHUTDOWN_MESSAGE_GRACE.min(timeout / 2) } else { Duration::ZERO };
            self.signal = Some((Instant::now() + grace, signal));
            if !has_message {
                self.ask_to_stop();
            }
        }
    }

    fn ask_to_stop(&mut self) {
        if let Some((_, signal)) = self.signal.take() {
            self.process.ask_to_stop(signal);
        }
    }

    fn pass_on(&mut self, input: &str) {
        let sent = self.channel.as_mut().map(|channel| channel.run(input));
        if !matches!(sent, Some(Ok(()))) {
            let log = &self.launch.log;
            log.lifecycle(
                Some(&self.launch.id),
                "An input was dropped: the worker does not read its channel",
            );
        }
    }

    async fn on_message(&mut self, message: Incoming) {
        failpoint("run", self.launch.spec.id.as_str());
        let run = self.launch.key;
        match message {
            Incoming::Ready => self.launch.send(Event::SaidReady(run)).await,
            Incoming::TaskBegan => self.launch.send(Event::TaskBegan(run)).await,
            Incoming::ExitReason { reason, retry_after } => {
                self.note(ActivityKind::ExitReason, &format!("exit reason: {reason}"));
                let reason = self.launch.context.logs.redact(&reason);
                let retry_after = retry_after.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.launch.send(Event::SaidExitReason { run, reason, retry_after }).await;
            }
            Incoming::Log { level, message } => {
                self.note(ActivityKind::Log, &format!("{level}: {message}"))
            }
            Incoming::Activity { message } => self.note(ActivityKind::Activity, &message),
            Incoming::Result { value } => {
                self.note(ActivityKind::Result, &format!("result: {value}"))
            }
            Incoming::Skipped(count) => {
                let counters = self.launch.log.counters();
                counters.dropped.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Logs a message of the run, and shows it as its last activity.
    fn note(&self, kind: ActivityKind, message: &str) {
        self.launch.log.activity(Some(&self.launch.id), message);
        let redacted = self.launch.context.logs.redact(message);
        let shown = text::shown(redacted.as_bytes(), SHOWN);
        self.launch.activity.set(Some(LastActivity { at: Stamp::now(), kind, message: shown }));
    }

    /// Reads the last messages, which the run sent just before it ended.
    async fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        if let Some(mut channel) = self.channel.take() {
            while let Some(message) = channel.recv_until(deadline).await {
                self.on_message(message).await;
            }
        }
    }

    /// Logs that some processes of the run could not be killed: a leak is never silent.
    fn log_survivors(&self) {
        let left = self.process.left_behind();
        if left > 0 {
            let text = format!("Warning: {left} processes that it started cannot be killed");
            self.launch.log.lifecycle(Some(&self.launch.id), &text);
        }
    }

    /// Collects what may explain the end of the run.
    async fn evidence(&self, exit: Exit) -> Evidence {
        let peak_memory = self.process.peak_memory();
        if exit.is_success() || self.launch.stop_request.get().stop.is_some() {
            return Evidence { peak_memory, ..Evidence::default() };
        }
        let lines = self.last_lines().await;
        let diagnosis = match self.process.ran_out_of_memory() {
            true => Some("it met its `limits.memory`, and the kernel killed it".to_owned()),
            false => diagnose(exit, &lines),
        };
        let cut = |line: &String| line.chars().take(KEPT_WIDTH).collect();
        let last_lines = telling(&lines, KEPT_LINES).iter().map(cut).collect();
        Evidence { diagnosis, last_lines, peak_memory }
    }

    /// The run's last lines on stderr, oldest first.
    async fn last_lines(&self) -> Vec<String> {
        let query = TailQuery {
            stream: Some(Stream::Stderr),
            since: Some(self.since.in_milliseconds()),
            ..TailQuery::last(LAST_LINES)
        };
        let logs = &self.launch.context.logs;
        let lines = logs.tail(Some(&self.launch.spec.id), &query).await;
        let is_own = |line: &LogLine| line.run.as_ref().is_some_and(|run| *run == self.launch.id);
        lines.into_iter().filter(is_own).map(|line| line.text).collect()
    }
}

/// The next message of the run; never without a channel.
async fn next_message(channel: &mut Option<Channel>) -> Option<Incoming> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
    }
}
