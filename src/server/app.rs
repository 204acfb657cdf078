//! What all requests share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::Stamp,
    engine::{Handle, ServerSettings},
};

use super::{guard::Access, picture::Pictures};

/// The engine, and what the server keeps of it.
pub(super) struct App {
    pub(super) handle: Handle,
    /// Cancelled when streams should end.
    pub(super) ending: CancellationToken,
    /// Cancelled when connections should be cut.
    pub(super) cut: CancellationToken,
    /// When the server began.
    pub(super) since: Stamp,
    pub(super) pictures: Pictures,
    settings: watch::Receiver<Arc<ServerSettings>>,
    access: Mutex<Arc<Access>>,
}

impl App {
    /// All of it, for this engine.
    pub(super) fn new(handle: Handle, ending: CancellationToken) -> Self {
        let settings = handle.server_settings();
        let access = Mutex::new(Arc::new(Access::of(&settings.borrow())));
        Self {
            handle,
            ending,
            cut: CancellationToken::new(),
            since: Stamp::now(),
            pictures: Pictures::default(),
            settings,
            access,
        }
    }

    /// Who may ask, by the settings of this moment.
    pub(super) fn access(&self) -> Arc<Access> {
        let settings = self.settings.borrow();
        let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if !access.is_of(&settings) {
            *access = Arc::new(Access::of(&settings));
        }
        Arc::clone(&access)
    }

    /// How many connections there may be, by the settings of this moment.
    pub(super) fn max_connections(&self) -> usize {
        self.settings.borrow().max_connections
    }
}
