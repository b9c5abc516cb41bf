//! An upstream with prepared pages, so that serving them costs almost nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::generator::Generated;

/// The largest page size of the registry.
const PAGE: usize = 100;

#[derive(Debug)]
pub struct Upstream {
    pub url: String,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Pages {
    by_cursor: HashMap<String, Bytes>,
    /// All versions of each name, for requests of one name.
    by_name: HashMap<String, Vec<String>>,
    delay: Duration,
}

impl Upstream {
    pub async fn start(rows: &[Generated], delay: Duration) -> Self {
        let mut by_cursor = HashMap::new();
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        let mut cursor = String::new();
        for chunk in rows.chunks(PAGE) {
            let last = chunk.last().expect("a row");
            let next = format!("{}:{}", last.name, last.version);
            let items: Vec<&str> = chunk.iter().map(|row| row.item.as_str()).collect();
            let page = page(&items, Some(&next));
            by_cursor.insert(std::mem::replace(&mut cursor, next), page);
            for row in chunk {
                by_name.entry(row.name.clone()).or_default().push(row.item.clone());
            }
        }
        by_cursor.insert(cursor, page(&[], None));
        let state = Arc::new(Pages { by_cursor, by_name, delay });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(vidimus::api::serve(
            listener,
            router,
            vidimus::api::Door::plain(),
            stop.clone(),
        ));
        Self { url, stop }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn page(items: &[&str], next: Option<&str>) -> Bytes {
    let next = next.map_or(String::new(), |next| format!(r#","nextCursor":"{next}""#));
    let count = items.len();
    let items = items.join(",");
    format!(r#"{{"servers":[{items}],"metadata":{{"count":{count}{next}}}}}"#).into()
}

async fn answer(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    if !pages.delay.is_zero() {
        tokio::time::sleep(pages.delay).await;
    }
    let path = request.uri().path();
    if let Some(name) =
        path.strip_suffix("/versions").and_then(|path| path.strip_prefix("/v0.1/servers/"))
    {
        let name = name.replace("%2F", "/");
        return match pages.by_name.get(&name) {
            None => StatusCode::NOT_FOUND.into_response(),
            Some(items) => {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                json(page(&items, None))
            }
        };
    }
    let query = request.uri().query().unwrap_or_default();
    let find = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find_map(|(key, value)| (key == wanted).then(|| value.into_owned()))
    };
    if find("updated_since").is_some() {
        return json(page(&[], None));
    }
    match pages.by_cursor.get(&find("cursor").unwrap_or_default()) {
        Some(page) => json(page.clone()),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}
