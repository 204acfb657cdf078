//! Taking an address.

use std::{io, net::SocketAddr};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

use crate::engine::ServerSettings;

/// Connections the kernel holds for us until they are accepted; the kernel cuts it to
/// `net.core.somaxconn` (4096 on today's Linux).
const BACKLOG: u32 = 1024;

/// An address that could not be taken.
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

/// An address that was taken. Dropping it lets the address go.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: Listener,
    pub(super) addresses: watch::Sender<SocketAddr>,
}

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// What the config asked for; its port may be 0.
    pub(super) asked: SocketAddr,
    /// What it became.
    pub(super) address: SocketAddr,
}

/// Takes the address that the settings name. Must be called within a tokio runtime.
///
/// # Errors
/// Names the address, the cause and what to do about it.
pub fn bind(settings: &ServerSettings) -> Result<Bound, BindError> {
    let listener = Listener::bind(settings.listen)?;
    let addresses = watch::Sender::new(listener.address);
    Ok(Bound { listener, addresses })
}

/// Takes a socket that listens already, instead of the address that the settings name. It is left
/// for the settings' address once that changes. Must be called within a tokio runtime.
///
/// # Errors
/// The system refuses.
pub fn adopt(socket: std::net::TcpListener, settings: &ServerSettings) -> io::Result<Bound> {
    socket.set_nonblocking(true)?;
    let socket = TcpListener::from_std(socket)?;
    let address = socket.local_addr()?;
    let listener = Listener { socket, asked: settings.listen, address };
    let addresses = watch::Sender::new(address);
    Ok(Bound { listener, addresses })
}

impl Bound {
    /// Where it listens: the real port where the config says 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address
    }

    /// Where it listens, now and after each move.
    #[must_use]
    pub fn addresses(&self) -> watch::Receiver<SocketAddr> {
        self.addresses.subscribe()
    }
}

impl Listener {
    /// Takes this address.
    pub(super) fn bind(asked: SocketAddr) -> Result<Self, BindError> {
        open(asked).map_err(|error| BindError {
            address: asked,
            kind: error.kind(),
            text: error.to_string(),
        })
    }
}

fn open(asked: SocketAddr) -> io::Result<Listener> {
    let socket = match asked {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a former arcanos that linger in TIME_WAIT must not keep the port. Never
    // SO_REUSEPORT: with it a second program could take half of the connections unnoticed.
    socket.set_reuseaddr(true)?;
    socket.bind(asked)?;
    let socket = socket.listen(BACKLOG)?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, asked, address })
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
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = Listener::bind(first.address).expect_err("the address is taken");
        assert_eq!(error.kind, io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.contains(&first.address.to_string()), "{text}");
        assert!(text.contains("another program") && text.contains("server.listen"), "{text}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused_by_name() {
        let error = Listener::bind("192.0.2.1:8080".parse().unwrap()).expect_err("not ours");
        assert!(error.to_string().contains("192.0.2.1:8080"), "{error}");
    }
}
