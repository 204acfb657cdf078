//! Rows about output: a flood through a worker's pipe into its log.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::{
    Ground,
    figure::{Aim, Figure},
    floor,
    probe::{self, wait_until},
    site::{Setting, Site},
};

/// Bytes of the flood: whole lines of 100 bytes.
const BYTES: usize = 256_000_000;

/// The flood to the worker's own file, and to the session log too.
pub(crate) fn floods(ground: &Ground, rounds: usize) -> Vec<Figure> {
    let (mut own, mut both, mut floor) = (Flood::default(), Flood::default(), Vec::new());
    for _ in 0..rounds {
        let file = ground.scratch.path().join("flood");
        floor.push(floor::cat(&ground.worker, &file, BYTES));
        fs::remove_file(&file).expect("to remove the flood");
        own.measure(ground, "[\"lifecycle\", \"activity\"]");
        both.measure(ground, "[\"lifecycle\", \"activity\", \"output\"]");
    }
    let figure = |name: &str, samples, aim| Figure::plain(name, "MB/s", samples, aim);
    let cpu = |name: &str, samples, aim| Figure::plain(name, "s", samples, aim);
    vec![
        figure("flood to the worker's log", own.rates, Aim::ShareOfFloor(0.9)).over(floor.clone()),
        cpu("… supervisor CPU per GB", own.cpu, Aim::AtMost(0.8)),
        figure("flood, session log too", both.rates, Aim::ShareOfFloor(0.4)).over(floor),
        cpu("… supervisor CPU per GB", both.cpu, Aim::Shown),
    ]
}

#[derive(Default)]
struct Flood {
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Flood {
    fn measure(&mut self, ground: &Ground, includes: &str) {
        let config = format!("[log]\nmax_size = \"4GB\"\nincludes = {includes}");
        let verb = format!("flood {BYTES}");
        // The marks come before the number of bytes.
        let setting = Setting { workers: 0, verb: &verb, config: &config };
        let site = Site::new(&ground.worker, &setting);
        let (running, _) = site.bring_up(0);
        let before = probe::effort(running.pid());
        site.put("1\n", &site.file(0));
        let log = site.path("memory/logs/w0000.log");
        let start = site.marks.await_count("start", 1)[0].at;
        wait_until("the flood is in the log", || size(&log) >= BYTES as u64);
        let seconds = (probe::monotonic() - start) as f64 / 1e9;
        let after = probe::effort(running.pid());
        assert_eq!(size(&log), BYTES as u64, "every byte, once");
        running.stop();
        if includes.contains("output") {
            let session = site.path("memory/session.log");
            assert!(size(&session) > BYTES as u64, "the session log has all lines too");
        }
        self.rates.push(BYTES as f64 / 1e6 / seconds);
        self.cpu.push(after.since(&before).cpu as f64 / BYTES as f64);
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.size())
}
