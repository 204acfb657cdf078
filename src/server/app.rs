//! The state that all requests share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Secret,
    domain::Stamp,
    engine::{Handle, ServerSettings},
};

use super::{guard::Access, log_room::LogRoom, response_cache::ResponseCache};

/// The engine, and what the server keeps between requests.
pub(super) struct App {
    pub(super) handle: Handle,
    /// Cancelled when the server ends: no request may wait any longer.
    pub(super) ending: CancellationToken,
    /// When the server started.
    pub(super) since: Stamp,
    /// The same by the clock of the machine's boot, which nobody sets.
    pub(super) started: std::time::Duration,
    pub(super) responses: ResponseCache,
    pub(super) log_room: LogRoom,
    settings: watch::Receiver<Arc<ServerSettings>>,
    access: Mutex<Arc<Access>>,
    streams: Mutex<Streams>,
}

/// The streams that were opened with one token.
struct Streams {
    token: Option<Secret>,
    end: CancellationToken,
}

impl App {
    /// The state for this engine.
    pub(super) fn new(handle: Handle, ending: CancellationToken) -> Self {
        let settings = handle.server_settings();
        let first = Arc::clone(&settings.borrow());
        let streams = Streams { token: first.token.clone(), end: ending.child_token() };
        Self {
            handle,
            ending,
            since: Stamp::now(),
            started: super::process::since_boot(),
            responses: ResponseCache::default(),
            log_room: LogRoom::default(),
            settings,
            access: Mutex::new(Arc::new(Access::of(&first))),
            streams: Mutex::new(streams),
        }
    }

    /// The access rules of the present settings.
    pub(super) fn access(&self) -> Arc<Access> {
        let settings = self.settings.borrow();
        let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if !access.is_of(&settings) {
            *access = Arc::new(Access::of(&settings));
        }
        Arc::clone(&access)
    }

    /// Cancelled when a stream that is opened now should end.
    pub(super) fn end_of_streams(&self) -> CancellationToken {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).end.clone()
    }

    /// Ends all streams if the token has changed: a client that has the new one can open another.
    pub(super) fn end_streams_of_old_token(&self, settings: &ServerSettings) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let new = settings.token.as_ref();
        if streams.token.as_ref() != new {
            let fresh = Streams { token: new.cloned(), end: self.ending.child_token() };
            std::mem::replace(&mut *streams, fresh).end.cancel();
        }
    }

    /// How many connections the present settings allow.
    pub(super) fn max_connections(&self) -> usize {
        self.settings.borrow().max_connections
    }
}
