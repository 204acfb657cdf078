//! One behaviour a test.

use std::time::Duration;

use super::world::{Behaviour, World, spec};
use crate::{
    domain::{
        Attempts, Command, Exit, ExitReason, Mode, OnChange, ReadyRule, RestartWhen, RunOutcome,
        State, WorkerSpec,
    },
    worker::{Event, RunKey},
};

const CRASHES: Behaviour = Behaviour::Ends(Exit::Code(1), 0);

#[test]
fn a_run_is_running_once_it_stayed_up() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    world.pass(999);
    assert_eq!(world.state(), State::Starting);
    assert_eq!(world.said("✅"), 0);
    world.pass(1);
    assert_eq!(world.state(), State::Running);
    assert_eq!(world.said("✅ a running with model: m"), 1);
}

#[test]
fn that_a_run_is_up_is_said_once_and_without_a_model_where_there_is_none() {
    let done = Behaviour::Ends(Exit::Code(0), 10);
    for (behaviour, time) in [(Behaviour::Lives, 30_000), (done, 500)] {
        let make = || spec(1, |s| s.model = None);
        let mut world = World::new(make(), &[(1, behaviour)]);
        world.pass(time);
        assert_eq!(world.said("✅"), 1);
        assert!(world.lines.contains(&"✅ a running".to_owned()), "{:?}", world.lines);
    }
}

#[test]
fn ready_by_message_waits_for_the_word() {
    let make = || spec(0, |s| s.policy.start.ready = ReadyRule::Message);
    let mut world = World::new(make(), &[]);
    world.pass(20_000);
    assert_eq!(world.state(), State::Starting);
    world.handle(Event::SaidReady(RunKey(0)));
    assert_eq!(world.state(), State::Running);
}

#[test]
fn ready_by_line_waits_for_the_line_and_takes_no_other_sign() {
    let make = || spec(0, |s| s.policy.start.ready = ReadyRule::Line);
    let mut world = World::new(make(), &[]);
    world.pass(20_000);
    world.handle(Event::SaidReady(RunKey(0)));
    assert_eq!(world.state(), State::Starting);
    world.handle(Event::PrintedReadyLine(RunKey(0)));
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_run_that_never_gets_ready_is_stopped_and_counts_as_failed() {
    let make = || spec(0, |s| s.policy.start.ready = ReadyRule::Message);
    let mut world = World::new(make(), &[]);
    world.pass(30_001);
    let view = world.view();
    assert_eq!((view.state, view.attempts), (State::Backoff, 1));
    assert!(view.reason.is_some_and(|reason| reason.to_string().contains("start.timeout")));
}

#[test]
fn three_attempts_then_failed() {
    let mut world = World::new(spec(1, |_| ()), &[(1, CRASHES)]);
    world.pass(60_000);
    let view = world.view();
    assert_eq!((view.state, view.starts, view.attempts), (State::Failed, 4, 3));
    let gaps: Vec<u64> = world.spawns.windows(2).map(|w| (w[1] - w[0]).as_secs()).collect();
    assert_eq!(gaps, [5, 10, 20]);
    assert_eq!(world.said("Restarting worker a (attempt 2/3) in 10s"), 1);
    assert_eq!(world.said("Worker a failed too many times, giving up"), 1);
    assert_eq!(world.said("Worker a exited with code 1, signal null"), 4);
}

#[test]
fn past_runs_are_remembered_with_what_their_end_meant() {
    let done = Behaviour::Ends(Exit::Code(0), 3_000);
    let mut world = World::new(spec(1, |_| ()), &[(1, CRASHES), (2, done)]);
    world.pass(60_000);
    world.apply(spec(2, |_| ()));
    world.pass(2_000);
    assert!(world.ask(Command::Restart));
    world.pass(5_000);
    let past = world.view().past;
    let outcomes: Vec<RunOutcome> = past.iter().map(|run| run.outcome).collect();
    let [failed, stopped, completed] =
        [RunOutcome::Failed, RunOutcome::Stopped, RunOutcome::Completed];
    assert_eq!(outcomes, [failed, failed, failed, failed, stopped, completed]);
    assert_eq!(past[0].reason, Some(ExitReason::Unexplained(Exit::Code(1))));
    assert_eq!((past[5].uptime, past[5].exit), (Duration::from_secs(3), Exit::Code(0)));
    let gap = past[0].started_at.until(past[1].started_at);
    assert_eq!(gap, Duration::from_secs(5));
}

#[test]
fn what_the_machine_cannot_give_a_run_is_a_warning_until_the_next_one() {
    let mut world = World::new(spec(1, |_| ()), &[(1, Behaviour::Lives)]);
    let warnings = vec!["limits.memory is not applied".to_owned()];
    world.handle(Event::LimitsNotApplied { run: RunKey(0), warnings: warnings.clone() });
    world.handle(Event::LimitsNotApplied { run: RunKey(99), warnings: Vec::new() });
    assert_eq!(world.view().warnings, warnings);
    assert!(world.ask(Command::Restart));
    world.pass(1_000);
    assert_eq!((world.view().starts, world.view().warnings), (2, Vec::new()));
}

#[test]
fn no_more_past_runs_are_remembered_than_fit_a_plot() {
    let make = || spec(1, |s| s.policy.restart.max_attempts = Attempts::Unlimited);
    let mut world = World::new(make(), &[(1, CRASHES)]);
    world.pass(3 * 3_600_000);
    let view = world.view();
    assert!(view.starts > 16);
    assert_eq!(view.past.len(), 16);
    assert_eq!(view.past.back().map(|run| run.started_at), view.last_run_at);
}

#[test]
fn a_long_run_clears_the_count() {
    let crash = Behaviour::Ends(Exit::Code(1), 61_000);
    let mut world = World::new(spec(1, |_| ()), &[(1, crash)]);
    world.pass(61_000 * 9);
    assert_eq!(world.view().attempts, 1);
    assert_ne!(world.state(), State::Failed);
}

#[test]
fn the_count_is_clear_as_soon_as_the_run_has_lasted() {
    // It crashes at 61 s and runs again from 66 s to 127 s.
    let crash = Behaviour::Ends(Exit::Code(1), 61_000);
    let mut world = World::new(spec(1, |_| ()), &[(1, crash)]);
    world.pass(66_000 + 59_900);
    assert_eq!((world.alive(), world.view().attempts), (1, 1));
    world.pass(200);
    assert_eq!((world.alive(), world.view().attempts), (1, 0));
}

#[test]
fn always_runs_again_after_success_without_spending() {
    let make = || spec(1, |s| s.policy.restart.policy = RestartWhen::Always);
    let mut world = World::new(make(), &[(1, Behaviour::Ends(Exit::Code(0), 10))]);
    world.pass(11);
    assert_eq!(world.state(), State::Scheduled);
    assert!(world.view().next_start_at.is_some());
    world.pass(60_000);
    assert!(world.view().starts > 10);
    assert_eq!(world.view().attempts, 0);
}

#[test]
fn never_fails_at_the_first_failure() {
    let make = || spec(1, |s| s.policy.restart.policy = RestartWhen::Never);
    let mut world = World::new(make(), &[(1, CRASHES)]);
    world.pass(60_000);
    assert_eq!((world.state(), world.view().starts), (State::Failed, 1));
}

#[test]
fn a_worker_that_asks_for_more_time_gets_it() {
    let mut world = World::new(spec(1, |_| ()), &[(1, Behaviour::Ends(Exit::Code(1), 50))]);
    let reason = "session limit".to_owned();
    let retry_after = Some(Duration::from_secs(90));
    world.handle(Event::SaidExitReason { run: RunKey(0), reason, retry_after });
    world.pass(80_000);
    let view = world.view();
    assert_eq!((view.state, view.starts), (State::Backoff, 1));
    assert!(view.reason.is_some_and(|reason| reason.to_string().contains("session limit")));
    world.pass(20_000);
    assert!(world.view().starts > 1);
}

#[test]
fn who_ignores_the_signal_is_killed_after_the_timeout_in_force() {
    let mut world = World::new(spec(2, |_| ()), &[(2, Behaviour::Stubborn)]);
    world.pass(2000);
    assert!(world.ask(Command::Stop));
    world.pass(3000);
    assert_eq!(world.state(), State::Stopping);
    world.apply(spec(2, |s| s.policy.stop.timeout = Duration::from_secs(4)));
    world.pass(1500);
    assert_eq!(world.state(), State::Stopped);
    assert_eq!(world.said("signal SIGKILL"), 1);
}

#[test]
fn stop_wins_over_a_waiting_restart() {
    let mut world = World::new(spec(1, |_| ()), &[(1, CRASHES)]);
    world.pass(100);
    assert_eq!(world.state(), State::Backoff);
    assert!(world.ask(Command::Stop));
    assert_eq!(world.state(), State::Stopped);
    world.pass(60_000);
    assert_eq!(world.view().starts, 1);
}

#[test]
fn a_stopped_worker_only_shows_an_edit_until_it_is_started() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    world.pass(2000);
    assert!(world.ask(Command::Stop));
    world.pass(100);
    world.apply(spec(10, |_| ()));
    world.pass(5000);
    assert_eq!((world.state(), world.view().changed), (State::Stopped, true));
    assert!(world.ask(Command::Start));
    world.pass(2000);
    assert_eq!((world.state(), world.view().changed), (State::Running, false));
}

#[test]
fn an_edit_gives_a_failed_worker_a_fresh_budget() {
    let make = |version| spec(version, |s| s.policy.restart.max_attempts = Attempts::Max(1));
    let mut world = World::new(make(1), &[(1, CRASHES), (6, CRASHES)]);
    world.pass(60_000);
    assert_eq!(world.state(), State::Failed);
    world.apply(make(6));
    world.pass(60_000);
    assert_eq!((world.view().attempts, world.view().starts), (1, 4));
}

#[test]
fn a_changed_policy_leaves_the_run_alone() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    world.pass(2000);
    world.apply(spec(0, |s| s.policy.restart.max_attempts = Attempts::Max(9)));
    world.pass(2000);
    let view = world.view();
    assert_eq!((view.starts, view.max_attempts), (1, Attempts::Max(9)));
}

#[test]
fn an_overlap_keeps_the_old_run_until_the_new_one_is_ready() {
    let make = |version| spec(version, |s| s.policy.reload = OnChange::Overlap);
    let mut world = World::new(make(0), &[]);
    world.pass(2000);
    world.apply(make(10));
    world.pass(500);
    assert_eq!((world.alive(), world.state(), world.view().changed), (2, State::Running, true));
    world.pass(1000);
    assert_eq!((world.alive(), world.state(), world.view().changed), (1, State::Running, false));
}

#[test]
fn an_overlap_that_fails_keeps_the_old_run_and_tries_once_an_edit() {
    let make = |version| spec(version, |s| s.policy.reload = OnChange::Overlap);
    let mut world = World::new(make(0), &[(1, CRASHES)]);
    world.pass(2000);
    world.apply(make(1));
    world.pass(60_000);
    let view = world.view();
    assert_eq!(
        (world.alive(), view.state, view.starts, view.changed),
        (1, State::Running, 2, true)
    );
    assert!(view.warnings.iter().any(|warning| warning.contains("the old run is kept")));
    world.apply(make(10));
    world.pass(5000);
    assert_eq!((world.view().starts, world.view().changed), (3, false));
    assert!(world.view().warnings.is_empty());
}

#[test]
fn manual_waits_for_a_person() {
    let make = |version| spec(version, |s| s.policy.reload = OnChange::Manual);
    let mut world = World::new(make(0), &[]);
    world.pass(2000);
    world.apply(make(10));
    world.pass(5000);
    assert_eq!((world.view().starts, world.view().changed), (1, true));
    assert!(world.ask(Command::Restart));
    world.pass(5000);
    assert_eq!((world.view().starts, world.view().changed), (2, false));
}

#[test]
fn a_change_that_waited_is_taken_up_once_changes_need_not_wait() {
    let make =
        |version, on_change| spec(version, move |s: &mut WorkerSpec| s.policy.reload = on_change);
    for on_change in [OnChange::Replace, OnChange::Overlap] {
        let mut world = World::new(make(0, OnChange::Manual), &[]);
        world.pass(2000);
        world.apply(make(0, on_change));
        world.apply(make(0, OnChange::Manual));
        world.apply(make(10, OnChange::Manual));
        world.pass(5000);
        assert_eq!((world.view().starts, world.view().changed), (1, true));
        world.apply(make(10, on_change));
        world.pass(5000);
        assert_eq!((world.view().starts, world.view().changed), (2, false), "{on_change:?}");
    }
}

#[test]
fn a_worker_that_became_untrusted_keeps_its_run_whatever_is_asked_and_changes_once_it_may() {
    let make = |version, untrusted: Option<&str>| {
        spec(version, move |s: &mut WorkerSpec| s.untrusted = untrusted.map(str::to_owned))
    };
    for (command, is_taken) in [
        (Command::Restart, false),
        (Command::Start, true),
        (Command::Run(None), true),
        (Command::Stop, true),
    ] {
        let mut world = World::new(make(0, None), &[]);
        world.pass(2000);
        world.apply(make(0, Some("anyone may write to it")));
        assert_eq!(world.ask(command.clone()), is_taken, "{command:?}");
        world.pass(5000);
        let is_stop = command == Command::Stop;
        assert_eq!((world.alive(), world.view().starts), (usize::from(!is_stop), 1), "{command:?}");
        for command in [Command::Restart, Command::Start, Command::Run(None)] {
            assert!(!is_stop || !world.ask(command.clone()), "{command:?} after the stop");
        }
    }
    let mut world = World::new(make(0, None), &[]);
    world.pass(2000);
    world.apply(make(10, Some("anyone may write to it")));
    world.pass(5000);
    assert_eq!((world.view().starts, world.view().changed), (1, true));
    assert_eq!(world.said("its run is kept: anyone may write to it"), 1);
    world.apply(make(10, None));
    world.pass(5000);
    assert_eq!((world.view().starts, world.view().changed), (2, false));
}

#[test]
fn a_worker_that_comes_back_disabled_while_its_run_ends_is_not_started() {
    let make = |enabled| spec(2, move |s: &mut WorkerSpec| s.policy.enabled = enabled);
    for (enabled, state, starts) in [(false, State::Stopped, 1), (true, State::Running, 2)] {
        let mut world = World::new(make(true), &[(2, Behaviour::Stubborn)]);
        world.pass(2_000);
        world.remove();
        world.pass(1_000);
        world.apply(make(enabled));
        assert_eq!(world.state(), State::Stopping);
        world.pass(60_000);
        assert_eq!((world.state(), world.view().starts), (state, starts));
    }
}

#[test]
fn a_worker_that_changes_for_ever_is_not_started_for_ever_and_ends_as_it_was_last() {
    for (on_change, behaviours) in [
        (OnChange::Replace, &[][..]),
        (OnChange::Overlap, &[][..]),
        (OnChange::Replace, &[(0, CRASHES), (1, CRASHES)][..]),
    ] {
        let make = |version| spec(version, move |s: &mut WorkerSpec| s.policy.reload = on_change);
        let mut world = World::new(make(0), behaviours);
        for change in 0..2000_u64 {
            world.apply(make(change % 2 * 10));
            world.pass(20);
        }
        let starts = world.view().starts;
        assert!((20..60).contains(&starts), "{starts} starts in 40 s, {on_change:?}");
        assert!(world.said("changes too often, the last change is taken up in 1s") > 0);
        world.apply(make(20));
        world.pass(31_000);
        let view = world.view();
        assert_eq!((view.state, view.changed, world.alive()), (State::Running, false, 1));
        assert_eq!(view.warnings, [""; 0]);
    }
}

#[test]
fn a_signal_reaches_the_run_that_has_a_process() {
    let mut world = World::new(spec(0, |s| s.policy.enabled = false), &[]);
    assert!(!world.ask(Command::Signal(12)));
    world.apply(spec(0, |_| ()));
    world.pass(2000);
    assert!(world.ask(Command::Signal(12)));
    assert_eq!((world.said("signalled 12"), world.view().state), (1, State::Running));
}

#[test]
fn an_input_reaches_a_running_script_as_a_message() {
    let mut world = World::new(spec(0, |_| ()), &[]);
    world.pass(2000);
    assert!(world.ask(Command::Run(Some("[1]".to_owned()))));
    assert_eq!(world.said("delivered [1]"), 1);
    world.handle(Event::TaskBegan(RunKey(0)));
    assert_eq!(world.view().mode, Mode::Task);
    assert!(!world.ask(Command::Run(None)), "a task at work takes no other input");
}
