//! 1E: how arcanos ends, whoever holds on to it.

use std::{
    io::Write,
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use crate::{
    http::{self, Pulse},
    procs,
    site::{A_SECOND, SLACK, Site, until},
};

/// Writes more than fits on a small disk, then a little more each moment; and is deaf.
const FILLS_THE_DISK: &str = "trap '' TERM; yes 'a line of some thirty bytes' | head -n 20000; \
    while :; do echo line; sleep 0.01; done";

/// Ignores what it is asked.
pub(crate) const DEAF: &str = "trap '' TERM INT HUP; while :; do sleep 1; done";

#[test]
fn e1_the_first_signal_ends_all_within_the_grace_and_a_second() {
    let mut site = Site::new();
    site.set("stop.timeout", "'1s'");
    for n in 0..5 {
        site.sh(&format!("deaf{n}"), DEAF);
    }
    site.start();
    for n in 0..5 {
        site.wait(&format!("deaf{n}"), "running");
    }
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0));
    let grace = Duration::from_secs(1);
    assert!(took >= grace && took < grace + A_SECOND, "{took:?}");
    site.is_empty();
}

#[test]
fn e1_the_second_signal_kills_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut site = Site::new();
        site.set("stop.timeout", "'1m'");
        site.sh("deaf", DEAF);
        site.start();
        site.wait("deaf", "running");
        site.signal(signal);
        until("it is stopping", || (site.worker("deaf")["state"] == "stopping").then_some(()));
        let start = Instant::now();
        assert_eq!(site.insist(signal).code(), Some(code));
        assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{:?}", start.elapsed());
        site.is_empty();
    }
}

/// Waits until arcanos knows that it cannot write its logs.
fn await_full_disk(site: &Site) {
    until("the disk is full", || {
        site.json("/health")["problems"].to_string().contains("memory").then_some(())
    });
}

/// Opens many connections that are at something, and at nothing that gets done.
fn slow_clients(site: &Site) -> Vec<TcpStream> {
    let asks = |head: &str| format!("{head} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    let requests = [
        asks("GET /events") + "\r\n",
        asks("GET /workers/logs/w?follow=1") + "\r\n",
        // None of them reads; these do not even finish to ask.
        asks("GET /health"),
        asks("POST /reload") + "Content-Length: 100\r\n\r\nx",
        // More than the kernel keeps for them.
        asks("GET /workers/logs/w?lines=5000") + "\r\n",
    ];
    let open = |request: &String| {
        let mut stream = http::connect_small(site.port());
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    requests.iter().flat_map(|request| (0..6).map(move |_| open(request))).collect()
}

#[test]
fn e10_open_streams_and_slow_clients_do_not_delay_the_end() {
    let mut site = Site::new();
    site.set("stop.timeout", "'500ms'");
    site.sh("w", "while :; do echo line; sleep 0.01; done");
    site.start();
    site.wait("w", "running");
    let open = slow_clients(&site);
    let pulse = Pulse::start(site.port());
    std::thread::sleep(Duration::from_millis(500));
    pulse.was_steady();
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(500) + A_SECOND, "{took:?}");
    site.is_empty();
    drop(open);
}

#[test]
fn e10_deaf_workers_slow_clients_and_a_full_disk_together_do_not_delay_the_end() {
    if procs::lacks(&["root", "mount"]) {
        return;
    }
    let mut site = Site::new();
    site.mount_tmpfs("memory", "size=64k");
    site.set("stop.timeout", "'1s'");
    site.sh("w", FILLS_THE_DISK);
    for n in 0..5 {
        site.sh(&format!("deaf{n}"), &format!("env -i setsid sleep 300 & {DEAF}"));
    }
    site.start();
    site.wait("w", "running");
    site.wait("deaf4", "running");
    await_full_disk(&site);
    let open = slow_clients(&site);
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0));
    let grace = Duration::from_secs(1);
    assert!(took >= grace && took < grace + A_SECOND, "{took:?}: {}", site.stderr());
    site.is_empty();
    drop(open);
}

#[test]
fn e10_the_second_signal_waits_for_no_client() {
    let mut site = Site::new();
    site.set("stop.timeout", "'1m'");
    site.sh("w", &format!("setsid sh -c 'setsid sleep 300 & exec sleep 300' & {DEAF}"));
    site.start();
    site.wait("w", "running");
    let open = slow_clients(&site);
    site.signal("TERM");
    until("it is stopping", || (site.worker("w")["state"] == "stopping").then_some(()));
    let start = Instant::now();
    assert_eq!(site.insist("TERM").code(), Some(143));
    let one_stop = Duration::from_millis(500);
    assert!(start.elapsed() < one_stop + A_SECOND, "{:?}", start.elapsed());
    site.is_empty();
    drop(open);
}

#[test]
fn e10_a_full_disk_does_not_delay_the_end() {
    if procs::lacks(&["root", "mount"]) {
        return;
    }
    let mut site = Site::new();
    site.mount_tmpfs("memory", "size=64k");
    site.sh("w", FILLS_THE_DISK);
    site.set("stop.timeout", "'500ms'");
    site.start();
    site.wait("w", "running");
    await_full_disk(&site);
    let (status, took) = site.stop();
    assert_eq!(status.signal(), None);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(500) + A_SECOND, "{took:?}");
}
