//! Binds the listening socket.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections the kernel holds for us until they are accepted; the kernel cuts it to
/// `net.core.somaxconn` (4096 on today's Linux).
const BACKLOG: u32 = 1024;

/// A socket that listens. Dropping it frees the address.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) socket: TcpListener,
    asked: SocketAddr,
    address: SocketAddr,
}

impl Listener {
    /// Listens on this address. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the system says when the address cannot be bound.
    pub(crate) fn bind(asked: SocketAddr) -> io::Result<Self> {
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
        Ok(Self { socket, asked, address })
    }

    /// Takes a socket that listens already, in place of one for the `asked` address. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// What the system says when the socket cannot be used.
    pub(crate) fn adopt(socket: std::net::TcpListener, asked: SocketAddr) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, asked, address })
    }

    /// The address that was asked for; its port may be 0.
    pub(crate) fn asked(&self) -> SocketAddr {
        self.asked
    }

    /// The address that it listens on, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
