//! Rows about starting: arcanos itself, and a worker that is Node.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    Ground,
    figure::{Aim, Figure},
    floor,
    life::{ms, sleepers},
    load,
    probe::{monotonic, wait_until},
    site::Site,
    support::{needs::has_program, site::ARCANOS},
};

/// `--version`, and `run` until it answers.
pub(crate) fn own(ground: &Ground) -> Vec<Figure> {
    let version = (0..20).map(|_| {
        let start = monotonic();
        let status = Command::new(ARCANOS).arg("--version").stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "--version works");
        ms(monotonic() - start)
    });
    let health = (0..10).map(|_| {
        let site = Site::new(&ground.worker, &sleepers(0));
        let running = site.start();
        wait_until("it answers", || load::fetch(site.address, "/health").is_some());
        let span = ms(monotonic() - running.at);
        running.stop();
        span
    });
    vec![
        Figure::plain("`arcanos --version`", "ms", version.collect(), Aim::AtMost(5.0)),
        Figure::plain("start → first `/health`", "ms", health.collect(), Aim::AtMost(50.0)),
    ]
}

/// A Node file dropped in, until it writes; beside Node alone. `None` without Node.
pub(crate) fn node(ground: &Ground) -> Option<Figure> {
    const ROUNDS: usize = 10;
    if !has_program("node") {
        return None;
    }
    let site = Site::new(&ground.worker, &sleepers(0));
    let (running, _) = site.bring_up(0);
    let marks = site.marks.path.display().to_string();
    let (mut samples, mut floor) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let text = format!(
            "import {{ appendFileSync }} from 'node:fs';\nconst at = process.hrtime.bigint();\n\
             console.log(String(at));\n\
             appendFileSync({marks:?}, `start node ${{process.pid}} ${{at}}\\n`);\n\
             setInterval(() => {{}}, 1e6);\n"
        );
        let alone = ground.scratch.path().join("alone.mjs");
        std::fs::write(&alone, &text).expect("a file for Node");
        floor.push(floor::node(&alone));
        let before = site.marks.read().len();
        let at = site.put(&text, &site.workers().join(format!("n{round}.mjs")));
        let wanted = before + 2;
        let mark = site.marks.await_count("start", before + 1).last().map_or(at, |mark| mark.at);
        samples.push(ms(mark - at));
        // One more line would be a second run.
        assert!(site.marks.read().len() < wanted, "one run a file");
        thread::sleep(Duration::from_millis(100));
    }
    running.stop();
    let name = "node worker: dropped in → first line";
    Some(Figure::plain(name, "ms", samples, Aim::AboveFloor(5.0)).over(floor))
}
