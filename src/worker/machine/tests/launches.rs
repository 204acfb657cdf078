//! What follows a launch that failed, or that does not come to an end.

use std::time::Instant;

use super::world::{Behaviour, World, spec};
use crate::{
    domain::{Command, InstanceName, OnChange, RunId, Stamp, State},
    worker::{Effect, Event, Machine, Now, RunKey, SpawnFailure},
};

#[test]
fn a_missing_program_fails_at_once_and_spends_nothing() {
    let mut world =
        World::new(spec(5, |_| ()), &[(5, Behaviour::Unspawnable(SpawnFailure::Lasting))]);
    world.pass(60_000);
    assert_eq!((world.state(), world.view().attempts), (State::Failed, 0));
}

#[test]
fn a_starved_machine_spends_nothing_and_is_reported_once() {
    let mut world =
        World::new(spec(4, |_| ()), &[(4, Behaviour::Unspawnable(SpawnFailure::Shortage))]);
    world.pass(10_000);
    assert_eq!((world.state(), world.view().attempts), (State::Starting, 0));
    assert_eq!(world.said("cannot be launched for the moment"), 1);
    world.apply(spec(0, |_| ()));
    world.pass(2000);
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_launch_that_hangs_is_tried_again_until_it_does_not_and_spends_nothing() {
    let mut world = World::new(spec(6, |_| ()), &[(6, Behaviour::Unspawnable(SpawnFailure::Hang))]);
    let view = world.view();
    assert_eq!((view.state, view.attempts), (State::Backoff, 0));
    assert!(view.next_start_at.is_some() && view.reason.is_some());
    world.pass(600_000);
    let view = world.view();
    assert_eq!((view.state, view.attempts), (State::Backoff, 0));
    assert!(world.said("tried again in") > 10, "it goes on");
    assert!(world.ask(Command::Stop));
    assert_eq!(world.state(), State::Stopped);
    world.apply(spec(0, |_| ()));
    assert!(world.ask(Command::Start));
    world.pass(2000);
    assert_eq!((world.state(), world.view().reason), (State::Running, None));
}

#[test]
fn an_overlap_whose_launch_fails_keeps_the_old_run() {
    let make = |version| spec(version, |s| s.policy.reload = OnChange::Overlap);
    for failure in [SpawnFailure::Lasting, SpawnFailure::Hang] {
        let mut world = World::new(make(0), &[(5, Behaviour::Unspawnable(failure))]);
        world.pass(2000);
        world.apply(make(5));
        world.pass(2000);
        assert_eq!((world.state(), world.view().starts), (State::Running, 1));
        assert_eq!(world.said("the changed version was not ready"), 1);
    }
}

/// Nobody knows how long a launch takes that hangs, so it is asked to end at once.
#[test]
fn a_stop_reaches_a_run_that_has_no_process_yet_and_reaches_it_once() {
    let now = Now { instant: Instant::now(), wall: Stamp::now() };
    let is_stop = |effect: &Effect| matches!(effect, Effect::Stop { .. });
    for is_spawned in [false, true] {
        let (mut machine, _) = Machine::new(spec(0, |_| ()), (None, None), 7, now);
        let _ = machine.handle(Event::Admitted, now);
        let stop = machine.request(Command::Stop, None, now).expect("it is accepted");
        assert_eq!(stop.effects.iter().filter(|effect| is_stop(effect)).count(), 1);
        let run = RunKey(0);
        let (id, instance) = (RunId::new("i", 1), InstanceName::new("9"));
        let event = if is_spawned {
            Event::Spawned { run, id, instance }
        } else {
            Event::SpawnFailed { run, reason: "it hangs".to_owned(), failure: SpawnFailure::Hang }
        };
        assert!(!machine.handle(event, now).iter().any(is_stop));
        let expected = if is_spawned { State::Stopping } else { State::Stopped };
        assert_eq!(machine.view(Default::default(), None).state, expected);
    }
}
