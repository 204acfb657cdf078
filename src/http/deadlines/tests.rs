use super::*;

const SECOND: Duration = Duration::from_secs(1);
const REQUEST: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(120);
const STALL: Duration = Duration::from_secs(30);

/// Timeouts for tests of this room.
pub(in crate::http) const TIMEOUTS: Timeouts =
    Timeouts { head: REQUEST, request: REQUEST, idle: IDLE, stall: STALL };

#[test]
fn a_first_request_has_ten_seconds_from_the_connect() {
    let start = Instant::now();
    let mut progress = Progress::new(start, TIMEOUTS);
    assert_eq!(progress.deadline(), Some(start + REQUEST));
    progress.arrived(start + 3 * SECOND);
    assert_eq!(progress.deadline(), Some(start + REQUEST), "a byte buys no time");
    assert_eq!(progress.idle_since(), None, "it is busy");
}

#[test]
fn a_later_request_has_ten_seconds_from_its_first_byte() {
    let start = Instant::now();
    let mut progress = Progress::new(start, TIMEOUTS);
    progress.phase = Phase::Serving;
    assert_eq!(progress.deadline(), None);
    progress.served(start + SECOND);
    assert_eq!(progress.deadline(), Some(start + SECOND + IDLE));
    assert_eq!(progress.idle_since(), Some(start + SECOND));
    progress.arrived(start + 60 * SECOND);
    assert_eq!(progress.deadline(), Some(start + 60 * SECOND + REQUEST));
}

#[test]
fn bytes_that_came_early_are_the_beginning_of_a_request() {
    let start = Instant::now();
    let mut progress = Progress::new(start, TIMEOUTS);
    progress.phase = Phase::Serving;
    progress.arrived(start);
    progress.served(start + SECOND);
    assert_eq!(progress.deadline(), Some(start + SECOND + REQUEST));
}

#[test]
fn a_client_that_does_not_read_is_neither_idle_nor_spared() {
    let start = Instant::now();
    let mut progress = Progress::new(start, TIMEOUTS);
    progress.phase = Phase::Streaming;
    assert_eq!(progress.deadline(), None, "a stream has no end of its own");
    progress.stalled = Some(start);
    assert_eq!(progress.deadline(), Some(start + STALL));
    progress.served(start);
    assert_eq!(progress.deadline(), Some(start + STALL), "the earlier of the two");
    assert_eq!(progress.idle_since(), None);
}

#[test]
fn a_body_may_come_for_longer_than_a_head() {
    let start = Instant::now();
    let timeouts = Timeouts { request: 4 * REQUEST, ..TIMEOUTS };
    let state = ConnectionState::new(start, timeouts);
    assert_eq!(state.deadline(), Some(start + REQUEST));
    state.arrived();
    assert_eq!(state.expects_body(), start + 4 * REQUEST);
    assert_eq!(state.deadline(), Some(start + 4 * REQUEST + REJECT_GRACE));
    state.received();
    assert_eq!(state.deadline(), None, "the response may take its time");
}

#[test]
fn a_stream_that_began_before_the_end_of_the_body_stays_one() {
    let state = ConnectionState::new(Instant::now(), TIMEOUTS);
    state.arrived();
    state.expects_body();
    state.streams();
    state.received();
    assert!(state.is_streaming());
    assert!(!state.has_unread());
}
