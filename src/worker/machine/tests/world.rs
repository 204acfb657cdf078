//! A world without processes: it obeys the machine, advances the clock to the next thing that is
//! due, and watches over what must always hold.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use regex::{Captures, Regex};

use super::specs::schedule_of;
pub(super) use super::specs::spec;
use crate::{
    domain::{
        Command, Evidence, Exit, InstanceName, LogCounters, OnChange, RunId, Stamp, State,
        WorkerSpec, WorkerView,
    },
    worker::{Effect, Event, Machine, Now, RunKey, SpawnFailure},
};

/// How the processes of this world behave, by the version of the worker's file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Behaviour {
    /// Lives until it is asked to end.
    Lives,
    /// Ends so after that many milliseconds.
    Ends(Exit, u64),
    /// Does not end when asked.
    Stubborn,
    /// Cannot be spawned: `true` for the moment, `false` for good.
    Unspawnable(SpawnFailure),
}

struct Process {
    behaviour: Behaviour,
    ends_at: Option<(Instant, Exit)>,
}

pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) now: Now,
    pub(super) lines: Vec<String>,
    pub(super) spawns: Vec<Instant>,
    behaviours: BTreeMap<u64, Behaviour>,
    processes: BTreeMap<RunKey, Process>,
    on_change: OnChange,
    gone: bool,
}

impl World {
    pub(super) fn new(spec: Arc<WorkerSpec>, behaviours: &[(u64, Behaviour)]) -> Self {
        let wall = Stamp("2026-11-23T12:00:00Z".parse().expect("a good timestamp"));
        let now = Now { instant: Instant::now(), wall };
        let on_change = spec.policy.reload;
        let schedule = schedule_of(&spec);
        let (machine, effects) = Machine::new(spec, (schedule, None), 7, now);
        let mut world = Self {
            machine,
            now,
            lines: Vec::new(),
            spawns: Vec::new(),
            behaviours: behaviours.iter().copied().collect(),
            processes: BTreeMap::new(),
            on_change,
            gone: false,
        };
        world.obey(effects);
        world
    }

    /// Replaces the machine by one that is made from its saved form as text, and checks that the
    /// new one shows what the old one did.
    pub(super) fn hand_over(&mut self) {
        let before = self.shown();
        let text = serde_json::to_string(&self.machine.save(self.now)).expect("plain data");
        let saved = serde_json::from_str(&text).expect("what was saved");
        let (machine, effects) = Machine::restore(saved, None, self.now);
        self.machine = machine;
        assert_eq!(self.shown(), before);
        self.obey(effects);
    }

    /// All that can be seen of the machine; wall times as they are saved, in milliseconds.
    fn shown(&self) -> String {
        static FRACTION: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\.(\d+)Z").expect("a good pattern"));
        let all = format!("{:?} {:?}", self.view(), self.machine.deadline());
        let cut = |found: &Captures<'_>| format!(".{:.3}Z", format!("{:0<3}", &found[1]));
        FRACTION.replace_all(&all, cut).replace(".000Z", "Z")
    }

    pub(super) fn view(&self) -> WorkerView {
        self.machine.view(Arc::new(LogCounters::default()), None)
    }

    pub(super) fn state(&self) -> State {
        self.machine.state.state()
    }

    pub(super) fn alive(&self) -> usize {
        self.processes.len()
    }

    pub(super) fn said(&self, text: &str) -> usize {
        self.lines.iter().filter(|line| line.contains(text)).count()
    }

    pub(super) fn apply(&mut self, spec: Arc<WorkerSpec>) {
        self.on_change = spec.policy.reload;
        self.gone = false;
        let schedule = schedule_of(&spec);
        let effects = self.machine.apply(spec, schedule, self.now);
        self.obey(effects);
    }

    pub(super) fn ask(&mut self, command: Command) -> bool {
        let outcome =
            self.machine.request(command, self.machine.spec().untrusted.clone(), self.now);
        let is_taken = outcome.is_ok();
        self.obey(outcome.map(|o| o.effects).unwrap_or_default());
        is_taken
    }

    pub(super) fn remove(&mut self) {
        let effects = self.machine.remove(self.now);
        self.obey(effects);
    }

    pub(super) fn handle(&mut self, event: Event) {
        let effects = self.machine.handle(event, self.now);
        self.obey(effects);
    }

    /// Lets this much time pass, with all that happens in it.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        let until = self.now.instant + Duration::from_millis(milliseconds);
        while let Some(at) = self.next_due().filter(|at| *at <= until) {
            self.go_to(at.max(self.now.instant));
            let ended = self.processes.iter().find_map(|(key, process)| {
                process.ends_at.filter(|(end, _)| *end <= at).map(|(_, exit)| (*key, exit))
            });
            match ended {
                Some((run, exit)) => {
                    self.processes.remove(&run);
                    self.handle(Event::Exited { run, exit, evidence: Evidence::default() });
                }
                None => self.handle(Event::Deadline),
            }
        }
        self.go_to(until);
    }

    fn next_due(&self) -> Option<Instant> {
        let ends = self.processes.values().filter_map(|p| p.ends_at.map(|(at, _)| at)).min();
        [ends, self.machine.deadline()].into_iter().flatten().min()
    }

    fn go_to(&mut self, instant: Instant) {
        self.now.wall = self.now.wall.after(instant - self.now.instant);
        self.now.instant = instant;
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::AskTurn => self.handle(Event::Admitted),
                Effect::YieldTurn | Effect::ShowedLife(_) | Effect::Probe { .. } => {}
                Effect::Spawn { run, spec, .. } => self.spawn(run, &spec),
                Effect::Stop { run, .. } => self.stop(run),
                Effect::Kill(run) => self.end(run, Exit::Signal(9)),
                Effect::Deliver { input, .. } => self.lines.push(format!("delivered {input}")),
                Effect::Signal { signal, .. } => self.lines.push(format!("signalled {signal}")),
                Effect::Log(_, line) => self.lines.push(line),
                Effect::Gone => self.gone = true,
            }
        }
        self.watch();
    }

    fn spawn(&mut self, run: RunKey, spec: &WorkerSpec) {
        let version = spec.launch.fingerprint.0 as u64;
        let behaviour = self.behaviours.get(&version).copied().unwrap_or(Behaviour::Lives);
        if let Behaviour::Unspawnable(failure) = behaviour {
            let reason = "no such program".to_owned();
            return self.handle(Event::SpawnFailed { run, reason, failure });
        }
        assert!(!self.gone, "a run is spawned after the worker is gone");
        self.spawns.push(self.now.instant);
        let ends_at = match behaviour {
            Behaviour::Ends(exit, after) => {
                Some((self.now.instant + Duration::from_millis(after), exit))
            }
            _ => None,
        };
        self.processes.insert(run, Process { behaviour, ends_at });
        self.handle(Event::Spawned {
            run,
            id: RunId::new("i", run.0),
            instance: InstanceName::new("100"),
        });
    }

    fn stop(&mut self, run: RunKey) {
        let is_stubborn =
            self.processes.get(&run).is_some_and(|p| p.behaviour == Behaviour::Stubborn);
        if !is_stubborn {
            self.end(run, Exit::Signal(15));
        }
    }

    /// The process will be found dead in a moment.
    fn end(&mut self, run: RunKey, exit: Exit) {
        let at = self.now.instant + Duration::from_millis(1);
        if let Some(process) = self.processes.get_mut(&run) {
            process.ends_at = Some((at, exit));
        }
    }

    /// What must hold whatever happens.
    fn watch(&self) {
        let most = if self.on_change == OnChange::Overlap { 3 } else { 2 };
        assert!(self.alive() <= most, "{} runs at once", self.alive());
        if matches!(self.state(), State::Stopped | State::Failed | State::Completed) {
            assert_eq!(self.alive(), 0, "a run lives in state {}", self.state());
        }
        if self.gone {
            assert_eq!(self.alive(), 0, "a run outlives its worker");
        }
    }
}

/// Whether the machine of a world is replaced by a restored one.
#[derive(Clone, Copy, PartialEq)]
enum HandsOver {
    Never,
    AtEachStep,
}

/// Something that happens to a worker.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Edit(u64),
    Touch,
    Disable,
    Enable,
    Remove,
    Ask(Command),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..20_000).prop_map(Step::Pass),
        3 => (0_u64..7).prop_map(Step::Edit),
        1 => Just(Step::Touch),
        1 => Just(Step::Disable),
        1 => Just(Step::Enable),
        1 => Just(Step::Remove),
        1 => Just(Step::Ask(Command::Start)),
        1 => Just(Step::Ask(Command::Stop)),
        2 => Just(Step::Ask(Command::Restart)),
        1 => Just(Step::Ask(Command::Run(None))),
    ];
    proptest::collection::vec(step, 1..40)
}

const BEHAVIOURS: [(u64, Behaviour); 6] = [
    (1, Behaviour::Ends(Exit::Code(1), 20)),
    (2, Behaviour::Stubborn),
    (3, Behaviour::Ends(Exit::Code(0), 3000)),
    (4, Behaviour::Unspawnable(SpawnFailure::Shortage)),
    (5, Behaviour::Unspawnable(SpawnFailure::Lasting)),
    (6, Behaviour::Unspawnable(SpawnFailure::Hang)),
];

/// What can be seen of a history: the lines, and when each run was spawned.
#[derive(Debug, PartialEq)]
struct History {
    lines: Vec<String>,
    spawns: Vec<Duration>,
}

/// Lives through the steps; where `hands_over`, each step is done by another machine, which was
/// restored from what the one before it saved.
fn random_world(on_change: OnChange, steps: &[Step], hands_over: HandsOver) -> History {
    let mut version = 0;
    let mut enabled = true;
    let make = |version, enabled| {
        spec(version, |spec| {
            spec.policy.reload = on_change;
            spec.policy.enabled = enabled;
            spec.policy.restart.jitter = 0.1;
            spec.launch.env.0.insert("A".to_owned(), "1".to_owned());
        })
    };
    let mut world = World::new(make(version, enabled), &BEHAVIOURS);
    let start = world.now.instant;
    for step in steps {
        if hands_over == HandsOver::AtEachStep {
            world.hand_over();
        }
        match step {
            Step::Pass(time) => world.pass(*time),
            Step::Edit(other) => version = *other,
            Step::Touch => {}
            Step::Disable => enabled = false,
            Step::Enable => enabled = true,
            Step::Remove => world.remove(),
            Step::Ask(command) => {
                let _ = world.ask(command.clone());
            }
        }
        if matches!(step, Step::Edit(_) | Step::Touch | Step::Disable | Step::Enable) {
            world.apply(make(version, enabled));
        }
    }
    // Whatever happened: in the end the good version runs, alone, and then nothing does.
    world.apply(make(0, true));
    let _ = world.ask(Command::Restart);
    world.pass(60_000);
    assert_eq!(world.state(), State::Running, "{steps:?}");
    assert_eq!(world.alive(), 1);
    world.remove();
    world.pass(60_000);
    assert_eq!(world.alive(), 0);
    let spawns = world.spawns.iter().map(|at| *at - start).collect();
    History { lines: world.lines, spawns }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_with_the_wanted_run_and_no_other(steps in steps()) {
        for on_change in [OnChange::Replace, OnChange::Overlap, OnChange::Manual] {
            random_world(on_change, &steps, HandsOver::Never);
        }
    }
}

proptest! {
    // Each step of these is taken twice and saved as text.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_that_was_saved_and_restored_goes_on_as_if_nothing_had_been(steps in steps()) {
        for on_change in [OnChange::Replace, OnChange::Overlap, OnChange::Manual] {
            let kept = random_world(on_change, &steps, HandsOver::Never);
            let handed_over = random_world(on_change, &steps, HandsOver::AtEachStep);
            prop_assert_eq!(kept, handed_over);
        }
    }
}
