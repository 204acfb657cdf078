//! Rows about the status over HTTP.

use std::time::Duration;

use crate::{
    Ground,
    figure::{Aim, Figure},
    floor, life, load,
    site::Site,
};

/// How long each rate is measured.
const SPAN: Duration = Duration::from_millis(1500);

/// How often.
const ROUNDS: usize = 3;

/// The status of so many workers, over each of these numbers of connections.
pub(crate) fn rates(ground: &Ground, workers: usize, connections: &[usize]) -> Vec<Figure> {
    let site = Site::new(&ground.worker, &life::sleepers(workers));
    let (running, _) = site.bring_up(workers);
    let size = load::fetch(site.address, "/workers/status").map_or(0, |body| body.len());
    let server = floor::Server::start(size);
    let figures = connections.iter().map(|n| {
        let (mut samples, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor.push(load::rate(server.address, "/", *n, SPAN));
            samples.push(load::rate(site.address, "/workers/status", *n, SPAN));
        }
        let kb = size / 1000;
        let name = format!("status of {workers} ({kb} kB), {n} connections");
        Figure::plain(&name, "/s", samples, Aim::ShareOfFloor(0.6)).over(floor)
    });
    let figures = figures.collect();
    running.stop();
    figures
}
