//! The task of one worker: passes events to the worker's machine and carries out its effects.

mod order;
mod request;

use std::{sync::Arc, thread};

use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::{
    context::{Context, Phase, WorkerRequest, WorkerTarget, seed_of},
    gate::Gate,
    launch_limiter::{Permit, SharedPermit},
    live_run::{Delivery, LiveRun, RunEvent, RunTask, StopRequest},
    panic_cleanup::PanicCleanup,
    probing::Asking,
    schedule::schedule_of,
    schedule_keeper::ScheduleKeeper,
    sync::{latest::Latest, mailbox::Mailbox},
};
use crate::{
    domain::{LastActivity, Probe, RunId, State, WorkerId, WorkerSpec},
    files::logs::{LineWatch, WorkerLog},
    timer::until,
    worker::{Effect, Event, Level, Machine, Now, RunKey},
};

/// Events of runs that may wait for the task: it handles each at once.
const RUN_EVENTS: usize = 64;

/// Inputs and signals that may wait for the task of a run, which takes each at once; the next one is
/// refused.
const DELIVERIES: usize = 16;

/// The task of one worker.
pub(super) struct Task {
    context: Arc<Context>,
    id: WorkerId,
    machine: Machine,
    target: Arc<Latest<WorkerTarget>>,
    requests: Arc<Mailbox<WorkerRequest>>,
    phase: watch::Receiver<Phase>,
    clock: watch::Receiver<u64>,
    run_events: Arc<Mailbox<RunEvent>>,
    activity: Arc<Latest<Option<LastActivity>>>,
    keeper: ScheduleKeeper,
    permit_request: Option<oneshot::Receiver<Permit>>,
    permit: Option<Permit>,
    /// What of the board must change before the task goes on.
    gate: Gate,
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
    Request(WorkerRequest),
    Run(RunEvent),
    Permit(Option<Permit>),
    Deadline,
    Phase,
    Clock,
    Activity,
    /// Another worker may have changed that this one waits for.
    Others,
}

impl Task {
    /// A task whose first effects are carried out, so that the worker is on the board when this
    /// returns: a snapshot of a generation shows every worker of it.
    pub(super) fn new(
        context: Arc<Context>,
        spec: Arc<WorkerSpec>,
        target: Arc<Latest<WorkerTarget>>,
        requests: Arc<Mailbox<WorkerRequest>>,
    ) -> Self {
        let seed = seed_of(&spec.id);
        let id = spec.id.clone();
        let schedule = schedule_of(&spec);
        let (keeper, mark) = ScheduleKeeper::read(&context, &id);
        let (machine, first) = Machine::new(spec, (schedule, mark), seed, Now::read());
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
            keeper,
            permit_request: None,
            permit: None,
            gate: Gate::default(),
            runs: Vec::new(),
            ended: None,
            stopped_reading: false,
            is_gone: false,
        };
        task.carry_out(first);
        task
    }

    /// Runs until the worker is gone. `self` is boxed, since a future keeps its arguments twice.
    pub(super) async fn run(mut self: Box<Self>) {
        // Made by a pass that was under way when the end began: it launches nothing.
        if self.context.is_ending() {
            self.handle(Wake::Phase);
        }
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
            () = self.gate.changed() => Wake::Others,
        }
    }

    fn handle(&mut self, wake: Wake) {
        let now = Now::read();
        let mut effects = match wake {
            Wake::Target => self.follow_target(now),
            Wake::Request(request) => return self.answer(request, now),
            Wake::Run(event) => {
                if let Event::Exited { run, .. } | Event::SpawnFailed { run, .. } = &event.0 {
                    self.ended = self.forget(*run);
                }
                if let Event::Spawned { run, .. } = &event.0 {
                    self.with_live(*run, |live| live.permit.give_back_at_spawn());
                }
                self.machine.handle(event.0, now)
            }
            Wake::Permit(permit) => {
                self.permit_request = None;
                self.permit = permit;
                // It may be there because packages were installed, which changes the target too.
                let mut effects = self.follow_target(now);
                effects.extend(self.machine.handle(Event::Admitted, now));
                effects
            }
            Wake::Deadline => self.machine.handle(Event::Deadline, now),
            Wake::Clock => self.machine.handle(Event::ClockMoved, now),
            Wake::Phase => self.follow_phase(now),
            Wake::Activity => Vec::new(),
            Wake::Others => match self.follow_others(now) {
                Some(effects) => effects,
                None => return,
            },
        };
        // The run that its stop waits with may have ended by itself.
        effects.extend(self.stop_in_turn(now).unwrap_or_default());
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
            WorkerTarget::Absent => self.machine.remove(now),
            WorkerTarget::Present(spec) => {
                self.is_gone = false;
                let schedule = schedule_of(&spec);
                if self.machine.spec().policy.start != spec.policy.start {
                    self.runs.iter().for_each(|live| live.expect_line(&spec.policy.start));
                }
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
            Phase::Stopping | Phase::Killing => self.shut_down(now),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.keeper.keep(&self.context, &self.id, self.machine.schedule_mark());
        let mut lines = Vec::new();
        for effect in effects {
            match effect {
                Effect::AskTurn => self.gate.wants_permit = true,
                Effect::YieldTurn => self.permit = None,
                Effect::Spawn { run, spec, input } => {
                    lines.push(self.launch(run, &spec, input));
                }
                Effect::ShowedLife(run) => self.with_live(run, |live| live.permit.give_back()),
                Effect::Stop { run, policy } => self.with_live(run, |live| {
                    live.asking = None;
                    live.stop_request.change(|request| request.stop = Some(policy));
                }),
                Effect::Kill(run) => self.with_live(run, |live| live.kill()),
                Effect::Probe { run, number, probe } => self.ask(run, number, probe),
                Effect::Deliver { run, input } => self.deliver(run, Delivery::Input(input)),
                Effect::Signal { run, signal } => self.deliver(run, Delivery::Signal(signal)),
                Effect::Log(level, line) => {
                    self.write(level, &line);
                    lines.push(line);
                }
                Effect::Gone => self.is_gone = true,
            }
        }
        self.pass_gate();
        self.leave_turn();
        self.publish(lines);
    }

    fn launch(&mut self, key: RunKey, spec: &Arc<WorkerSpec>, input: Option<String>) -> String {
        let id = self.context.new_run();
        let stop_request = Arc::new(Latest::new(StopRequest::default()));
        let deliveries = Arc::new(Mailbox::new(DELIVERIES));
        let live = LiveRun {
            key,
            id: id.clone(),
            stop_request: Arc::clone(&stop_request),
            deliveries: Arc::clone(&deliveries),
            ready_line: Arc::new(LineWatch::default()),
            asking: None,
            permit: SharedPermit::new(self.permit.take()),
        };
        live.expect_line(&spec.policy.start);
        let (ready_line, permit) = (Arc::clone(&live.ready_line), live.permit.clone());
        self.runs.push(live);
        let line = format!("Launching worker: {}", self.id);
        self.log.lifecycle(Some(&id), &line);
        tracing::debug!(worker = %self.id, run = %id, "Launching.");
        if spec.lacks_key {
            let text = format!("Worker {} starting without OPENAI_API_KEY", self.id);
            self.log.lifecycle(Some(&id), &format!("Warning: {text}"));
            // With a placeholder the worker can run: the log says already that the stand-in
            // answers.
            if !spec.launch.env.0.contains_key("OPENAI_API_KEY") {
                tracing::warn!("{text}");
            }
        }
        let launch = RunTask {
            context: Arc::clone(&self.context),
            key,
            id,
            spec: Arc::clone(spec),
            input,
            permit,
            stop_request,
            deliveries,
            events: Arc::clone(&self.run_events),
            activity: Arc::clone(&self.activity),
            ready_line,
            log: self.log.clone(),
        };
        self.context.tracker.spawn(Box::new(launch).drive());
        line
    }

    /// Asks the probe of a run; a question before it is dropped.
    fn ask(&mut self, run: RunKey, number: u64, probe: Arc<Probe>) {
        let (context, events) = (Arc::clone(&self.context), Arc::clone(&self.run_events));
        self.with_live(run, |live| {
            let id = live.id.clone();
            live.asking = Some(Asking { context, run, id, number, probe, events }.begin());
        });
    }

    fn deliver(&mut self, run: RunKey, delivery: Delivery) {
        let live = self.runs.iter().find(|live| live.key == run);
        self.stopped_reading = live.is_none_or(|live| live.deliveries.try_put(delivery).is_err());
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
        let mut view = self.machine.view(self.log.counters(), activity);
        if view.state == State::Starting {
            view.warnings.extend(self.gate.reason.clone());
        }
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
        self.call_off_turn();
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
