//! The start governor: not all at once, whatever the reason, and the routes answer meanwhile.

use crate::site::{Picture, Setup};

const MANY: usize = 40;

/// Says on its channel that it is ready, and stays.
const READY: &str = r#"eval "echo '\"ready\"' >&$NODE_CHANNEL_FD"; exec sleep 86400"#;

/// Many workers of this text, of which two may be launching at once.
fn setup(text: &str) -> Setup {
    let setup = Setup::new()
        .set("start.concurrency", "2")
        .set("start.ready", "'message'")
        .set("discovery.rules", "[{ name = 'sh', files = ['*.sh'], command = ['/bin/sh', '{file}'], ipc = true, mode = 'script' }]");
    (0..MANY).fold(setup, |setup, n| setup.worker(&format!("w{n:02}.sh"), text))
}

/// How many runs are spawned and not up yet.
fn launching(picture: &Picture) -> usize {
    let ids = picture.ids();
    let is_launching =
        |id: &&&str| picture.worker(id).state() == "starting" && picture.worker(id).pid().is_some();
    ids.iter().filter(is_launching).count()
}

#[test]
fn a_wave_starts_two_at_a_time() {
    // Without a sign of life a start counts for 250 ms; a line of JSON on the channel ends that.
    let site = setup(READY).start();
    let most = std::cell::Cell::new(0);
    let all = site.wait("all to run", |picture| {
        most.set(most.get().max(launching(picture)));
        picture.count("running") == MANY
    });
    assert!(most.get() <= 2, "{} at once", most.get());
    assert_eq!(all.ids().len(), MANY);
}

#[test]
fn restart_all_is_a_wave_too_and_ends_with_everyone_replaced() {
    let site = setup(READY).start();
    let before = site.wait("all to run", |picture| picture.count("running") == MANY);
    assert_eq!(site.post("/workers/restart-all").status, 200);
    site.wait("all to be replaced", |picture| {
        assert!(launching(picture) <= 2);
        let is_new = |id: &&str| picture.worker(id).pid() != before.worker(id).pid();
        picture.count("running") == MANY && picture.ids().iter().all(is_new)
    });
    assert_eq!(site.processes().len(), MANY);
}

#[test]
fn an_edit_of_what_all_get_is_a_wave_too() {
    let mut site = setup(READY).start();
    let before = site.wait("all to run", |picture| picture.count("running") == MANY);
    site.set("env.set.OPENAI_API_KEY", "'sk-another-key-than-before'");
    site.wait("all to be replaced", |picture| {
        assert!(launching(picture) <= 2);
        let is_new = |id: &&str| picture.worker(id).pid() != before.worker(id).pid();
        picture.count("running") == MANY && picture.ids().iter().all(is_new)
    });
    let reasons = site.get("/config")["lastReload"]["plan"]["reasons"].clone();
    assert_eq!(reasons["w00"], "env OPENAI_API_KEY");
    assert!(!reasons.to_string().contains("sk-another"), "{reasons}");
}

#[test]
fn workers_that_crash_together_all_come_to_their_end() {
    let site = setup("exit 1")
        .set("start.concurrency", "'unlimited'")
        .set("restart.max_attempts", "2")
        .start();
    let end = site.wait("all to give up", |picture| picture.count("failed") == MANY);
    for id in end.ids() {
        assert_eq!(end.worker(id).starts(), 3, "{id}");
    }
}
