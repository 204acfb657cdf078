//! How runs end, and what is said of it.

use super::world::{Behaviour, World, spec};
use crate::{
    domain::{Command, Evidence, Exit, ExitCause, ExitReason, RestartWhen, RunOutcome, State},
    worker::{Effect, Event, Level, RunKey},
};

#[test]
fn an_exit_with_a_code_of_success_codes_is_not_a_failure() {
    for (policy, state) in
        [(RestartWhen::OnFailure, State::Completed), (RestartWhen::Always, State::Scheduled)]
    {
        let make = || {
            spec(1, |s| {
                s.policy.restart.policy = policy;
                s.policy.restart.success_codes = [0, 143].into_iter().collect();
            })
        };
        let mut world = World::new(make(), &[(1, Behaviour::Ends(Exit::Code(143), 10))]);
        world.pass(20);
        let view = world.view();
        assert_eq!((view.state, view.attempts, view.reason), (state, 0, None));
        assert_eq!(view.last_exit.and_then(|exit| exit.exit), Some(Exit::Code(143)));
        assert_eq!(view.past[0].outcome, RunOutcome::Completed);
    }
}

#[test]
fn an_exit_with_0_is_a_failure_where_success_codes_lack_it() {
    let make = || spec(1, |s| s.policy.restart.success_codes = [3].into_iter().collect());
    let mut world = World::new(make(), &[(1, Behaviour::Ends(Exit::Code(0), 10))]);
    world.pass(20);
    assert_eq!((world.state(), world.view().attempts), (State::Backoff, 1));
}

#[test]
fn a_run_over_its_memory_limit_is_stopped_and_has_failed() {
    let seen = |used| Event::MemorySeen { run: RunKey(0), used, limit: 64 << 20 };
    let mut world = World::new(spec(1, |_| ()), &[(1, Behaviour::Lives)]);
    world.pass(2000);
    world.handle(seen(64 << 20));
    assert_eq!(world.state(), State::Running, "at the limit is not over it");
    world.handle(seen(80 << 20));
    world.pass(100);
    let view = world.view();
    assert_eq!((view.state, view.attempts), (State::Backoff, 1));
    assert_eq!(view.past[0].outcome, RunOutcome::Failed);
    let said = "Worker a failed: it used 80 MiB, more than its limits.memory of 64 MiB";
    assert!(world.lines.iter().any(|line| line == said), "{:?}", world.lines);
}

#[test]
fn a_run_that_a_person_stops_has_not_failed_for_its_memory() {
    let mut world = World::new(spec(1, |_| ()), &[(1, Behaviour::Stubborn)]);
    world.pass(2000);
    assert!(world.ask(Command::Stop));
    world.handle(Event::MemorySeen { run: RunKey(0), used: 2, limit: 1 });
    world.pass(60_000);
    assert_eq!((world.state(), world.view().attempts), (State::Stopped, 0));
}

#[test]
fn a_note_says_that_descendants_were_killed_and_the_exit_is_that_of_the_first_process() {
    let mut world = World::new(spec(2, |_| ()), &[(2, Behaviour::Stubborn)]);
    world.pass(2000);
    assert!(world.ask(Command::Stop));
    let evidence = Evidence { killed_remains: 2, ..Evidence::default() };
    let end = Event::Exited { run: RunKey(0), exit: Exit::Signal(15), evidence };
    let effects = world.machine.handle(end, world.now);
    assert_eq!(world.state(), State::Stopped);
    let last = world.view().last_exit.expect("an exit");
    assert_eq!(last.exit, Some(Exit::Signal(15)));
    assert_eq!(last.reason, Some(ExitReason::Cause(ExitCause::KilledRemains(2))));
    let is_note = |effect: &Effect| matches!(effect, Effect::Log(Level::Warn, line) if line.contains("2 processes that it had"));
    assert_eq!(effects.iter().filter(|effect| is_note(effect)).count(), 1, "{effects:?}");
}
