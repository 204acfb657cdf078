//! From the pipe into the worker's file.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use proptest::prelude::*;

use crate::files::logs::{LineWatch, Source, Stream, TailQuery};

use super::site::{KEY, Site, numbered, wait_until};

#[tokio::test]
async fn bytes_arrive_as_they_were_written() {
    let site = Site::new();
    let bytes = b"a\0b\rc\x1b[2Jd\r\n\x88\xff\nlast without end";
    site.write("a", bytes).await;
    site.logs.flush(Duration::from_secs(10)).await;
    assert_eq!(std::fs::read(site.path("logs/a.log")).expect("a file"), bytes);
    let counts = site.logs.worker(&super::site::id("a")).counters().read();
    assert_eq!((counts.bytes, counts.lines, counts.dropped), (bytes.len() as u64, 3, 0));
}

#[tokio::test]
async fn both_streams_keep_their_order() {
    let site = Site::new();
    let mut pipes = [site.pipe("a", Stream::Stdout), site.pipe("a", Stream::Stderr)];
    for n in 1..=6 {
        pipes[n % 2].write(format!("line {n}\n")).await;
        wait_until("the line to arrive", async || {
            site.text("logs/a.log").await.ends_with(&format!("line {n}\n"))
        })
        .await;
    }
    assert_eq!(site.text("logs/a.log").await, numbered(1, 6));
}

#[tokio::test]
async fn a_prompt_appears_within_a_second() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    let begin = Instant::now();
    pipe.write("Password? ").await;
    wait_until("the prompt", async || site.text("logs/a.log").await == "Password? ").await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    pipe.write("thanks\n").await;
    pipe.close().await;
    assert_eq!(site.text("logs/a.log").await, "Password? thanks\n");
    assert_eq!(site.session().await, ["[a] Password? ", "[a] thanks"]);
}

#[tokio::test]
async fn a_key_that_comes_in_pieces_never_appears() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write(format!("half {}", &KEY[..11])).await;
    wait_until("what comes before it", async || site.text("logs/a.log").await == "half ").await;
    pipe.write(format!("{} whole\nsk-abcdef", &KEY[11..])).await;
    wait_until("the line", async || site.text("logs/a.log").await.ends_with("whole\n")).await;
    for byte in "ghijklmnopq".bytes() {
        pipe.write([byte]).await;
    }
    pipe.close().await;
    let expected = "half [redacted API_KEY] whole\n[redacted pattern]";
    assert_eq!(site.text("logs/a.log").await, expected);
    let tail = site.tail(Some("a"), TailQuery::last(9)).await.join("\n");
    assert!(!tail.contains("CANARY") && !tail.contains("sk-"), "{tail}");
}

#[tokio::test]
async fn the_end_of_a_line_that_does_not_come_is_shown_redacted() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    let begin = Instant::now();
    pipe.write("found sk-abcdefghijklmnop").await;
    let shown = "found [redacted pattern]";
    wait_until("the part that can be shown", async || site.text("logs/a.log").await == shown).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    pipe.write("qrstuv, 3 tas").await;
    let shown = "found [redacted pattern], 3 tas";
    wait_until("a part too short to hide", async || site.text("logs/a.log").await == shown).await;
    pipe.write(format!("ks\n{}", &KEY[..20])).await;
    pipe.write("\n").await;
    pipe.close().await;
    let expected = format!("found [redacted pattern], 3 tasks\n{}\n", &KEY[..20]);
    assert_eq!(site.text("logs/a.log").await, expected);
    let counts = site.logs.worker(&super::site::id("a")).counters().read();
    assert_eq!((counts.lines, counts.dropped), (2, 0));
}

#[tokio::test]
async fn a_pipe_that_others_hold_open_is_left_after_its_run_has_ended() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write("the last words").await;
    let begin = Instant::now();
    pipe.ended.cancel();
    pipe.done().await;
    assert!(begin.elapsed() >= Duration::from_millis(190), "it is drained for a while");
    assert_eq!(site.text("logs/a.log").await, "the last words");
}

#[tokio::test]
async fn a_pipe_that_never_runs_dry_is_left_too() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    let flood = pipe.flood();
    pipe.ended.cancel();
    pipe.done().await;
    flood.await.expect("the flood ends with its reader");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_arrives_whole() {
    let site = Site::new();
    let text = format!("{:099}\n", 0).repeat(80_000);
    let mut pipe = site.pipe("a", Stream::Stdout);
    for part in text.as_bytes().chunks(1_000_003) {
        pipe.write(part).await;
    }
    pipe.close().await;
    let counts = site.logs.worker(&super::site::id("a")).counters().read();
    assert_eq!((counts.bytes, counts.lines, counts.dropped), (8_000_000, 80_000, 0));
    assert!(site.text("logs/a.log").await == text, "every byte is there");
    assert_eq!(site.session().await.len(), 80_000);
    assert_eq!(site.tail(Some("a"), TailQuery::last(5000)).await.len(), 5000);
}

#[tokio::test]
async fn an_endless_line_is_kept_whole_and_shown_in_part() {
    let site = Site::with(|settings| settings.max_line = 10);
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write("x".repeat(1_000_000)).await;
    pipe.write("\nnext\n").await;
    pipe.close().await;
    assert_eq!(site.text("logs/a.log").await.len(), 1_000_006);
    let session = site.session().await;
    assert!(session[0].starts_with("[a] xxxxxxxxxx… [cut, "), "{}", session[0]);
    assert!(session[1].starts_with("[a] … [cut, "), "{}", session[1]);
    assert!(session.len() < 300, "{} lines", session.len());
    assert_eq!(session.last().map(String::as_str), Some("[a] next"));
}

#[tokio::test]
async fn a_worker_at_rest_holds_no_buffer() {
    let site = Site::new();
    let mut pipe = site.pipe("a", Stream::Stdout);
    pipe.write("one\n").await;
    let pool = &site.logs.handle.shared.pool;
    wait_until("the buffer to be back", async || pool.n_spare() == 1).await;
    pipe.write("two\n").await;
    wait_until("the line", async || site.text("logs/a.log").await == "one\ntwo\n").await;
    assert_eq!(pool.n_spare(), 1);
}

#[tokio::test]
async fn a_line_that_is_waited_for_is_found_on_either_pipe() {
    let waited = Duration::from_secs(10);
    for stream in [Stream::Stdout, Stream::Stderr] {
        let site = Site::new();
        let watch = Arc::new(LineWatch::default());
        let mut pipe = site.watched("a", stream, &watch);
        pipe.write("listening on 80\n").await;
        wait_until("the first line", async || site.text("logs/a.log").await.contains("80")).await;
        assert!(watch.found().now_or_never().is_none(), "nobody waited for that line");
        watch.expect(Some("^listening on [0-9]+$"));
        pipe.write("not listening on 81\nlisten").await;
        pipe.write("ing on 81\nlistening on 82\n").await;
        tokio::time::timeout(waited, watch.found()).await.expect("the line");
        wait_until("the last line", async || site.text("logs/a.log").await.contains("82")).await;
        assert!(watch.found().now_or_never().is_none(), "one line is found once");
        // A line matches although it holds a secret, and although it has no end yet.
        watch.expect(Some("^key [^ ]+0123 \\?$"));
        pipe.write("key key0123 ?").await;
        tokio::time::timeout(waited, watch.found()).await.expect("the prompt");
        pipe.close().await;
    }
}

#[test]
fn a_capture_at_rest_takes_less_than_a_kilobyte() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let _entered = runtime.as_ref().expect("a runtime").enter();
    let site = Site::new();
    let (read, _write) = rustix::pipe::pipe().expect("a pipe");
    let log = site.logs.worker(&super::site::id("a"));
    let ended = tokio_util::sync::CancellationToken::new();
    let run = super::site::run();
    let capture =
        log.capture(read, Source { stream: Stream::Stdout, run: &run, ended: &ended, watch: None });
    let size = size_of_val(&capture);
    assert!(size < 1024, "{size} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_key_gets_through_however_it_is_written(
        parts in proptest::collection::vec("(CANARY|key0123|456789abcdef|sk-|abcdefghijklmnop|\n|x)", 0..24),
        splits in proptest::collection::vec(1..12usize, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let text = parts.concat();
        let seen = runtime.expect("a runtime").block_on(async {
            let site = Site::new();
            let mut pipe = site.pipe("a", Stream::Stdout);
            let (mut rest, mut splits) = (text.as_bytes(), splits.iter().cycle());
            while !rest.is_empty() {
                let n = rest.len().min(*splits.next().expect("it cycles"));
                pipe.write(&rest[..n]).await;
                rest = &rest[n..];
            }
            pipe.close().await;
            site.text("logs/a.log").await
        });
        let expected = super::site::redactor().redact_str(&text).into_owned();
        prop_assert!(!seen.contains(KEY));
        prop_assert_eq!(seen, expected);
    }
}
