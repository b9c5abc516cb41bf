//! Constant bodies from the same server, with which answers are compared.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vidimus::api::{Door, serve};

use super::client::{Load, Measured};

/// A kind of request; its paths are requested one after another.
#[derive(Debug)]
pub struct Case {
    pub what: &'static str,
    pub paths: Vec<String>,
    /// The least throughput, as a share of that of the constant body.
    pub bound: Option<f64>,
    /// The number of different constant bodies that it is compared with.
    pub constants: usize,
}

/// Serves constant bodies: `/SIZE` or `/SIZE/BEGIN`.
pub async fn constant(stop: CancellationToken) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let body = Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
    let answer = move |request: Request| {
        let mut numbers = request.uri().path()[1..].split('/').map(str::parse::<usize>);
        let mut number = || numbers.next().and_then(Result::ok).unwrap_or(0);
        let (size, begin) = (number(), number());
        let body = body.slice(begin..begin + size);
        async move { ([(header::CONTENT_TYPE, "application/json")], Body::from(body)) }
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(serve(listener, router, Door { answers_at_once: true, ..Door::plain() }, stop));
    address
}

/// Measures both in turns, three times, and prints throughput and 99th percentile of both. Returns the ratio of the
/// throughputs.
pub async fn compare(
    case: &Case,
    address: SocketAddr,
    constant: SocketAddr,
    connections: usize,
) -> f64 {
    let span = Duration::from_millis(700);
    let ours = Load::new(address, &case.paths);
    let size = ours.run(1, Duration::from_millis(50)).await.body_bytes();
    let bodies: Vec<String> =
        (0..case.constants).map(|index| format!("/{size}/{}", index * size)).collect();
    let theirs = Load::new(constant, &bodies);
    let (mut measured, mut reference) = (Measured::default(), Measured::default());
    for _ in 0..3 {
        reference.add(theirs.run(connections, span).await);
        measured.add(ours.run(connections, span).await);
    }
    let ratio = measured.per_second() / reference.per_second();
    let (p99, their_p99) = (measured.p99(), reference.p99());
    let missed = case.bound.is_some_and(|bound| ratio < bound)
        || (connections == 256 && p99 / their_p99 > 3.0);
    println!(
        "  {:<22} {connections:>3} connections: {:>7.0}/s of {:>7.0}/s, ratio {ratio:.2}; p99 {:.2} ms of {:.2} ms, {:.1} times; {size} bytes{}",
        case.what,
        measured.per_second(),
        reference.per_second(),
        p99 * 1e3,
        their_p99 * 1e3,
        p99 / their_p99,
        if missed { "  MISSED" } else { "" },
    );
    ratio
}
