use super::*;
use crate::domain::{AiStatus, ConfigStatus, DiscoveryStatus, Generation};

fn board() -> Board {
    Board::new(Snapshot {
        generation: Generation(0),
        workers: BTreeMap::new(),
        config: ConfigStatus { file: "/a.toml".into(), loaded_at: Stamp::now(), error: None },
        discovery: DiscoveryStatus {
            directory: "/workers".into(),
            watcher: "native".to_owned(),
            error: None,
        },
        ai: AiStatus::default(),
        problems: Vec::new(),
        environment: String::new(),
        session_log: "/session.log".into(),
        known_variables: Arc::default(),
    })
}

/// Bytes of the messages that are kept, and their number.
fn kept(board: &Board) -> (usize, usize) {
    let history = &board.lock().history;
    (history.iter().map(|event| event.message.len()).sum(), history.len())
}

#[test]
fn the_history_is_bounded_in_events_and_in_bytes() {
    let board = board();
    for _ in 0..HISTORY + 10 {
        board.emit_reload("a reload as they usually are, with a few words".to_owned());
    }
    assert_eq!(kept(&board).1, HISTORY);
    for _ in 0..HISTORY {
        board.emit_reload("x".repeat(1 << 20));
    }
    let (bytes, events) = kept(&board);
    assert!(bytes <= HISTORY_BYTES, "{bytes}");
    assert!(events > HISTORY_BYTES / MAX_MESSAGE / 2, "{events}");
    for _ in 0..HISTORY {
        board.emit_reload("short again".to_owned());
    }
    assert_eq!(kept(&board).1, HISTORY, "what is forgotten gives its room back");
}

#[test]
fn who_comes_back_for_events_that_had_no_room_learns_that_they_are_gone() {
    let board = board();
    for _ in 0..1000 {
        board.emit_reload("x".repeat(1 << 14));
    }
    assert!(board.events(Some(1)).0.is_none());
    let (past, _) = board.events(Some(998));
    let past = past.expect("the latest are kept");
    assert_eq!(past.iter().map(|event| event.id).collect::<Vec<_>>(), [999, 1000]);
    assert!(past.iter().all(|event| event.message.len() < MAX_MESSAGE + 40));
}
