//! A long life in short: many restarts and requests, and what they leave in arcanos.
//!
//! `SOAK_RESTARTS=100000 SOAK_REQUESTS=1000000 \
//!  cargo test --release --test faults -- --ignored --nocapture soak`

use std::{
    io::{BufRead, BufReader, Read, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{http, procs, site::Site};

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
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What arcanos takes.
#[derive(Clone, Copy, Debug)]
struct Figures {
    rss: u64,
    descriptors: usize,
    threads: usize,
}

impl Figures {
    fn of(site: &Site) -> Self {
        let pid = site.pid();
        Self {
            rss: procs::rss(pid),
            descriptors: procs::descriptors(pid),
            threads: procs::threads(pid),
        }
    }

    fn print(self, when: &str, restarts: u64, requests: u64) {
        let Self { rss, descriptors, threads } = self;
        println!(
            "{when:>6}: {restarts:>8} restarts {requests:>9} requests \
             {rss:>4} MiB {descriptors:>4} descriptors {threads:>3} threads"
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
#[ignore = "takes as long as it is told to; see the head of the file"]
fn soak() {
    let (restarts_wanted, requests_wanted) =
        (wish("SOAK_RESTARTS", 2_000), wish("SOAK_REQUESTS", 20_000));
    let mut site = Site::new();
    site.set("restart.policy", "'always'").set("restart.delay", "'10ms'");
    site.set("restart.backoff", "'fixed'").set("log.max_size", "'1MB'").set("log.keep", "1");
    for n in 0..WORKERS {
        site.sh(&format!("w{n}"), "echo a line of output; exit 0");
    }
    site.start();
    let asked = AtomicU64::new(0);
    let warm = restarts_wanted.min(1_000) / 2;
    while restarts(&site) < warm {
        converse(site.port(), PATHS.len() as u64);
        std::thread::sleep(Duration::from_millis(50));
    }
    let (first, begin) = (Figures::of(&site), Instant::now());
    first.print("warm", restarts(&site), 0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while asked.fetch_add(A_CONNECTION, Ordering::Relaxed) < requests_wanted {
                    converse(site.port(), A_CONNECTION);
                }
            });
        }
        let mut told = Instant::now();
        loop {
            let (n, requests) = (restarts(&site), asked.load(Ordering::Relaxed));
            if n >= restarts_wanted && requests >= requests_wanted {
                break;
            }
            if told.elapsed() > Duration::from_secs(30) {
                told = Instant::now();
                Figures::of(&site).print("now", n, requests);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    std::thread::sleep(Duration::from_secs(1));
    let last = Figures::of(&site);
    last.print("end", restarts(&site), asked.load(Ordering::Relaxed).min(requests_wanted));
    println!("took {:.0?}", begin.elapsed());
    assert!(procs::zombies_of(site.pid()).is_empty());
    // What the kernel and the allocator round up; a leak of 100 bytes a restart shows beyond it.
    assert!(last.rss <= first.rss + 10, "{first:?} → {last:?}");
    assert!(last.descriptors <= first.descriptors + WORKERS * 5, "{first:?} → {last:?}");
    assert!(last.threads <= first.threads + 4, "{first:?} → {last:?}");
    assert!(site.stop().0.success());
    site.is_empty();
}
