//! A long life in short: 100,000 restarts and 1,000,000 requests, and what they leave in arcanos.
//!
//! `cargo test --release --test faults -- --ignored --nocapture soak`; `SOAK_RESTARTS` and
//! `SOAK_REQUESTS` make it shorter or longer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    http, procs,
    site::{Site, until},
};

/// Workers that end at once and run again.
const WORKERS: usize = 16;

/// Clients that ask side by side.
const CLIENTS: u64 = 4;

/// Requests on one connection.
const A_CONNECTION: u64 = 500;

/// What is asked for, in turn.
const PATHS: [&str; 8] = [
    "/health",
    "/workers",
    "/workers/status",
    "/workers/logs/w1",
    "/metrics",
    "/workers/w2",
    "/no/such",
    "/config",
];

fn wish(name: &str, otherwise: u64) -> u64 {
    std::env::var_os(name).and_then(|text| text.to_str()?.parse().ok()).unwrap_or(otherwise)
}

/// What arcanos takes.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Resident memory in KiB.
    rss: u64,
    descriptors: usize,
    threads: usize,
}

impl Figures {
    fn of(site: &Site) -> Self {
        let pid = site.pid();
        Self {
            rss: procs::rss_kib(pid),
            descriptors: procs::descriptors(pid),
            threads: procs::threads(pid),
        }
    }

    fn print(self, when: &str, restarts: u64, requests: u64) {
        let Self { rss, descriptors, threads } = self;
        let rss = rss as f64 / 1024.0;
        println!(
            "{when:>6}: {restarts:>8} restarts {requests:>9} requests \
             {rss:>5.1} MiB {descriptors:>4} descriptors {threads:>3} threads"
        );
    }
}

/// Sends requests one after another on one connection, and reads each answer whole.
fn converse(port: u16, count: u64) {
    let stream = http::connect(port);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    for number in 0..count {
        let path = PATHS[number as usize % PATHS.len()];
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        writer.write_all(head.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "{path}: the connection was closed");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
    }
}

fn restarts(site: &Site) -> u64 {
    let workers = site.json("/workers")["workers"].clone();
    workers.as_array().unwrap().iter().map(|worker| worker["starts"].as_u64().unwrap()).sum()
}

#[test]
#[ignore = "takes many minutes; see the head of the file"]
fn soak() {
    let (restarts_wanted, requests_wanted) =
        (wish("SOAK_RESTARTS", 100_000), wish("SOAK_REQUESTS", 1_000_000));
    let mut site = Site::new();
    site.set("restart.policy", "'always'").set("restart.delay", "'10ms'");
    site.set("restart.backoff", "'fixed'").set("log.max_size", "'1MB'").set("log.keep", "1");
    for n in 0..WORKERS {
        site.sh(&format!("w{n}"), "echo a line of output; exit 0");
    }
    site.start();
    let (asked, start) = (AtomicU64::new(0), Instant::now());
    let (first, middle) = std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while asked.fetch_add(A_CONNECTION, Ordering::Relaxed) < requests_wanted {
                    converse(site.port(), A_CONNECTION);
                }
            });
        }
        // Once a share of all has been done, in percent, takes the figures.
        let figures_at = |share: u64, when: &str| loop {
            let (n, requests) = (restarts(&site), asked.load(Ordering::Relaxed));
            let (n_due, requests_due) = (restarts_wanted, requests_wanted);
            if n >= n_due * share / 100 && requests >= requests_due * share / 100 {
                let figures = Figures::of(&site);
                figures.print(when, n, requests.min(requests_due));
                break figures;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        figures_at(5, "begin");
        // By then all that is remembered of the workers is full.
        let first = figures_at(25, "full");
        let middle = figures_at(50, "middle");
        figures_at(100, "all");
        (first, middle)
    });
    std::thread::sleep(Duration::from_secs(1));
    let last = Figures::of(&site);
    last.print("end", restarts(&site), asked.load(Ordering::Relaxed).min(requests_wanted));
    println!("took {:.0?}", start.elapsed());
    until("no zombie is left", || procs::zombies_of(site.pid()).is_empty().then_some(()));
    // What the kernel and the allocator round up; a leak of 50 bytes a restart shows beyond it.
    for earlier in [first, middle] {
        assert!(last.rss <= earlier.rss + 4 * 1024, "{earlier:?} → {last:?}");
        assert!(last.descriptors <= earlier.descriptors + WORKERS * 5, "{earlier:?} → {last:?}");
        assert!(last.threads <= earlier.threads + 1, "{earlier:?} → {last:?}");
    }
    assert!(site.stop().0.success());
    site.is_empty();
}
