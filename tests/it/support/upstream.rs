//! A registry on loopback, in process, that behaves like the official one, or misbehaves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::registry::Row;

/// A running registry; dropping it stops the server.
pub(crate) struct Upstream {
    pub(crate) url: String,
    state: Arc<Registry>,
    stop: CancellationToken,
}

type Rows = BTreeMap<(String, String), Row>;
type Misbehaviour = Box<dyn Fn(&str) -> Option<Response> + Send>;

#[derive(Default)]
struct Registry {
    rows: Mutex<Rows>,
    delay: Mutex<Duration>,
    misbehaviour: Mutex<Option<Misbehaviour>>,
    date: Mutex<Option<String>>,
    token: Mutex<Option<String>>,
    requests: AtomicU64,
    paths: Mutex<Vec<String>>,
}

impl Upstream {
    pub(crate) async fn start(rows: impl IntoIterator<Item = Row>) -> Self {
        let state = Arc::new(Registry::default());
        lock(&state.rows).extend(rows.into_iter().map(|row| (row.key(), row)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let stop = CancellationToken::new();
        tokio::spawn(vidimus::api::serve(
            listener,
            router,
            vidimus::api::Door::plain(),
            stop.clone(),
        ));
        Self { url, state, stop }
    }

    pub(crate) fn put(&self, row: Row) {
        lock(&self.state.rows).insert(row.key(), row);
    }

    /// Removes a row without a deletion, as the official registry did.
    pub(crate) fn vanish(&self, name: &str, version: &str) {
        lock(&self.state.rows).remove(&(name.to_owned(), version.to_owned()));
    }

    /// Delays every answer.
    pub(crate) fn slow_down(&self, delay: Duration) {
        *lock(&self.state.delay) = delay;
    }

    /// Answers with the response of `misbehaviour` if it returns one for a path with query.
    pub(crate) fn misbehave(
        &self,
        misbehaviour: impl Fn(&str) -> Option<Response> + Send + 'static,
    ) {
        *lock(&self.state.misbehaviour) = Some(Box::new(misbehaviour));
    }

    pub(crate) fn behave(&self) {
        *lock(&self.state.misbehaviour) = None;
    }

    /// Sets the `Date` header; the real time otherwise.
    pub(crate) fn set_date(&self, date: &str) {
        *lock(&self.state.date) = Some(date.into());
    }

    /// Refuses every request without this token.
    pub(crate) fn demand_token(&self, token: &str) {
        *lock(&self.state.token) = Some(format!("Bearer {token}"));
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Returns path and query of every request so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        lock(&self.state.paths).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    registry.requests.fetch_add(1, Ordering::Relaxed);
    let asked = request.uri().to_string();
    lock(&registry.paths).push(asked.clone());
    let delay = *lock(&registry.delay);
    tokio::time::sleep(delay).await;
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|given| given.to_str().ok()).map(str::to_owned);
    if lock(&registry.token).as_ref().is_some_and(|token| given.as_ref() != Some(token)) {
        return problem(StatusCode::UNAUTHORIZED, "a token is required");
    }
    let misbehaved = lock(&registry.misbehaviour).as_ref().and_then(|answer| answer(&asked));
    let mut response = match misbehaved {
        Some(response) => response,
        None => behaved(&registry, request.uri().path(), request.uri().query().unwrap_or("")),
    };
    if let Some(date) = lock(&registry.date).as_ref().and_then(|date| date.parse().ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn behaved(registry: &Registry, path: &str, query: &str) -> Response {
    let rows = lock(&registry.rows);
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["v0.1", "servers"] => list(&rows, query),
        ["v0.1", "servers", name, "versions"] => {
            let name = percent_decode_str(name).decode_utf8_lossy();
            let items: Vec<String> =
                rows.values().filter(|row| row.name == name).map(Row::item).collect();
            if items.is_empty() {
                problem(StatusCode::NOT_FOUND, "Server not found")
            } else {
                page(&items, None)
            }
        }
        _ => problem(StatusCode::NOT_FOUND, "Not found"),
    }
}

fn list(rows: &Rows, query: &str) -> Response {
    let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let limit: usize = query.get("limit").map_or(30, |limit| limit.parse().unwrap_or(0));
    if !(1..=100).contains(&limit) {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "limit");
    }
    let since = query.get("updated_since");
    let deleted = query.get("include_deleted").is_some_and(|value| value == "true");
    if since.is_some() && query.get("include_deleted").is_some_and(|value| value == "false") {
        return problem(StatusCode::BAD_REQUEST, "include_deleted");
    }
    let after = query.get("cursor").map(|cursor| match cursor.split_once(':') {
        Some((name, version)) => (name.to_owned(), version.to_owned()),
        None => (cursor.clone(), String::new()),
    });
    let wanted = |row: &&Row| {
        after.as_ref().is_none_or(|after| row.key() > *after)
            && (deleted || since.is_some() || row.status != "deleted")
            // All times have the same width, so text comparison orders them.
            && since.is_none_or(|since| row.updated_at.as_str() > since.as_str())
    };
    let found: Vec<&Row> = rows.values().filter(wanted).take(limit).collect();
    // An empty page follows a full last page, as with the official registry.
    let next = (found.len() == limit).then(|| found.last()).flatten();
    let next = next.map(|row| format!("{}:{}", row.name, row.version));
    let items: Vec<String> = found.into_iter().map(Row::item).collect();
    page(&items, next.as_deref())
}

pub(crate) fn page(items: &[String], next: Option<&str>) -> Response {
    let next = next.map_or(String::new(), |next| format!(r#","nextCursor":"{next}""#));
    let body = format!(
        r#"{{"servers":[{}],"metadata":{{"count":{}{next}}}}}"#,
        items.join(","),
        items.len()
    );
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let body =
        format!(r#"{{"title":"{status}","status":{},"detail":"{detail}"}}"#, status.as_u16());
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
