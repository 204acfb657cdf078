//! The worker that is measured with: as small as a program can be, so that the supervisor counts.
//!
//! `benches/supervisor` compiles it itself. The first word says what it does:
//!
//! - `sleep MARKS`: puts down when its first instruction ran, and sleeps
//! - `crash MARKS`: puts that down, and exits 1 a moment later, putting down when
//! - `flood MARKS BYTES`: writes so many bytes of 100-byte lines, and sleeps
//! - `pipe BYTES`: the same, and exits
//!
//! A mark is one line `WORD ID PID NANOSECONDS`, by the monotonic clock of the system.

use std::{
    fs::OpenOptions,
    io::{Write, stdout},
    time::Duration,
};

/// Bytes of a line with its end.
const LINE: usize = 100;

/// Bytes written at once: what a pipe holds by default.
const BLOCK: usize = 64 * 1024;

/// How long a worker that will crash is up.
const UPTIME: Duration = Duration::from_millis(5);

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

fn main() {
    let now = monotonic();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match word(0) {
        "sleep" => {
            mark(word(1), "start", now);
            sleep();
        }
        "crash" => {
            mark(word(1), "start", now);
            std::thread::sleep(UPTIME);
            mark(word(1), "end", monotonic());
            std::process::exit(1);
        }
        "flood" => {
            mark(word(1), "start", now);
            flood(word(2).parse().expect("a number of bytes"));
            mark(word(1), "end", monotonic());
            sleep();
        }
        "pipe" => flood(word(1).parse().expect("a number of bytes")),
        other => panic!("no such verb: {other}"),
    }
}

fn sleep() -> ! {
    loop {
        std::thread::park();
    }
}

fn monotonic() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the pointer is to a timespec of this platform's layout; clock 1 is the monotonic one.
    unsafe { clock_gettime(1, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

fn mark(path: &str, word: &str, at: u64) {
    let id = std::env::var("ARCANOS_WORKER_ID").unwrap_or_else(|_| "floor".to_owned());
    let line = format!("{word} {id} {} {at}\n", std::process::id());
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the marks");
    file.write_all(line.as_bytes()).expect("to leave a mark");
}

fn flood(bytes: usize) {
    let mut line = [b'x'; LINE];
    line[LINE - 1] = b'\n';
    let block: Vec<u8> = line.iter().copied().cycle().take(BLOCK / LINE * LINE).collect();
    let mut out = stdout().lock();
    let mut left = bytes / LINE * LINE;
    while left > 0 {
        let part = left.min(block.len());
        out.write_all(&block[..part]).expect("a reader");
        left -= part;
    }
    out.flush().expect("a reader");
}
