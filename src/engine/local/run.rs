//! The task of one run: spawns its process, moves what comes out of it, waits for its end.
//!
//! Channels: `stop_request`, a [`Latest`](super::sync::latest::Latest), and `deliveries`, a
//! [`Mailbox`](super::sync::mailbox::Mailbox), from the worker's task; `events` to it. What the run
//! sends on its own channel is logged here; the worker's task gets only what may change the worker's
//! state.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    evidence, launch,
    live_run::{Delivery, RunEvent, RunTask},
    panic_cleanup,
};
use crate::{
    domain::{ActivityKind, Exit, InstanceName, LastActivity, Stamp, StopMessage, StopPolicy},
    failpoint::failpoint,
    files::logs::{Source, Stream},
    process::{Channel, Incoming, MemoryWatch, Process, SpawnError, Spawned},
    text,
    timer::until,
    worker::{Event, SpawnFailure},
};

/// How long a run's channel is read after the run has ended. The figure is the contract's.
const DRAIN: Duration = Duration::from_millis(200);

/// How long a run that got the shutdown message on its channel may act on it before the signal
/// comes: the signal ends a run that has no handler for it at once.
const SHUTDOWN_MESSAGE_GRACE: Duration = Duration::from_millis(200);

/// How often the memory of a run is looked at whose limit the kernel does not hold. The figure is
/// the contract's.
const MEMORY_LOOK: Duration = Duration::from_secs(2);

/// Bytes of an activity that the status shows.
const SHOWN: usize = 1024;

/// What woke the task.
enum Wake {
    Exited(Exit),
    Message(Option<Incoming>),
    StopRequest,
    Delivery(Delivery),
    ReadyLine,
    /// The run has had the shutdown message for long enough.
    GraceOver,
    /// The run's memory is to be looked at.
    MemoryLook,
}

impl RunTask {
    /// Drives the run to its end. Futures that live for a moment only are boxed, and so is `self`,
    /// which a future keeps twice: what is not boxed takes memory as long as the run lives.
    pub(super) async fn drive(self: Box<Self>) {
        let run = self.key;
        let since = Stamp::now();
        self.context.logs.hold(&self.spec);
        let spawned = Box::pin(launch::launch(&self)).await;
        let Spawned { process, stdin, stdout, stderr, channel, memory, warnings } = match spawned {
            Ok(spawned) => spawned,
            Err(error) => {
                let failure = match &error {
                    SpawnError::Hangs { .. } => SpawnFailure::Hang,
                    error if error.is_transient() => SpawnFailure::Shortage,
                    _ => SpawnFailure::Lasting,
                };
                // The error names a program, folder or user, and any of them may contain a secret.
                let reason = self.context.logs.shown(&format!("cannot {error}"));
                self.send(Event::SpawnFailed { run, reason, failure }).await;
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
        let watch = Some(&*self.ready_line);
        let source = |stream| Source { stream, run: &self.id, ended: &ended, watch };
        let out = self.log.capture(stdout, source(Stream::Stdout));
        let err = self.log.capture(stderr, source(Stream::Stderr));
        let channel = channel.and_then(|fd| match Channel::new(fd) {
            Ok(channel) => Some(channel),
            Err(error) => {
                tracing::error!(run = %self.id, error = %error, "Channel cannot be read.");
                None
            }
        });
        let memory = memory.map(|watch| (Instant::now() + MEMORY_LOOK, watch));
        let mut child = RunningChild { task: &self, process, channel, memory, signal: None };
        let watched = async {
            let exit = child.watch().await;
            ended.cancel();
            Box::pin(child.drain()).await;
            exit
        };
        let (exit, (), ()) = tokio::join!(watched, out, err);
        drop(stdin);
        child.log_survivors();
        let evidence = Box::pin(evidence::collect(&self, &child.process, since, exit)).await;
        self.send(Event::Exited { run, exit, evidence }).await;
    }

    async fn send(&self, event: Event) {
        // The worker's task outlives its runs, since it waits for the exit of each; only after a
        // panic is it gone, and then nobody needs the event.
        let _ = Box::pin(self.events.put(RunEvent(event))).await;
    }
}

impl Drop for RunTask {
    fn drop(&mut self) {
        panic_cleanup::report_lost(self.key, &self.events);
    }
}

/// A run with a process.
struct RunningChild<'a> {
    task: &'a RunTask,
    process: Process,
    channel: Option<Channel>,
    /// The memory that is to be looked at, and when; `None` as long as nobody has to.
    memory: Option<(Instant, MemoryWatch)>,
    /// When the signal that asks it to end is due, and how it is sent.
    signal: Option<(Instant, StopPolicy)>,
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
                Wake::Delivery(Delivery::Input(input)) => self.pass_on(&input),
                Wake::Delivery(Delivery::Signal(signal)) => self.process.signal_leader(signal),
                Wake::ReadyLine => {
                    self.task.send(Event::PrintedReadyLine(self.task.key)).await;
                }
                Wake::GraceOver => self.ask_to_stop(),
                Wake::MemoryLook => Box::pin(self.look_at_memory()).await,
            }
        }
    }

    /// Waits for whatever comes first. Every arm is cancel-safe: an exit stays to be seen, a frame
    /// stays in the decoder, `changed` and `take` lose nothing, and the timer is made anew.
    async fn next(&mut self) -> Wake {
        let channel = &mut self.channel;
        let signal = self.signal.map(|(at, _)| at);
        let look = self.memory.as_ref().map(|(at, _)| *at);
        tokio::select! {
            exit = self.process.exited() => Wake::Exited(exit),
            () = self.task.stop_request.changed() => Wake::StopRequest,
            delivery = self.task.deliveries.take() => Wake::Delivery(delivery),
            () = self.task.ready_line.found() => Wake::ReadyLine,
            message = super::live_run::next_message(channel) => Wake::Message(message),
            () = until(signal) => Wake::GraceOver,
            () = until(look) => Wake::MemoryLook,
        }
    }

    fn apply(&mut self) {
        let request = self.task.stop_request.get();
        if request.is_kill {
            self.process.kill();
        } else if let Some(policy) = request.stop {
            self.process.begin_stop();
            self.memory = None;
            let grace = self.send_shutdown(policy);
            self.signal = Some((Instant::now() + grace, policy));
            if grace.is_zero() {
                self.ask_to_stop();
            }
        }
    }

    /// Sends the run the shutdown message, if it is for it. Returns how long the signal waits.
    fn send_shutdown(&mut self, policy: StopPolicy) -> Duration {
        let StopPolicy { message, timeout, .. } = policy;
        let is_for = |channel: &&mut Channel| match message {
            StopMessage::Object => channel.has_spoken(),
            // A worker of PM2 may only listen.
            StopMessage::String => true,
        };
        let channel = self.channel.as_mut().filter(is_for);
        // A run that does not read its channel gets the signal at once.
        if channel.is_none_or(|channel| channel.shutdown(message, timeout).is_err()) {
            return Duration::ZERO;
        }
        match message {
            StopMessage::Object => SHUTDOWN_MESSAGE_GRACE.min(timeout / 2),
            // PM2 sends such a worker no signal, so it may have no handler for one, and would die
            // of it in the middle of its end.
            StopMessage::String => timeout / 2,
        }
    }

    fn ask_to_stop(&mut self) {
        if let Some((_, policy)) = self.signal.take() {
            self.process.ask_to_stop(policy.signal, policy.to);
        }
    }

    /// Looks at what the run has resident. Its leader is not reaped meanwhile: only
    /// [`RunningChild::next`] does that.
    async fn look_at_memory(&mut self) {
        let Some((_, watch)) = self.memory.take() else {
            return;
        };
        let (run, limit) = (self.task.key, watch.limit());
        // Many small files, if the run has many processes.
        let looked = spawn_blocking(move || (watch.resident(), watch)).await;
        let Ok((used, watch)) = looked else {
            return;
        };
        if used > limit {
            self.task.send(Event::MemorySeen { run, used, limit }).await;
        }
        self.memory = Some((Instant::now() + MEMORY_LOOK, watch));
    }

    fn pass_on(&mut self, input: &str) {
        let sent = self.channel.as_mut().map(|channel| channel.run(input));
        if !matches!(sent, Some(Ok(()))) {
            let log = &self.task.log;
            log.lifecycle(
                Some(&self.task.id),
                "An input was dropped: the worker does not read its channel",
            );
        }
    }

    async fn on_message(&mut self, message: Incoming) {
        failpoint("run", self.task.spec.id.as_str());
        let run = self.task.key;
        match message {
            Incoming::Ready => self.task.send(Event::SaidReady(run)).await,
            Incoming::TaskBegan => self.task.send(Event::TaskBegan(run)).await,
            Incoming::ExitReason { reason, retry_after } => {
                self.note(ActivityKind::ExitReason, &format!("exit reason: {reason}"));
                let reason = self.task.context.logs.shown(&reason);
                let retry_after = retry_after.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.task.send(Event::SaidExitReason { run, reason, retry_after }).await;
            }
            Incoming::Log { level, message } => {
                self.note(ActivityKind::Log, &format!("{level}: {message}"))
            }
            Incoming::Activity { message } => self.note(ActivityKind::Activity, &message),
            Incoming::Result { value } => {
                self.note(ActivityKind::Result, &format!("result: {value}"))
            }
            Incoming::Skipped(count) => {
                let counters = self.task.log.counters();
                counters.dropped.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Logs a message of the run, and shows it as its last activity.
    fn note(&self, kind: ActivityKind, message: &str) {
        self.task.log.activity(Some(&self.task.id), message);
        let redacted = self.task.context.logs.redact(message);
        let shown = text::fitted(redacted.as_bytes(), SHOWN);
        self.task.activity.set(Some(LastActivity { at: Stamp::now(), kind, message: shown }));
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
            self.task.log.lifecycle(Some(&self.task.id), &text);
        }
    }
}
