//! What people ask for, and what they are shown to be asked for.

use super::world::{Behaviour, World, spec};
use crate::{
    domain::{CatchUp, Command, Exit, OnChange, SchedulePolicy, State},
    worker::{Effect, Event},
};

#[test]
fn fifty_restarts_at_once_are_one() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    world.pass(2000);
    for _ in 0..50 {
        assert!(world.ask(Command::Restart));
        world.pass(2);
    }
    world.pass(5000);
    assert_eq!((world.state(), world.view().starts), (State::Running, 2));
}

#[test]
fn a_restart_after_an_earlier_one_is_done_is_a_new_one() {
    let brief = Behaviour::Ends(Exit::Code(0), 600);
    for (version, done) in [(0, State::Running), (1, State::Completed)] {
        let mut world = World::new(spec(version, |_| ()), &[(1, brief)]);
        world.pass(1000);
        for starts in 2..6 {
            let before = world.view().epoch;
            assert!(world.ask(Command::Restart));
            assert!(world.view().epoch > before, "the answer stands for a run of its own");
            world.pass(2000);
            assert_eq!((world.state(), world.view().starts), (done, starts));
        }
    }
}

#[test]
fn a_restart_is_not_taken_for_the_start_that_is_under_way() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    assert!(world.ask(Command::Stop));
    assert!(world.ask(Command::Start));
    world.pass(10);
    assert_eq!((world.state(), world.view().starts), (State::Starting, 2));
    assert!(world.ask(Command::Restart));
    world.pass(2000);
    assert_eq!((world.state(), world.view().starts), (State::Running, 3));
}

#[test]
fn a_restart_does_not_take_the_input_from_a_run_that_is_about_to_begin() {
    let brief = Behaviour::Ends(Exit::Code(0), 10);
    let mut world = World::new(spec(1, |_| ()), &[(1, brief)]);
    world.pass(1000);
    let now = world.now;
    let ask = |world: &mut World, command| world.machine.request(command, None, now);
    ask(&mut world, Command::Run(Some("7".to_owned()))).expect("it is idle");
    ask(&mut world, Command::Restart).expect("it may run");
    let effects = world.machine.handle(Event::Admitted, now);
    let has_input = |effect: &Effect| matches!(effect, Effect::Spawn { input: Some(_), .. });
    assert!(effects.iter().any(has_input), "{effects:?}");
}

#[test]
fn an_edit_that_is_taken_up_without_a_person_does_not_show_as_changed() {
    let schedule = SchedulePolicy {
        expression: "every 10m".to_owned(),
        timezone: None,
        run_at_start: true,
        catch_up: CatchUp::None,
    };
    let timed = |version| spec(version, |s| s.policy.schedule = Some(schedule.clone()));
    let brief = Behaviour::Ends(Exit::Code(0), 10);
    let mut world = World::new(timed(1), &[(1, brief), (2, brief)]);
    world.pass(100);
    world.apply(timed(2));
    assert_eq!((world.state(), world.view().changed), (State::Scheduled, false));
    world.pass(600_000);
    assert_eq!((world.view().starts, world.view().changed), (2, false));

    // A stop that is under way applies this one.
    let mut world = World::new(spec(2, |_| ()), &[(2, Behaviour::Stubborn)]);
    world.pass(2000);
    world.apply(spec(0, |_| ()));
    assert_eq!((world.state(), world.view().changed), (State::Stopping, false));
    // From now on a person must start it.
    assert!(world.ask(Command::Stop));
    assert_eq!((world.state(), world.view().changed), (State::Stopping, true));
}

#[test]
fn a_run_that_is_left_alone_until_its_schedule_has_nothing_for_a_person_to_do() {
    let make = |version, is_timed: bool| {
        spec(version, |s| {
            s.policy.reload = OnChange::Manual;
            s.policy.schedule = Some(SchedulePolicy {
                expression: "every 10m".to_owned(),
                timezone: None,
                run_at_start: true,
                catch_up: CatchUp::None,
            });
            if !is_timed {
                s.policy.schedule = None;
            }
        })
    };
    for is_timed in [true, false] {
        let mut world = World::new(make(0, is_timed), &[]);
        world.pass(2000);
        world.apply(make(3, is_timed));
        world.pass(100);
        assert_eq!((world.state(), world.view().changed), (State::Running, !is_timed));
    }
}
