//! A client with little overhead: it keeps connections, and its requests are prepared.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Requests that are sent one after another, over any number of connections.
pub struct Load {
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
}

/// The result of a load.
#[derive(Debug, Default)]
pub struct Measured {
    /// The seconds of each request.
    latencies: Vec<f32>,
    bytes: usize,
    seconds: f64,
}

impl Load {
    pub fn new(address: SocketAddr, paths: &[String]) -> Self {
        let request = |path: &String| {
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\r\n")
                .into_bytes()
        };
        Self {
            address,
            requests: Arc::new(paths.iter().map(request).collect()),
            next: Arc::default(),
        }
    }

    /// Sends requests for the duration of `span`.
    pub async fn run(&self, connections: usize, span: Duration) -> Measured {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            streams.push(stream);
        }
        let (begun, mut asking) = (Instant::now(), JoinSet::new());
        for stream in streams {
            let (requests, next) = (Arc::clone(&self.requests), Arc::clone(&self.next));
            asking.spawn(ask(stream, requests, next, begun + span));
        }
        let mut measured = Measured::default();
        while let Some(asked) = asking.join_next().await {
            measured.add(asked.expect("answers"));
        }
        measured.seconds = begun.elapsed().as_secs_f64();
        measured
    }
}

impl Measured {
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.bytes += other.bytes;
        self.seconds += other.seconds;
    }

    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    pub fn per_second(&self) -> f64 {
        self.count() as f64 / self.seconds
    }

    /// Returns the mean size of a body.
    pub fn body_bytes(&self) -> usize {
        self.bytes / self.count().max(1)
    }

    pub fn p99(&self) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f32::total_cmp);
        sorted.get(sorted.len() * 99 / 100).map_or(0.0, |seconds| f64::from(*seconds))
    }
}

async fn ask(
    mut stream: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    until: Instant,
) -> Measured {
    let mut measured = Measured::default();
    let mut buffer = vec![0; 256 * 1024];
    while Instant::now() < until {
        let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
        let sent = Instant::now();
        stream.write_all(request).await.expect("sent");
        measured.bytes += answer(&mut stream, &mut buffer).await;
        measured.latencies.push(sent.elapsed().as_secs_f32());
    }
    measured
}

/// Reads one answer; returns the size of its body in bytes.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    let head = loop {
        filled += stream.read(&mut buffer[filled..]).await.expect("an answer");
        if let Some(end) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head]).expect("a head").to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    let mut left = (head + length).saturating_sub(filled);
    while left > 0 {
        let most = left.min(buffer.len());
        left -= stream.read(&mut buffer[..most]).await.expect("a body");
    }
    length
}
