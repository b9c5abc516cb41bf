use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::socket::Socket;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Network(SocketAddr),
    Local(LocalUser),
}

/// A user of this machine, as the system names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalUser(pub(super) u32);

/// A socket that accepts connections.
pub(super) trait Listener: Send {
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Caller)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Caller)> {
        let (stream, peer) = Self::accept(self).await?;
        // Answers are small and written at once; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        Ok((stream, Caller::Network(peer)))
    }
}

impl Listener for Socket {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Caller)> {
        let (stream, uid) = Self::accept(self).await?;
        Ok((stream, Caller::Local(LocalUser(uid))))
    }
}
