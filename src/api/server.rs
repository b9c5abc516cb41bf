use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::activity::Phase;
use super::connections::{Connections, Place, Watched};
use super::crowd::IDLE;
use super::listener::{Caller, Listener};
use super::peer::Peer;
use super::socket::Socket;
use super::tls::Tls;
use crate::config::Public;
use crate::daemon::Pressure;

/// The limit for an answer that the client does not read.
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
/// The connections to the operations address, and as many to its socket.
const MOST_OPERATORS: usize = 64;
const MAX_HEADERS: usize = 64;
const ENDED: &str = "it was silent for too long, or gave up its place";
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
    pub pressure: Arc<Pressure>,
}

impl Door {
    /// Returns plain HTTP with the default limits.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            public: Public::default(),
            answers_at_once: false,
            tls: None,
            pressure: Arc::default(),
        }
    }

    /// Returns plain HTTP for operators: their connections use descriptors that those of clients leave.
    #[must_use]
    pub fn operations(pressure: Arc<Pressure>) -> Self {
        let mut door = Self { pressure, ..Self::plain() };
        door.public.limits.connections = MOST_OPERATORS;
        door
    }
}

/// Serves a router until `stop`, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, door: Door, stop: CancellationToken) {
    accept_all(listener, router, door, stop).await;
}

/// Serves a router to local users until `stop`; requests carry the user.
pub(super) async fn serve_socket(socket: Socket, router: Router, stop: CancellationToken) {
    accept_all(socket, router, Door::operations(Arc::default()), stop).await;
}

async fn accept_all(listener: impl Listener, router: Router, door: Door, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let pressure = door.answers_at_once.then(|| Arc::clone(&door.pressure));
    let connections = Connections::new(door.public.limits, pressure);
    tasks.spawn(Arc::clone(&connections).sweep(stop.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, caller) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                door.pressure.refuse(&error);
                debug!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let counted = match caller {
            // A trusted proxy brings all its clients.
            Caller::Network(peer) => Some(peer.ip()).filter(|peer| !door.public.trusts(*peer)),
            Caller::Local(_) => None,
        };
        let place = tokio::select! {
            place = connections.place(counted) => place,
            () = stop.cancelled() => break,
        };
        let Some(place) = place.map(Arc::new) else { continue };
        let (router, stop, tls) = (router.clone(), stop.clone(), door.tls.clone());
        let at_once = door.answers_at_once;
        tasks.spawn(async move {
            let stream = patient(stream);
            let ended = match tls {
                None => serve_connection(stream, router, caller, at_once, place, stop).await,
                Some(tls) => {
                    let handshake = tls.acceptor().accept(stream);
                    match within(HANDSHAKE, &place, handshake, "the TLS handshake").await {
                        Ok(Ok(stream)) => {
                            serve_connection(stream, router, caller, at_once, place, stop).await
                        }
                        Ok(Err(error)) => Err(error.to_string()),
                        Err(reason) => Err(reason),
                    }
                }
            };
            if let Err(reason) = ended {
                debug!(reason, "a connection ended");
            }
        });
    }
    drop(listener);
    tasks.close();
    if timeout(DRAIN, tasks.wait()).await.is_err() {
        debug!("requests in flight were cut off");
    }
}

/// Awaits a phase of a connection, for a limited time and while the connection has its place.
async fn within<T>(
    limit: Duration,
    place: &Place,
    phase: impl Future<Output = T>,
    name: &str,
) -> Result<T, String> {
    tokio::select! {
        done = timeout(limit, phase) => {
            done.map_err(|_| format!("{name} took more than {} seconds", limit.as_secs()))
        }
        () = place.ended() => Err(ENDED.into()),
    }
}

fn patient<S: AsyncRead + AsyncWrite>(stream: S) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    Box::pin(stream)
}

/// Answers the requests of one connection until its time limit or a stop; then the request in flight may
/// end. A connection that has to give up its place ends at once.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    caller: Caller,
    at_once: bool,
    place: Arc<Place>,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        // The sweep ends it sooner; this is for a sweep that fails.
        .header_read_timeout(2 * IDLE)
        // Otherwise hyper reads while it works, so that a client that leaves ends its request.
        .half_close(at_once)
        .max_headers(MAX_HEADERS)
        // The buffer alone is no limit: one read fills it beyond its size.
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let of_request = Arc::clone(&place);
    let with_peer = service_fn(move |mut request: Request<Incoming>| {
        let place = Arc::clone(&of_request);
        place.note(Phase::Busy);
        match caller {
            Caller::Network(peer) => {
                request.extensions_mut().insert(Peer(peer.ip()));
            }
            Caller::Local(user) => {
                request.extensions_mut().insert(user);
            }
        }
        service.call(request).inspect(move |_| place.note(Phase::Idle))
    });
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&place)));
    let mut connection = pin!(server.serve_connection(stream, with_peer));
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = place.ended() => return Err(ENDED.into()),
        () = tokio::time::sleep(LONGEST) => None,
        () = stop.cancelled() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        within(LAST_REQUEST, &place, connection, "the last request").await?
    };
    ended.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn place() -> Arc<Place> {
        let connections = Connections::new(Public::default().limits, None);
        Arc::new(connections.place(None).await.expect("room"))
    }

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
        let served = serve_connection(theirs, Router::new(), peer, true, place().await, stop).await;
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
        let served =
            tokio::spawn(serve_connection(theirs, router, peer, false, place().await, stop));
        is_begun.recv().await.expect("a request");
        drop(ours);
        let ended = served.await.expect("an end").expect_err("no answer");
        assert!(!ended.starts_with("the last request"), "{ended}");
    }

    /// Connections that had given up their places kept their descriptors for 10 or 30 seconds.
    #[tokio::test(start_paused = true)]
    async fn phase_of_a_connection_ends_with_its_place_or_after_its_limit() {
        let mut limits = Public::default().limits;
        limits.connections = 1;
        let connections = Connections::new(limits, None);
        let place = |host: u8| connections.place(Some([192, 0, 2, host].into()));
        let first = place(1).await.expect("room");
        let start = tokio::time::Instant::now();
        let late =
            within(HANDSHAKE, &first, std::future::pending::<()>(), "the TLS handshake").await;
        assert_eq!(late, Err("the TLS handshake took more than 10 seconds".to_owned()));
        assert_eq!(start.elapsed(), HANDSHAKE);
        let _second = place(2).await.expect("the place of the first");
        let ended = within(LAST_REQUEST, &first, std::future::pending::<()>(), "x").await;
        assert_eq!((ended, start.elapsed()), (Err(ENDED.to_owned()), HANDSHAKE));
    }
}
