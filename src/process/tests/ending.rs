//! Stopping, dying, and what is left of a run.

use std::fs;

use rustix::process::Signal;

use super::{
    Command, Duration, Exit, Instant, Receiver, Spawner, first_line, is_alive, pid, proc, run, sh,
    spawn, until, within,
};
use crate::{
    domain::{RunId, StopTarget},
    process::{end_leftovers, proc::Mark, usage},
    procfs,
};

#[tokio::test]
async fn a_stop_reaches_a_stopped_worker_and_its_whole_group() {
    let spawner = Spawner::start().expect("threads");
    let script = "trap 'wait; echo bye; exit 0' TERM; \
                  (trap 'echo child; exit' TERM; echo; while :; do sleep 0.01; done) & wait";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    first_line(&mut stdout).await;
    let pid = spawned.process.pid();
    let group = rustix::process::Pid::from_raw(pid.cast_signed());
    rustix::process::kill_process_group(group.expect("a pid"), Signal::STOP).expect("a group");
    until("stopped", || procfs::stat(pid).is_some_and(|stat| stat.is_stopped())).await;
    spawned.process.ask_to_stop(15, StopTarget::Group);
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
    assert_eq!(first_line(&mut stdout).await, "child");
    assert_eq!(first_line(&mut stdout).await, "bye");
    // It is nobody's any more: nothing may be sent.
    spawned.process.kill();
    assert_eq!(usage(pid), None);
}

/// Ends a second after the signal, and says so in the file that it is given.
const DRAINS: &str =
    "trap 'sleep 1; echo drained >$0; exit 0' TERM; echo $$; while :; do sleep 0.02; done";

#[tokio::test]
async fn what_a_wrapper_started_is_given_its_time_when_the_wrapper_dies_of_the_signal() {
    // In the group, and out of it.
    for wrap in ["sh -c \"$1\" \"$0\" & wait", "setsid sh -c \"$1\" \"$0\" & wait"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("drained");
        let spawner = Spawner::start().expect("threads");
        let file_text = file.to_str().expect("UTF-8");
        let command = super::command("/bin/sh", &["-c", wrap, file_text, DRAINS]);
        let mut spawned = spawn(&spawner, command).await;
        let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
        let child = pid(&first_line(&mut stdout).await);
        spawned.process.ask_to_stop(15, StopTarget::Group);
        // The exit is that of the first process.
        assert_eq!(within(spawned.process.exited()).await, Exit::Signal(15), "{wrap}");
        assert!(file.exists() && !is_alive(child), "{wrap}");
        assert_eq!(spawned.process.killed_remains(), 0);
    }
}

#[tokio::test]
async fn what_outlives_the_first_process_of_a_stopped_run_is_killed_in_the_end_and_counted() {
    let spawner = Spawner::start().expect("threads");
    let script = "(trap '' TERM; echo $$; exec sleep 300) & wait";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let leader = pid(&first_line(&mut stdout).await);
    spawned.process.ask_to_stop(15, StopTarget::Group);
    until("the leader to die", || procfs::stat(leader).is_none_or(|stat| !stat.is_alive())).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), spawned.process.exited()).await;
    assert!(waited.is_err(), "it waits for what the leader left");
    spawned.process.kill();
    assert_eq!(within(spawned.process.exited()).await, Exit::Signal(15));
    assert_eq!((spawned.process.killed_remains(), spawned.process.left_behind()), (1, 0));
}

#[tokio::test]
async fn a_signal_for_the_first_process_alone_reaches_no_other() {
    let spawner = Spawner::start().expect("threads");
    let script = "trap 'sleep 0.3; kill -9 $!; echo kept; exit 0' TERM; \
                  (trap 'echo lost; exit' TERM; echo; while :; do sleep 0.01; done) & wait";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    first_line(&mut stdout).await;
    spawned.process.ask_to_stop(15, StopTarget::Main);
    assert_eq!(first_line(&mut stdout).await, "kept");
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn everything_a_run_started_dies_with_it() {
    for script in [
        "sleep 300 & echo $!",
        "(trap '' TERM HUP; exec sleep 300) & echo $!",
        "setsid sh -c 'echo $$; exec sleep 300' & sleep 0.1",
        "(setsid sh -c '(sh -c \"echo \\$\\$; exec sleep 300\" &)' &); sleep 0.1",
        "env -i /bin/sleep 300 & echo $!",
        "setsid sh -c 'env -i /bin/sleep 300 & echo $!; sleep 300' & sleep 0.1",
    ] {
        let spawner = Spawner::start().expect("threads");
        let mut spawned = spawn(&spawner, sh(&format!("{script}; exit 5"))).await;
        let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
        let escapee = pid(&first_line(&mut stdout).await);
        assert_eq!(within(spawned.process.exited()).await, Exit::Code(5), "{script}");
        assert!(!is_alive(escapee), "{script}");
        assert_eq!(spawned.process.left_behind(), 0);
        until("the orphan to be reaped", || procfs::stat(escapee).is_none()).await;
    }
}

#[tokio::test]
async fn an_exit_is_seen_though_pipes_stay_open_and_other_runs_are_left_alone() {
    let spawner = Spawner::start().expect("threads");
    let mut other = spawn(&spawner, sh("setsid sh -c 'echo $$; exec sleep 300' & sleep 300")).await;
    let mut stdout = Receiver::from_owned_fd(other.stdout).expect("a pipe");
    let stranger = pid(&first_line(&mut stdout).await);
    let start = Instant::now();
    let done = run(sh("setsid sleep 300 & exit 1")).await;
    assert_eq!(done.exit, Exit::Code(1));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(is_alive(stranger));
    other.process.kill();
    assert_eq!(within(other.process.exited()).await, Exit::Signal(9));
    assert!(!is_alive(stranger));
}

#[tokio::test]
async fn orphans_of_a_living_run_are_reaped() {
    let spawner = Spawner::start().expect("threads");
    let mut spawned =
        spawn(&spawner, sh("(sh -c 'echo $$; exec sleep 0.05' &); exec sleep 300")).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let orphan = pid(&first_line(&mut stdout).await);
    until("no zombie", || procfs::stat(orphan).is_none()).await;
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

#[tokio::test]
async fn waiting_may_be_cancelled_and_a_dropped_run_dies() {
    let spawner = Spawner::start().expect("threads");
    let mut spawned = spawn(&spawner, sh("sleep 300 & echo $!; wait")).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let child = pid(&first_line(&mut stdout).await);
    let leader = spawned.process.pid();
    for _ in 0..3 {
        let waiting = tokio::time::timeout(Duration::from_millis(1), spawned.process.exited());
        assert!(waiting.await.is_err());
    }
    drop(spawned.process);
    until("both to be gone", || [child, leader].iter().all(|p| procfs::stat(*p).is_none())).await;
}

#[tokio::test]
async fn many_runs_that_end_together_leave_nothing() {
    let spawner = Spawner::start().expect("threads");
    let instance = format!("herd{}", std::process::id());
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let spawner = spawner.clone();
            let mut command = sh("setsid sleep 300 & sleep 300 & exit 7");
            command.run = RunId::new(&instance, number);
            tokio::spawn(async move {
                let mut spawned = spawn(&spawner, command).await;
                let exit = within(spawned.process.exited()).await;
                (spawned.process.pid(), exit)
            })
        })
        .collect();
    for task in tasks {
        let (leader, exit) = within(task).await.expect("it ends");
        assert_eq!(exit, Exit::Code(7));
        assert_eq!(procfs::stat(leader), None);
    }
    let left = |pid: &u32| matches!(proc::mark(*pid), Mark::Run(run) if run.starts_with(&instance));
    let left: Vec<u32> = proc::everybody().into_iter().filter(left).collect();
    assert_eq!(left, [0; 0]);
}

#[tokio::test]
#[ignore = "run by other tests as a process of its own"]
async fn doomed_supervisor() {
    let spawner = Spawner::start().expect("threads");
    let instance =
        std::env::var_os("DOOMED").and_then(|id| id.into_string().ok()).expect("its instance");
    let mut command: Command =
        sh("setsid sleep 300 & echo $$ $! >$FILE.tmp; mv $FILE.tmp $FILE; exec sleep 300");
    command.run = RunId::new(&instance, 1);
    let file = std::env::var_os("FILE").and_then(|file| file.into_string().ok()).expect("its file");
    command.env.push(("FILE".to_owned(), file));
    let mut spawned = spawn(&spawner, command).await;
    spawned.process.exited().await;
}

#[tokio::test]
async fn runs_die_with_arcanos_and_the_next_ends_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    let instance = format!("doomed{}", std::process::id());
    let me = std::env::current_exe().expect("this program");
    let mut supervisor = std::process::Command::new(me)
        .args(["process::tests::ending::doomed_supervisor", "--exact", "--ignored"])
        .env("DOOMED", &instance)
        .env("FILE", &file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    until("its run", || file.exists()).await;
    let pids = fs::read_to_string(&file).expect("the pids");
    let (leader, escapee) = pids.trim().split_once(' ').expect("two");
    let (leader, escapee) = (pid(leader), pid(escapee));
    until("the escapee to be itself", || procfs::stat(escapee).is_some_and(|s| s.group == escapee))
        .await;
    supervisor.kill().expect("it dies");
    supervisor.wait().expect("it is dead");
    until("the leader to die with it", || !is_alive(leader)).await;
    assert!(is_alive(escapee));
    assert_eq!(end_leftovers("doomed"), 0, "a prefix of the name is another instance");
    // The `mv` may still be at it too.
    assert!(end_leftovers(&instance) >= 1);
    assert!(!is_alive(escapee));
    assert_eq!(end_leftovers(&instance), 0);
}
