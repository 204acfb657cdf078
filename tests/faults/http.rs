//! HTTP as plain as can be, and a watch over `/health` while a fault lasts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(crate) use crate::support::http::{Reply, ask, connect, connect_small, raw, try_ask, try_get};
use crate::{site::SLACK, support::waiting::DEADLINE};

/// How soon `/health` answers whatever goes on: 100 ms, for a program that is optimised and a
/// machine that is free; see [`SLACK`].
const STEADY: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 100 });

/// Asks for `/health` all the time while a fault lasts.
pub(crate) struct Pulse {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Pulse {
    pub(crate) fn start(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            while !seen.load(Ordering::Relaxed) {
                let start = Instant::now();
                let answer = try_get(port, "/health");
                let is_good = answer.is_some_and(|answer| answer.status == 200);
                times.push(if is_good { start.elapsed() } else { DEADLINE });
                std::thread::sleep(Duration::from_millis(20));
            }
            times
        });
        Self { is_over, thread }
    }

    /// Ends, and demands that nine of ten answers came in time and all within two seconds: the
    /// machine may have other work.
    pub(crate) fn was_steady(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut times = self.thread.join().unwrap();
        times.sort();
        let most = times[times.len() * 9 / 10];
        let worst = times[times.len() - 1];
        let is_steady = most < STEADY && worst < Duration::from_secs(2) + SLACK;
        assert!(is_steady, "/health took {most:?} (p90), {worst:?} at worst of {}", times.len());
    }
}
