//! A webhook recipient on loopback that accepts requests, or misbehaves.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::wait::eventually;

/// A running recipient; dropping it stops the server.
pub(crate) struct Recipient {
    pub(crate) url: String,
    state: Arc<Requests>,
    stop: CancellationToken,
}

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible"))
    }
}

/// The reaction to a request.
pub(crate) enum Answer {
    Accept,
    Status(u16, Vec<(&'static str, String)>),
    Stall,
}

type Reaction = Box<dyn Fn(&Received) -> Answer + Send>;

#[derive(Default)]
struct Requests {
    received: Mutex<Vec<Received>>,
    reaction: Mutex<Option<Reaction>>,
}

impl Recipient {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Requests::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let url = format!("http://{address}/hooks/very-secret-path");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let stop = CancellationToken::new();
        let door = vidimus::api::Door::plain();
        tokio::spawn(vidimus::api::serve(listener, router, door, stop.clone()));
        Self { url, state, stop }
    }

    /// Sets the reaction to later requests.
    pub(crate) fn behave(&self, reaction: impl Fn(&Received) -> Answer + Send + 'static) {
        *self.state.reaction.lock().expect("a lock") = Some(Box::new(reaction));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("a lock").clone()
    }

    /// Waits until `count` requests were received, and returns all.
    pub(crate) async fn got(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} notices were received"), async || {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

impl Drop for Recipient {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(State(requests): State<Arc<Requests>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    let received = Received { headers: parts.headers, body };
    let answer = match &*requests.reaction.lock().expect("a lock") {
        Some(reaction) => reaction(&received),
        None => Answer::Accept,
    };
    requests.received.lock().expect("a lock").push(received);
    let mut response = Response::new(axum::body::Body::empty());
    match answer {
        Answer::Accept => *response.status_mut() = StatusCode::NO_CONTENT,
        Answer::Status(status, headers) => {
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().expect("a header"));
            }
        }
        Answer::Stall => std::future::pending().await,
    }
    response
}
