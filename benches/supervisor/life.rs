//! Rows about the lives of workers: coming up, changing, ending, and what they cost meanwhile.

use std::{thread, time::Duration};

use crate::{
    Ground,
    figure::{Aim, Figure},
    floor,
    probe::{self, monotonic},
    site::{Running, Setting, Site},
};

/// How long a supervisor rests before its memory is read: its buffers go, its files close.
const REST: Duration = Duration::from_secs(8);

/// Workers that sleep.
pub(crate) fn sleepers(workers: usize) -> Setting<'static> {
    Setting { workers, verb: "sleep", config: "" }
}

pub(crate) fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Bring-up, memory and stop with so many workers.
pub(crate) fn crowd(ground: &Ground, workers: usize, rounds: usize) -> Vec<Figure> {
    let (mut up, mut up_floor) = (Vec::new(), Vec::new());
    let (mut down, mut down_floor) = (Vec::new(), Vec::new());
    let mut memory = Vec::new();
    for round in 0..rounds {
        let site = Site::new(&ground.worker, &sleepers(workers));
        let (floor_up, floor_down) = floor::spawn_loop(&ground.worker, &site.marks, workers);
        up_floor.push(ms(floor_up));
        down_floor.push(ms(floor_down));
        site.marks.clear();
        let (running, marks) = site.bring_up(workers);
        let last = marks.iter().map(|mark| mark.at).max().unwrap_or(0);
        up.push(ms(last - running.at));
        if round == 0 {
            thread::sleep(REST);
            memory.push(probe::pss(running.pid()));
        }
        down.push(ms(running.stop()));
    }
    let (most_memory, most_down) = match workers {
        ..=1 => (4.5, 50.0),
        2..=100 => (5.0, 50.0),
        _ => (20.0, 300.0),
    };
    let name = |what: &str| format!("{what}, {workers} workers");
    let memory = Figure::plain(&name("own memory (PSS)"), "MiB", memory, Aim::AtMost(most_memory));
    if workers == 1 {
        return vec![memory.over(vec![ground.hello])];
    }
    vec![
        memory,
        Figure::plain(&name("bring-up"), "ms", up, Aim::TimesFloor(3.0)).over(up_floor),
        Figure::plain(&name("stop"), "ms", down, Aim::AtMost(most_down)).over(down_floor),
    ]
}

/// A file dropped in beside 100 workers, until its first instruction.
pub(crate) fn drop_in(ground: &Ground) -> Figure {
    const BESIDE: usize = 100;
    const ROUNDS: usize = 25;
    let site = Site::new(&ground.worker, &sleepers(BESIDE));
    let (running, _) = site.bring_up(BESIDE);
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        let at = site.put("1\n", &site.file(BESIDE + round));
        let marks = site.marks.await_count("start", BESIDE + round + 1);
        let first = marks.last().map_or(at, |mark| mark.at);
        samples.push(ms(first - at));
        thread::sleep(Duration::from_millis(30));
    }
    running.stop();
    Figure::plain(
        "drop a file in → its first instruction, 100 running",
        "ms",
        samples,
        Aim::AtMost(3.0),
    )
}

/// A crash, until the first instruction of the next run.
pub(crate) fn crash(ground: &Ground) -> Figure {
    const RUNS: usize = 40;
    let config = "restart = { delay = \"0s\", max_attempts = \"unlimited\", jitter = 0.0 }";
    let site = Site::new(&ground.worker, &Setting { workers: 0, verb: "crash", config: "" });
    let setting =
        Setting { workers: 0, verb: "crash", config: &format!("[workers.w0000]\n{config}") };
    site.configure(&ground.worker, &setting);
    let running = site.start();
    site.put("1\n", &site.file(0));
    let starts = site.marks.await_count("start", RUNS);
    running.stop();
    let ends: Vec<u64> =
        site.marks.read().iter().filter(|mark| mark.word == "end").map(|mark| mark.at).collect();
    let gaps = starts.iter().skip(1).zip(&ends).map(|(start, end)| ms(start.at - end));
    Figure::plain(
        "crash → next first instruction, no delay",
        "ms",
        gaps.collect(),
        Aim::AtMost(1.0),
    )
}

/// One of many changed, by its file and by the config, until its new first instruction.
pub(crate) fn change(ground: &Ground, workers: usize, rounds: usize) -> Vec<Figure> {
    let site = Site::new(&ground.worker, &sleepers(workers));
    let (running, _) = site.bring_up(workers);
    let mut by_file = Vec::new();
    for round in 0..rounds {
        site.marks.clear();
        let at = site.put(&format!("{}\n", round + 2), &site.file(round * 7));
        by_file.push(effect(&site, at, &format!("w{:04}", round * 7)));
    }
    let mut by_config = Vec::new();
    for round in 0..rounds {
        site.marks.clear();
        let config = format!("[workers.w0005.env]\nROUND = \"{round}\"");
        let setting = Setting { config: &config, ..sleepers(workers) };
        let start = monotonic();
        site.configure(&ground.worker, &setting);
        by_config.push(effect(&site, start, "w0005"));
    }
    running.stop();
    let name = |how: &str| format!("one of {workers} changed by {how} → effect");
    vec![
        Figure::plain(&name("file"), "ms", by_file, Aim::AtMost(10.0)),
        Figure::plain(&name("config"), "ms", by_config, Aim::AtMost(10.0)),
    ]
}

/// Milliseconds until the one worker that should have started again did.
///
/// # Panics
/// If another one did too.
fn effect(site: &Site, since: u64, id: &str) -> f64 {
    let at = site.marks.await_count("start", 1)[0].at;
    // Whoever else was restarted would be there by now.
    thread::sleep(Duration::from_millis(150));
    let marks = site.marks.read();
    assert!(marks.iter().all(|mark| mark.id == id) && marks.len() == 1, "others too: {marks:?}");
    ms(at - since)
}

/// The supervisor is killed; until the last of its workers is dead.
pub(crate) fn killed(ground: &Ground) -> Figure {
    const WORKERS: usize = 100;
    let mut samples = Vec::new();
    for _ in 0..3 {
        let site = Site::new(&ground.worker, &sleepers(WORKERS));
        let (running, marks) = site.bring_up(WORKERS);
        let handles = probe::handles(marks.iter().map(|mark| mark.pid));
        assert_eq!(handles.len(), WORKERS, "all workers live");
        let start = monotonic();
        running.signal("KILL");
        probe::await_deaths(&handles);
        samples.push(ms(monotonic() - start));
    }
    Figure::plain("supervisor SIGKILLed → last of 100 dead", "ms", samples, Aim::AtMost(2000.0))
}

/// What a supervisor does while nothing happens, a minute long.
pub(crate) fn idle(ground: &Ground, workers: usize, span: Duration) -> Vec<Figure> {
    let site = Site::new(&ground.worker, &sleepers(workers));
    let (running, _) = site.bring_up(workers);
    thread::sleep(REST);
    let figures = idle_of(&running, workers, span);
    running.stop();
    figures
}

fn idle_of(running: &Running, workers: usize, span: Duration) -> Vec<Figure> {
    let before = probe::effort(running.pid());
    thread::sleep(span);
    let after = probe::effort(running.pid());
    let a_minute = 60.0 / span.as_secs_f64();
    let used = after.since(&before);
    let cpu = ms(used.cpu) * a_minute;
    let wakes = used.wakes as f64 * a_minute;
    let name = |what: &str| format!("idle, {workers} workers: {what} a minute");
    vec![
        Figure::plain(&name("CPU"), "ms", vec![cpu], Aim::AtMost(1.0)),
        Figure::plain(&name("wake-ups"), "", vec![wakes], Aim::AtMost(6.0)),
    ]
}
