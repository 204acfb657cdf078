//! How the cost grows with the number of workers: `cargo bench --bench supervisor -- growth`.

use std::{fmt::Write, thread, time::Duration};

use crate::{
    Ground,
    life::{ms, sleepers},
    load, probe,
    site::{Setting, Site},
};

/// How many workers.
const SIZES: [usize; 5] = [100, 500, 1000, 2000, 5000];

/// How long idleness is watched.
const SPAN: Duration = Duration::from_secs(35);

/// The curve, in Markdown.
pub(crate) fn curve(ground: &Ground) -> String {
    let mut table = "| workers | memory | per worker | bring-up | one changed by file | by config | \
                     status, 1 connection | idle CPU a minute | stop |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let base = probe_memory(ground, 0);
    for workers in SIZES {
        let site = Site::new(&ground.worker, &sleepers(workers));
        let (running, marks) = site.bring_up(workers);
        let last = marks.iter().map(|mark| mark.at).max().unwrap_or(0);
        let up = ms(last - running.at);
        thread::sleep(Duration::from_secs(8));
        let memory = probe::pss(running.pid());
        let before = probe::effort(running.pid());
        thread::sleep(SPAN);
        let after = probe::effort(running.pid());
        let idle = ms(after.since(&before).cpu) * 60.0 / SPAN.as_secs_f64();
        site.marks.clear();
        let at = site.put("2\n", &site.file(7));
        let by_file = ms(site.marks.await_count("start", 1)[0].at - at);
        thread::sleep(Duration::from_millis(300));
        site.marks.clear();
        let config = "[workers.w0005.env]\nROUND = \"1\"";
        let at = probe::monotonic();
        site.configure(&ground.worker, &Setting { config, ..sleepers(workers) });
        let by_config = ms(site.marks.await_count("start", 1)[0].at - at);
        let status = load::rate(site.address, "/workers/status", 1, Duration::from_secs(2));
        let stop = ms(running.stop());
        let per_worker = (memory - base) * 1024.0 / workers as f64;
        writeln!(
            table,
            "| {workers} | {memory:.1} MiB | {per_worker:.1} KiB | {up:.0} ms | {by_file:.1} ms | \
             {by_config:.1} ms | {status:.0}/s | {idle:.2} ms | {stop:.0} ms |"
        )
        .expect("text takes every line");
        eprintln!("{}", table.lines().last().unwrap_or_default());
    }
    table
}

fn probe_memory(ground: &Ground, workers: usize) -> f64 {
    let site = Site::new(&ground.worker, &sleepers(workers));
    let (running, _) = site.bring_up(workers);
    thread::sleep(Duration::from_secs(8));
    let memory = probe::pss(running.pid());
    running.signal("TERM");
    memory
}
