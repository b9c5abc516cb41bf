use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::peer::{Peer, household};
use super::tls::Tls;
use crate::config::Public;

/// A client that takes longer than this for its headers, or says nothing between requests, is not a
/// client. `axum::serve` leaves the timer out, without which no time-out of hyper's ever fires.
const HEADERS: Duration = Duration::from_secs(15);
/// Between two bytes of a body that nobody asked for, or of an answer that is not read.
const STALLED: Duration = Duration::from_secs(30);
/// However alive it looks, a connection ends after this: a reader of one byte a second would hold
/// its place for days.
const LONGEST: Duration = Duration::from_mins(10);
/// What is left of a request when its connection has to end.
const LAST_REQUEST: Duration = Duration::from_secs(30);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests in flight at a stop may end; the process stops within 5 seconds.
const DRAIN: Duration = Duration::from_secs(3);
/// When the system is out of file descriptors, accepting at once again would spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
const MAX_HEADERS: usize = 64;
/// Of a request line with all headers; what is longer is answered with 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How connections come in.
#[derive(Debug, Clone)]
pub struct Door {
    pub public: Public,
    /// Whether answers come at once, so that a silent connection is an idle one. An operator waits
    /// for a pass as long as it takes.
    pub answers_at_once: bool,
    pub tls: Option<Tls>,
}

impl Door {
    /// Plain http with the limits that everybody gets.
    #[must_use]
    pub fn plain() -> Self {
        Self { public: Public::default(), answers_at_once: false, tls: None }
    }
}

/// Serves a router until `stop`, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, door: Door, stop: CancellationToken) {
    let conversations = TaskTracker::new();
    let limits = door.public.limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let peers = Arc::new(Peers::default());
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // One peer must not take the places of all others; behind a proxy all are one.
        let counts = !door.public.behind_tls_proxy && !door.public.trusts(peer.ip());
        let most = if counts { limits.connections_per_peer } else { usize::MAX };
        let Some(guest) = Peers::admit(&peers, household(peer.ip()), most) else { continue };
        // Answers are small and whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let (router, stop, tls) = (router.clone(), stop.clone(), door.tls.clone());
        let silence = door.answers_at_once.then_some(STALLED);
        conversations.spawn(async move {
            let stream = patient(stream, silence);
            let ended = match tls {
                None => converse(stream, router, peer, stop).await,
                Some(tls) => match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, router, peer, stop).await,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the TLS handshake took too long".into()),
                },
            };
            if let Err(reason) = ended {
                debug!(reason, "a connection ended");
            }
            drop((place, guest));
        });
    }
    drop(listener);
    conversations.close();
    if timeout(DRAIN, conversations.wait()).await.is_err() {
        debug!("requests in flight were cut off");
    }
}

/// Waits for a free place before it takes a connection: more wait in the system's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

type Patient = std::pin::Pin<Box<TimeoutStream<TcpStream>>>;

fn patient(stream: TcpStream, silence: Option<Duration>) -> Patient {
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(silence);
    stream.set_write_timeout(Some(STALLED));
    Box::pin(stream)
}

/// Answers the requests of one connection, until its time is over or everything stops; then the
/// request in flight may end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    peer: SocketAddr,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        // Otherwise it reads while it writes, to see whether somebody left, and an answer that takes
        // longer than the time-out of reading would be cut off.
        .half_close(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let with_peer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
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
        timeout(LAST_REQUEST, connection).await.map_err(|_| "it did not end".to_owned())?
    };
    ended.map_err(|error| error.to_string())
}

/// How many connections each peer has.
#[derive(Debug, Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One connection of a peer, as long as it lasts.
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
