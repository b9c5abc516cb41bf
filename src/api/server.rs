use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::listener::{Caller, Listener};
use super::peer::{Peer, household};
use super::socket::Socket;
use super::tls::Tls;
use crate::config::Public;

/// The limit for the headers of a request, and for the pause between requests. `axum::serve` sets no
/// timer, and without a timer no time-out of hyper fires.
const HEADERS: Duration = Duration::from_secs(15);
/// The limit between two bytes of a request body, or of an answer that the client does not read.
const STALLED: Duration = Duration::from_secs(30);
/// The limit for a connection, even an active one: a reader of one byte a second would keep its place for
/// days.
const LONGEST: Duration = Duration::from_mins(10);
/// The time that the request in flight gets when its connection has to end.
const LAST_REQUEST: Duration = Duration::from_secs(30);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The time that requests in flight get at a stop; the process stops within 5 seconds.
const DRAIN: Duration = Duration::from_secs(3);
/// The pause after a failed accept: without file descriptors, an immediate retry would spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
const MAX_HEADERS: usize = 64;
/// The limit for the request line with all headers; a longer one is answered with 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// The settings for incoming connections.
#[derive(Debug, Clone)]
pub struct Door {
    pub public: Public,
    /// True if answers come immediately, so that a silent connection is idle. An operator waits for a sync
    /// run without a limit.
    pub answers_at_once: bool,
    pub tls: Option<Tls>,
}

impl Door {
    /// Returns plain HTTP with the default limits.
    #[must_use]
    pub fn plain() -> Self {
        Self { public: Public::default(), answers_at_once: false, tls: None }
    }
}

/// Serves a router until `stop`, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, door: Door, stop: CancellationToken) {
    accept_all(listener, router, door, stop).await;
}

/// Serves a router to local users until `stop`; requests carry the user.
pub async fn serve_socket(socket: Socket, router: Router, stop: CancellationToken) {
    accept_all(socket, router, Door::plain(), stop).await;
}

async fn accept_all(listener: impl Listener, router: Router, door: Door, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let limits = door.public.limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let peers = Arc::new(Peers::default());
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, caller, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let guest = match caller {
            // One peer must not take all places; a trusted proxy brings all its clients.
            Caller::Network(peer) => {
                let counts = !door.public.trusts(peer.ip());
                let most = if counts { limits.connections_per_peer } else { usize::MAX };
                let guest = Peers::admit(&peers, household(peer.ip()), most);
                if guest.is_none() {
                    continue;
                }
                guest
            }
            Caller::Local(_) => None,
        };
        let (router, stop, tls) = (router.clone(), stop.clone(), door.tls.clone());
        let silence = door.answers_at_once.then_some(STALLED);
        connections.spawn(async move {
            let stream = patient(stream, silence);
            let ended = match tls {
                None => serve_connection(stream, router, caller, silence, stop).await,
                Some(tls) => match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => serve_connection(stream, router, caller, silence, stop).await,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the TLS handshake took more than 10 seconds".into()),
                },
            };
            if let Err(reason) = ended {
                debug!(reason, "a connection ended");
            }
            // Both are moved in here, to free the place when the connection ends.
            drop((place, guest));
        });
    }
    drop(listener);
    connections.close();
    if timeout(DRAIN, connections.wait()).await.is_err() {
        debug!("requests in flight were cut off");
    }
}

/// Waits for a free place, then accepts a connection; others wait in the queue of the system.
async fn accept<L: Listener>(
    listener: &L,
    places: &Arc<Semaphore>,
) -> io::Result<(L::Stream, Caller, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, caller) = listener.accept().await?;
    Ok((stream, caller, place))
}

fn patient<S: AsyncRead + AsyncWrite>(
    stream: S,
    silence: Option<Duration>,
) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(silence);
    stream.set_write_timeout(Some(STALLED));
    Box::pin(stream)
}

/// Answers the requests of one connection until its time limit or a stop; then the request in flight may
/// end.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    caller: Caller,
    silence: Option<Duration>,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        // Otherwise hyper reads while it writes, to detect a closed connection, and an answer that takes
        // longer than the read time-out would be cut off. Without a time-out, a client that leaves ends its
        // request.
        .half_close(silence.is_some())
        .max_headers(MAX_HEADERS)
        // The buffer alone is no limit: one read fills it beyond its size.
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let with_peer = service_fn(move |mut request: Request<Incoming>| {
        match caller {
            Caller::Network(peer) => {
                request.extensions_mut().insert(Peer(peer.ip()));
            }
            Caller::Local(user) => {
                request.extensions_mut().insert(user);
            }
        }
        service.call(request)
    });
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), with_peer));
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = tokio::time::sleep(LONGEST) => None,
        () = stop.cancelled() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(LAST_REQUEST, connection)
            .await
            .map_err(|_| "the last request did not end in time".to_owned())?
    };
    ended.map_err(|error| error.to_string())
}

/// The number of connections of each peer.
#[derive(Debug, Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One counted connection of a peer, until it is dropped.
struct Guest {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    fn admit(peers: &Arc<Self>, peer: IpAddr, most: usize) -> Option<Guest> {
        let mut counts = peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Guest { peers: Arc::clone(peers), peer })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The whole head waits in the buffer of the connection, so that one read may return all of it.
    #[rstest::rstest]
    #[case(30 * 1024, "HTTP/1.1 404")]
    #[case(40 * 1024, "HTTP/1.1 431")]
    #[case(60 * 1024, "HTTP/1.1 431")]
    #[tokio::test]
    async fn head_above_the_limit_is_refused_also_in_one_read(
        #[case] size: usize,
        #[case] wanted: &str,
    ) {
        let (mut ours, theirs) = tokio::io::duplex(256 * 1024);
        let value = "x".repeat(size / 4);
        let values: String = (0..4).map(|number| format!("x-{number}: {value}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{values}\r\n");
        ours.write_all(head.as_bytes()).await.expect("room for it");
        let peer = Caller::Network(([127, 0, 0, 1], 1).into());
        let stop = CancellationToken::new();
        let served = serve_connection(theirs, Router::new(), peer, Some(STALLED), stop).await;
        let mut answer = String::new();
        ours.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with(wanted), "{size}: {answer:?} {served:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn operator_who_leaves_ends_the_request() {
        let (mut ours, theirs) = tokio::io::duplex(1024);
        ours.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("room for it");
        let (began, mut is_begun) = tokio::sync::mpsc::channel::<()>(1);
        let router = Router::new().fallback(move || async move {
            began.send(()).await.expect("a test that waits");
            std::future::pending::<()>().await;
        });
        let peer = Caller::Network(([127, 0, 0, 1], 1).into());
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve_connection(theirs, router, peer, None, stop));
        is_begun.recv().await.expect("a request");
        drop(ours);
        let ended = served.await.expect("an end").expect_err("no answer");
        assert_ne!(ended, "the last request did not end in time");
    }
}
