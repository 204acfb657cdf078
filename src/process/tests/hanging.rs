//! Launches that hang: nobody else waits for them.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use super::{finish, sh, spawn, within};
use crate::{
    domain::Exit,
    process::{LaunchTurn, SpawnError, Spawner},
};

/// Shorter than a launch may be at least, which is what counts then.
const LIMIT: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_hangs_is_given_up_and_holds_nobody_up() {
    let spawner = Spawner::start().expect("threads");
    let turn = LaunchTurn::default();
    let (let_go, hung) = mpsc::channel::<()>();
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let prepare = move || {
        let _ = began.send(());
        let _ = hung.recv();
        Ok(sh("exit 7"))
    };
    let hanging = {
        let (spawner, turn) = (spawner.clone(), turn.clone());
        tokio::spawn(async move { spawner.launch(&turn, LIMIT, prepare).await.err() })
    };
    within(has_begun).await.expect("it begins");
    let done = finish(spawn(&spawner, sh("exit 3")).await).await;
    assert_eq!(done.exit, Exit::Code(3), "another one launches meanwhile");

    let error = within(hanging).await.expect("it ends").expect("it hangs");
    assert!(error.to_string().contains("does not answer"), "{error}");
    assert!(matches!(error, SpawnError::Hangs { .. }), "{error}");
    let again = within(spawner.launch(&turn, LIMIT, || Ok(sh("exit 4")))).await.err();
    let again = again.expect("the first one still hangs");
    assert!(matches!(again, SpawnError::Hangs { .. }), "{again}");

    drop(let_go);
    let limit = Duration::from_secs(10);
    let launched = within(spawner.launch(&turn, limit, || Ok(sh("exit 5")))).await;
    let done = finish(launched.expect("the disk answers again")).await;
    assert_eq!(done.exit, Exit::Code(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_is_held_up_is_relieved() {
    use crate::process::spawn_crew::{HELD_UP, SpawnCrew};
    let (crew, _requests) = SpawnCrew::start().expect("a thread");
    crew.hold_up();
    let start = Instant::now();
    while crew.n_threads() < 2 {
        assert!(start.elapsed() < Duration::from_secs(10), "another thread takes over");
        crew.relieve();
        tokio::time::sleep(HELD_UP / 10).await;
    }
    crew.relieve();
    assert_eq!(crew.n_threads(), 2, "one of them is free");
}
