//! The task of one worker: passes events to the worker's machine and carries out its effects.

use std::{sync::Arc, thread};

use jiff::tz::TimeZone;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::{
    context::{Context, Phase, Request, Target},
    launch_limiter::Permit,
    live_run::{LiveRun, RunEvent, StopRequest},
    panic_cleanup::PanicCleanup,
    run,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{LastActivity, RunId, WorkerId, WorkerSpec},
    engine::command::CommandError,
    failpoint::failpoint,
    files::{self, logs::WorkerLog},
    timer::until,
    worker::{Effect, Event, Level, Machine, Now, Refusal, RunKey, Schedule},
};

/// Events of runs that may wait for the task: it handles each at once.
const RUN_EVENTS: usize = 64;

/// Inputs that may wait for a run that does not read; the next one is refused.
const INPUTS: usize = 16;

/// The task of one worker.
pub(super) struct Task {
    context: Arc<Context>,
    id: WorkerId,
    machine: Machine,
    target: Arc<Latest<Target>>,
    requests: Arc<Mailbox<Request>>,
    phase: watch::Receiver<Phase>,
    clock: watch::Receiver<u64>,
    run_events: Arc<Mailbox<RunEvent>>,
    activity: Arc<Latest<Option<LastActivity>>>,
    permit_request: Option<oneshot::Receiver<Permit>>,
    permit: Option<Permit>,
    runs: Vec<LiveRun>,
    /// The run whose end is being handled: what is logged meanwhile is about it.
    ended: Option<RunId>,
    log: WorkerLog,
    stopped_reading: bool,
    is_gone: bool,
}

/// What woke the task.
enum Wake {
    Target,
    Request(Request),
    Run(RunEvent),
    Permit(Option<Permit>),
    Deadline,
    Phase,
    Clock,
    Activity,
}

impl Task {
    /// A task whose first effects are carried out, so that the worker is on the board when this
    /// returns: a snapshot of a generation shows every worker of it.
    pub(super) fn new(
        context: Arc<Context>,
        spec: Arc<WorkerSpec>,
        target: Arc<Latest<Target>>,
        requests: Arc<Mailbox<Request>>,
    ) -> Self {
        let seed = Self::seed(&spec.id);
        let id = spec.id.clone();
        let schedule = schedule_of(&spec);
        let (machine, first) = Machine::new(spec, schedule, seed, Now::read());
        let mut task = Self {
            phase: context.phase.clone(),
            clock: context.clock.clone(),
            log: context.logs.worker(&id),
            context,
            id,
            machine,
            target,
            requests,
            run_events: Arc::new(Mailbox::new(RUN_EVENTS)),
            activity: Arc::new(Latest::new(None)),
            permit_request: None,
            permit: None,
            runs: Vec::new(),
            ended: None,
            stopped_reading: false,
            is_gone: false,
        };
        task.carry_out(first);
        task
    }

    /// A seed that differs between workers and between starts, so that restarts of many workers
    /// spread.
    fn seed(id: &WorkerId) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(id.as_str())
    }

    /// Runs until the worker is gone. `self` is boxed, since a future keeps its arguments twice.
    pub(super) async fn run(mut self: Box<Self>) {
        loop {
            if self.is_gone && self.context.retire(&self.id) {
                break;
            }
            let wake = self.next().await;
            self.handle(wake);
        }
        self.context.board.remove(&self.id);
        self.context.logs.forget(&self.id);
    }

    /// Waits for whatever comes first. Every arm is cancel-safe: `take` and `changed` lose nothing
    /// when they are dropped, the receiver of the permit is kept, and the timer is made anew.
    async fn next(&mut self) -> Wake {
        let deadline = self.machine.deadline().map(Instant::from_std);
        let permit_request = &mut self.permit_request;
        tokio::select! {
            Ok(()) = self.phase.changed() => Wake::Phase,
            () = self.target.changed() => Wake::Target,
            event = self.run_events.take() => Wake::Run(event),
            request = self.requests.take() => Wake::Request(request),
            permit = granted(permit_request) => Wake::Permit(permit),
            () = until(deadline) => Wake::Deadline,
            Ok(()) = self.clock.changed() => Wake::Clock,
            () = self.activity.changed() => Wake::Activity,
        }
    }

    fn handle(&mut self, wake: Wake) {
        let now = Now::read();
        let effects = match wake {
            Wake::Target => self.follow_target(now),
            Wake::Request(request) => return self.answer(request, now),
            Wake::Run(event) => {
                if let Event::Exited { run, .. } | Event::SpawnFailed { run, .. } = &event.0 {
                    self.ended = self.forget(*run);
                }
                self.machine.handle(event.0, now)
            }
            Wake::Permit(permit) => {
                self.permit_request = None;
                self.permit = permit;
                self.machine.handle(Event::Admitted, now)
            }
            Wake::Deadline => self.machine.handle(Event::Deadline, now),
            Wake::Clock => self.machine.handle(Event::ClockMoved, now),
            Wake::Phase => self.follow_phase(now),
            Wake::Activity => Vec::new(),
        };
        self.carry_out(effects);
        self.ended = None;
    }

    /// Makes the machine follow what the worker should be.
    fn follow_target(&mut self, now: Now) -> Vec<Effect> {
        let target = self.target.get();
        if *self.phase.borrow() != Phase::Running {
            return Vec::new();
        }
        match target {
            Target::Absent => self.machine.remove(now),
            Target::Present(spec) => {
                self.is_gone = false;
                let schedule = schedule_of(&spec);
                self.machine.apply(spec, schedule, now)
            }
        }
    }

    fn follow_phase(&mut self, now: Now) -> Vec<Effect> {
        let phase = *self.phase.borrow_and_update();
        if phase == Phase::Killing {
            for live in &self.runs {
                live.kill();
            }
        }
        match phase {
            Phase::Running => Vec::new(),
            Phase::Stopping | Phase::Killing => self.machine.shut_down(now),
        }
    }

    fn answer(&mut self, request: Request, now: Now) {
        failpoint("worker", self.id.as_str());
        let spec = self.machine.spec();
        // Check the mode anew, as before a launch: this request may come before the observer sees
        // that the file was opened to others.
        let untrusted = files::open_to_all(&spec.launch.file).or_else(|| spec.untrusted.clone());
        let outcome = self.machine.request(request.command, untrusted, now);
        let answer = match outcome {
            Ok(outcome) => {
                self.carry_out(outcome.effects);
                match std::mem::take(&mut self.stopped_reading) {
                    true => Err(CommandError::NotReading(self.id.clone())),
                    false => Ok(outcome.epoch),
                }
            }
            Err(Refusal::Disabled) => Err(CommandError::Disabled(self.id.clone())),
            Err(Refusal::AlreadyRunning) => Err(CommandError::AlreadyRunning(self.id.clone())),
            Err(Refusal::Leaving) => Err(CommandError::Unknown(self.id.to_string())),
            Err(Refusal::Untrusted(reason)) => {
                self.write(Level::Warn, &format!("Worker {} is not started: {reason}", self.id));
                Err(CommandError::Untrusted { worker: self.id.clone(), reason })
            }
        };
        // The caller may be gone; the command is carried out all the same.
        let _ = request.answer.send(answer);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut lines = Vec::new();
        for effect in effects {
            match effect {
                Effect::AskTurn => self.permit_request = Some(self.context.launch_limiter.ask()),
                Effect::YieldTurn => self.permit = None,
                Effect::Spawn { run, spec, input } => {
                    lines.push(self.launch(run, &spec, input));
                }
                Effect::ShowedLife(run) => self.with_live(run, |live| live.permit = None),
                Effect::Stop { run, signal, timeout } => self.with_live(run, |live| {
                    live.stop_request.change(|request| request.stop = Some((signal, timeout)));
                }),
                Effect::Kill(run) => self.with_live(run, |live| {
                    live.kill();
                }),
                Effect::Deliver { run, input } => self.deliver(run, input),
                Effect::Log(level, line) => {
                    self.write(level, &line);
                    lines.push(line);
                }
                Effect::Gone => self.is_gone = true,
            }
        }
        self.publish(lines);
    }

    fn launch(&mut self, key: RunKey, spec: &Arc<WorkerSpec>, input: Option<String>) -> String {
        let id = self.context.new_run();
        let stop_request = Arc::new(Latest::new(StopRequest::default()));
        let inputs = Arc::new(Mailbox::new(INPUTS));
        let live = LiveRun {
            key,
            id: id.clone(),
            stop_request: Arc::clone(&stop_request),
            inputs: Arc::clone(&inputs),
            permit: self.permit.take(),
        };
        self.runs.push(live);
        let line = format!("Launching worker: {}", self.id);
        self.log.lifecycle(Some(&id), &line);
        tracing::debug!(worker = %self.id, run = %id, "Launching.");
        if spec.lacks_key {
            let text = format!("Warning: Worker {} starting without OPENAI_API_KEY", self.id);
            self.log.lifecycle(Some(&id), &text);
            // With a placeholder the worker can run: the log says already that the stand-in
            // answers.
            if !spec.launch.env.0.contains_key("OPENAI_API_KEY") {
                tracing::warn!("{text}");
            }
        }
        let launch = run::Launch {
            context: Arc::clone(&self.context),
            key,
            id,
            spec: Arc::clone(spec),
            input,
            stop_request,
            inputs,
            events: Arc::clone(&self.run_events),
            activity: Arc::clone(&self.activity),
            log: self.log.clone(),
        };
        self.context.tracker.spawn(Box::new(launch).drive());
        line
    }

    fn deliver(&mut self, run: RunKey, input: String) {
        let live = self.runs.iter().find(|live| live.key == run);
        self.stopped_reading = live.is_none_or(|live| live.inputs.try_put(input).is_err());
    }

    fn forget(&mut self, run: RunKey) -> Option<RunId> {
        let at = self.runs.iter().position(|live| live.key == run)?;
        Some(self.runs.remove(at).id)
    }

    fn with_live(&mut self, run: RunKey, change: impl FnOnce(&mut LiveRun)) {
        if let Some(live) = self.runs.iter_mut().find(|live| live.key == run) {
            change(live);
        }
    }

    fn write(&self, level: Level, line: &str) {
        let run = self.ended.as_ref().or_else(|| self.runs.last().map(|live| &live.id));
        self.log.lifecycle(run, line);
        match level {
            Level::Info => tracing::info!("{line}"),
            Level::Warn => tracing::warn!("{line}"),
        }
    }

    fn publish(&mut self, lines: Vec<String>) {
        if self.is_gone {
            return;
        }
        let activity = self.activity.get();
        let view = self.machine.view(self.log.counters(), activity);
        let board = &self.context.board;
        if lines.is_empty() {
            board.put(view, None);
            return;
        }
        for line in lines {
            board.put(view.clone(), Some(line));
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // Callers that wait for an answer learn that none will come.
        self.requests.close();
        if thread::panicking() {
            let panic_cleanup = PanicCleanup {
                context: Arc::clone(&self.context),
                id: self.id.clone(),
                runs: std::mem::take(&mut self.runs),
                events: Arc::clone(&self.run_events),
            };
            self.context.tracker.spawn(panic_cleanup.clear());
        }
    }
}

/// Waits for the permit that was asked for; never without one. `None` if the limiter is gone.
async fn granted(permit_request: &mut Option<oneshot::Receiver<Permit>>) -> Option<Permit> {
    match permit_request {
        Some(turn) => turn.await.ok(),
        None => std::future::pending().await,
    }
}

/// The schedule of a spec. The config was checked, so this fails only if the system no longer knows
/// the time zone; then the worker does not run by the clock, and the log says so.
fn schedule_of(spec: &WorkerSpec) -> Option<Schedule> {
    let policy = spec.policy.schedule.as_ref()?;
    let zone = match &policy.timezone {
        Some(name) => TimeZone::get(name).map_err(|error| error.to_string()),
        None => Ok(TimeZone::system()),
    };
    let schedule = zone.and_then(|z| Schedule::new(policy, z).map_err(|error| error.to_string()));
    match schedule {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            tracing::error!(worker = %spec.id, error, "Schedule cannot be followed.");
            None
        }
    }
}
