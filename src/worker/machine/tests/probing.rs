//! A run that is asked whether it works.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::specs::spec;
use crate::{
    domain::{
        Evidence, Exit, InstanceName, LogCounters, Probe, ProbeAnswer, ProbeTarget, ReadyRule,
        RunId, Stamp, State, WorkerSpec, WorkerView,
    },
    worker::{Effect, Event, Machine, Now, RunKey},
};

const RUN: RunKey = RunKey(0);

fn probe(change: impl FnOnce(&mut Probe)) -> Option<Arc<Probe>> {
    let mut probe = Probe {
        target: ProbeTarget::Http("http://127.0.0.1:1/".to_owned()),
        every: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        failures: 3,
    };
    change(&mut probe);
    Some(Arc::new(probe))
}

fn probed(ready: ReadyRule) -> Arc<WorkerSpec> {
    spec(0, |spec| {
        spec.policy.start.ready = ready;
        spec.policy.probe = probe(|_| ());
    })
}

fn bad() -> ProbeAnswer {
    ProbeAnswer::Bad("GET / answered 503".to_owned())
}

/// A worker whose only run was just spawned.
struct Life {
    machine: Machine,
    now: Now,
    begun: Instant,
    effects: Vec<Effect>,
}

impl Life {
    fn new(spec: Arc<WorkerSpec>) -> Self {
        let wall = Stamp("2026-11-23T12:00:00Z".parse().expect("a good timestamp"));
        let now = Now { instant: Instant::now(), wall };
        let (machine, effects) = Machine::new(spec, (None, None), 7, now);
        let mut life = Self { machine, now, begun: now.instant, effects };
        life.handle(Event::Admitted);
        let (id, instance) = (RunId::new("i", 1), InstanceName::new("9"));
        life.handle(Event::Spawned { run: RUN, id, instance });
        life
    }

    fn handle(&mut self, event: Event) {
        let effects = self.machine.handle(event, self.now);
        self.effects.extend(effects);
    }

    /// Goes from deadline to deadline until the run is asked; returns the age of the run, in
    /// milliseconds, and the number of the question. `None` if it is not asked any more.
    fn next_question(&mut self) -> Option<(u128, u64)> {
        for _ in 0..100 {
            let asked = self.effects.drain(..).find_map(|effect| match effect {
                Effect::Probe { run: RUN, number, .. } => Some(number),
                _ => None,
            });
            if let Some(number) = asked {
                return Some((self.now.instant.duration_since(self.begun).as_millis(), number));
            }
            let at = self.machine.deadline()?;
            self.now.wall = self.now.wall.after(at - self.now.instant);
            self.now.instant = at;
            self.handle(Event::Deadline);
        }
        panic!("the machine does nothing but wait");
    }

    fn answer(&mut self, number: u64, answer: ProbeAnswer) {
        self.handle(Event::Probed { run: RUN, number, answer });
    }

    /// Has each of the next questions answered so; returns when each was asked.
    fn ask_each(&mut self, answers: &[ProbeAnswer]) -> Vec<u128> {
        let mut ages = Vec::new();
        for answer in answers {
            let (age, number) = self.next_question().expect("a question");
            ages.push(age);
            self.answer(number, answer.clone());
        }
        ages
    }

    fn view(&self) -> WorkerView {
        self.machine.view(LogCounters::default().into(), None)
    }
}

#[test]
fn a_run_is_ready_once_its_probe_succeeds_and_is_asked_often_until_then() {
    let mut life = Life::new(probed(ReadyRule::Probe));
    let ages = life.ask_each(&[bad(), bad(), bad(), bad(), bad(), bad(), bad(), bad()]);
    // A quarter of its age, 250 ms at least.
    assert_eq!(ages, [250, 500, 750, 1000, 1250, 1562, 1953, 2441]);
    assert_eq!(life.view().state, State::Starting, "failures before readiness count nothing");
    life.ask_each(&[ProbeAnswer::Good]);
    assert_eq!(life.view().state, State::Running);
    let ready = life.now.instant.duration_since(life.begun).as_millis();
    assert_eq!(
        life.ask_each(&[ProbeAnswer::Good, ProbeAnswer::Good]),
        [ready + 10_000, ready + 20_000]
    );
}

#[test]
fn a_short_every_holds_before_readiness_too() {
    let make = spec(0, |spec| {
        spec.policy.start.ready = ReadyRule::Probe;
        spec.policy.probe = probe(|probe| probe.every = Duration::from_millis(100));
    });
    assert_eq!(Life::new(make).ask_each(&[bad(), bad(), bad()]), [100, 200, 300]);
}

#[test]
fn a_run_whose_probe_never_succeeds_fails_its_start_and_says_what_the_probe_found() {
    let mut life = Life::new(probed(ReadyRule::Probe));
    let mut seen = Vec::new();
    while let Some((age, number)) = life.next_question().filter(|(age, _)| *age < 30_000) {
        seen.push(age);
        life.answer(number, bad());
        if life.view().state == State::Stopping {
            break;
        }
        let is_over = life.machine.deadline() >= Some(life.begun + Duration::from_secs(30));
        if is_over {
            break;
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
    life.now.instant = life.begun + Duration::from_secs(30);
    life.handle(Event::Deadline);
    assert_eq!(life.view().state, State::Stopping);
    let said = "Worker a is not ready; its probe failed: GET / answered 503";
    assert!(life.effects.iter().any(|e| matches!(e, Effect::Log(_, text) if text == said)));
}

#[test]
fn as_many_failures_in_a_row_as_are_allowed_end_the_run_as_failed() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    let answers = [bad(), bad(), ProbeAnswer::Good, bad(), ProbeAnswer::Unknown, bad()];
    let ages = life.ask_each(&answers);
    assert_eq!(ages, [11_000, 21_000, 31_000, 41_000, 51_000, 61_000], "from when it is up");
    assert_eq!(life.view().state, State::Running);
    life.ask_each(&[bad()]);
    assert!(life.effects.iter().any(|effect| matches!(effect, Effect::Stop { run: RUN, .. })));
    let (exit, evidence) = (Exit::Code(0), Evidence::default());
    life.handle(Event::Exited { run: RUN, exit, evidence });
    let view = life.view();
    assert_eq!((view.state, view.attempts), (State::Backoff, 1));
    let reason = view.reason.map(|reason| reason.to_string()).unwrap_or_default();
    let expected = "unresponsive: its probe failed 3 times in a row, last: GET / answered 503";
    assert_eq!(reason, expected);
}

#[test]
fn only_the_first_failure_in_a_row_is_logged() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    let (_, number) = life.next_question().expect("a question");
    life.answer(number, bad());
    let said = "Worker a: its probe failed: GET / answered 503";
    let is_said = |life: &Life| {
        life.effects.iter().any(|effect| matches!(effect, Effect::Log(_, text) if text == said))
    };
    assert!(is_said(&life));
    let (_, number) = life.next_question().expect("a question");
    life.answer(number, bad());
    assert!(!is_said(&life));
}

#[test]
fn a_question_is_not_asked_again_while_its_answer_is_to_come_and_late_answers_count_nothing() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    let (_, first) = life.next_question().expect("a question");
    assert_eq!(life.machine.deadline(), None, "nothing is due meanwhile");
    life.answer(first + 1, bad());
    assert_eq!(life.machine.deadline(), None, "that was no answer to this question");
    life.now.instant += Duration::from_secs(60);
    life.answer(first, bad());
    let (age, second) = life.next_question().expect("a question");
    assert_eq!(age, 71_000, "at once, since the last answer took so long");
    life.answer(first, bad());
    life.answer(first, bad());
    assert_eq!(life.view().state, State::Running);
    life.answer(second, bad());
    assert_eq!(life.view().state, State::Running, "two in a row");
}

#[test]
fn an_edit_of_the_probe_begins_anew_and_leaves_the_run_alone() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    life.ask_each(&[bad(), bad()]);
    let (_, old) = life.next_question().expect("a question");
    let edited = spec(0, |spec| {
        spec.policy.probe = probe(|probe| probe.every = Duration::from_secs(1));
    });
    let effects = life.machine.apply(edited, None, life.now);
    life.effects.extend(effects);
    life.answer(old, bad());
    let edit = life.now.instant.duration_since(life.begun).as_millis();
    assert_eq!(life.ask_each(&[bad(), bad()]), [edit + 1000, edit + 2000]);
    assert_eq!((life.view().state, life.view().starts), (State::Running, 1));
    let effects = life.machine.apply(spec(0, |_| ()), None, life.now);
    life.effects.extend(effects);
    assert_eq!(life.next_question(), None, "it has no probe any more");
}

#[test]
fn a_run_that_is_to_end_is_asked_no_more_and_stays_what_it_was_to_be() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    life.ask_each(&[bad(), bad()]);
    let (_, number) = life.next_question().expect("a question");
    let effects = life.machine.remove(life.now);
    life.effects.extend(effects);
    life.answer(number, bad());
    let stop_timeout = life.now.instant + Duration::from_secs(10);
    assert_eq!(life.machine.deadline(), Some(stop_timeout), "nothing else is due");
}

#[test]
fn a_restored_machine_asks_again_what_nobody_can_answer_any_more() {
    let mut life = Life::new(probed(ReadyRule::Alive));
    life.ask_each(&[bad(), bad()]);
    let (_, lost) = life.next_question().expect("a question");
    let saved = life.machine.save(life.now);
    let (machine, effects) = Machine::restore(saved, None, life.now);
    life.machine = machine;
    life.effects.extend(effects);
    let (_, number) = life.next_question().expect("a question");
    assert!(number > lost);
    life.answer(number, bad());
    assert_eq!(life.view().state, State::Stopping, "the failures before it count");
}
