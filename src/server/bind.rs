//! Binds the address of the status server; an error says what to do.

use std::{io, net::SocketAddr};

use tokio::sync::watch;

use crate::{engine::ServerSettings, http::Listener};

/// An address that the server cannot listen on.
#[derive(Debug, thiserror::Error)]
#[error("listen on `{address}`: {}", remedy(*.kind, .text))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said, by kind.
    pub kind: io::ErrorKind,
    /// What the system said.
    text: String,
}

/// An address that the server listens on. Dropping it frees the address.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: Listener,
    pub(super) addresses: watch::Sender<SocketAddr>,
}

/// Listens on the address that the settings name. Must be called within a tokio runtime.
///
/// # Errors
/// Names the address, the cause and what to do about it.
pub fn bind(settings: &ServerSettings) -> Result<Bound, BindError> {
    Ok(Bound::new(listen(settings.listen)?))
}

/// Takes a socket that listens already, instead of the address that the settings name. It is left
/// for the settings' address once that changes. Must be called within a tokio runtime.
///
/// # Errors
/// The system refuses.
pub fn adopt(socket: std::net::TcpListener, settings: &ServerSettings) -> io::Result<Bound> {
    Ok(Bound::new(Listener::adopt(socket, settings.listen)?))
}

/// Listens on this address.
pub(super) fn listen(address: SocketAddr) -> Result<Listener, BindError> {
    Listener::bind(address).map_err(|error| BindError {
        address,
        kind: error.kind(),
        text: error.to_string(),
    })
}

impl Bound {
    fn new(listener: Listener) -> Self {
        let addresses = watch::Sender::new(listener.address());
        Self { listener, addresses }
    }

    /// The address, with the real port where the config says 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The address, now and after each move.
    #[must_use]
    pub fn addresses(&self) -> watch::Receiver<SocketAddr> {
        self.addresses.subscribe()
    }
}

fn remedy(kind: io::ErrorKind, text: &str) -> String {
    let known = match kind {
        io::ErrorKind::AddrInUse => {
            "another program listens there (`ss -ltnp` shows which); stop it, or set \
             `server.listen` (or PORT) to a free port"
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE, so set \
             `server.listen` (or PORT) to a higher one"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; set `server.listen` to one of its own, as \
             `127.0.0.1:3000`"
        }
        _ => return format!("{text}; set `server.listen` to an address of this machine"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_address_is_named_with_the_remedy() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = listen(first.address()).expect_err("the address is taken");
        assert_eq!(error.kind, io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.contains(&first.address().to_string()), "{text}");
        assert!(text.contains("another program") && text.contains("server.listen"), "{text}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused_by_name() {
        let error = listen("192.0.2.1:8080".parse().unwrap()).expect_err("not ours");
        assert!(error.to_string().contains("192.0.2.1:8080"), "{error}");
    }
}
