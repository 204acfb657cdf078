use super::*;

const SECOND: Duration = Duration::from_secs(1);
const REQUEST: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(120);
const STALL: Duration = Duration::from_secs(30);

#[test]
fn a_first_request_has_ten_seconds_from_the_connect() {
    let start = Instant::now();
    let mut beat = Progress::new(start, Timeouts::default());
    assert_eq!(beat.deadline(), Some(start + REQUEST));
    beat.arrived(start + 3 * SECOND);
    assert_eq!(beat.deadline(), Some(start + REQUEST), "a byte buys no time");
    assert_eq!(beat.idle_since(), None, "it is at something");
}

#[test]
fn a_later_request_has_ten_seconds_from_its_first_byte() {
    let start = Instant::now();
    let mut beat = Progress::new(start, Timeouts::default());
    beat.phase = Phase::Serving;
    assert_eq!(beat.deadline(), None);
    beat.served(start + SECOND);
    assert_eq!(beat.deadline(), Some(start + SECOND + IDLE));
    assert_eq!(beat.idle_since(), Some(start + SECOND));
    beat.arrived(start + 60 * SECOND);
    assert_eq!(beat.deadline(), Some(start + 60 * SECOND + REQUEST));
}

#[test]
fn bytes_that_came_early_are_the_beginning_of_a_request() {
    let start = Instant::now();
    let mut beat = Progress::new(start, Timeouts::default());
    beat.phase = Phase::Serving;
    beat.arrived(start);
    beat.served(start + SECOND);
    assert_eq!(beat.deadline(), Some(start + SECOND + REQUEST));
}

#[test]
fn a_client_that_does_not_read_is_neither_idle_nor_spared() {
    let start = Instant::now();
    let mut beat = Progress::new(start, Timeouts::default());
    beat.phase = Phase::Streaming;
    assert_eq!(beat.deadline(), None, "a stream has no end of its own");
    beat.stalled = Some(start);
    assert_eq!(beat.deadline(), Some(start + STALL));
    beat.served(start);
    assert_eq!(beat.deadline(), Some(start + STALL), "the earlier of the two");
    assert_eq!(beat.idle_since(), None);
}
