//! A test double of GitHub's API: its fields, headers, statuses and limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The test double; unknown paths get 404, as from GitHub.
pub(crate) struct Forge {
    pub(crate) url: String,
    state: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    pages: HashMap<String, Value>,
    moved: HashMap<String, String>,
    /// A status and headers for every request.
    always: Option<(u16, Vec<(&'static str, String)>)>,
    /// Headers of every answer.
    headers: Vec<(&'static str, String)>,
    asked: Vec<(String, HeaderMap)>,
}

impl Forge {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(Served::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub(crate) fn account(&self, login: &str, id: u64, created_at: &str) {
        let page = json!({
            "login": login, "id": id, "node_id": "U_x", "type": "User", "site_admin": false,
            "html_url": format!("https://github.com/{login}"), "created_at": created_at,
        });
        self.page(&format!("/users/{}", login.to_ascii_lowercase()), page);
    }

    pub(crate) fn repository(&self, full_name: &str, id: u64, owner: u64) {
        let (login, name) = full_name.split_once('/').expect("a full name");
        let page = json!({
            "id": id, "node_id": format!("R_{id}"), "name": name, "full_name": full_name,
            "private": false, "owner": {"login": login, "id": owner, "type": "User"},
            "default_branch": "main", "archived": false,
        });
        self.page(&format!("/repos/{full_name}"), page);
    }

    pub(crate) fn file(&self, full_name: &str, path: &str, text: &str) {
        let mut content = base64::engine::general_purpose::STANDARD.encode(text);
        // GitHub breaks the lines of base64.
        for index in (60..content.len()).step_by(61) {
            content.insert(index, '\n');
        }
        let page = json!({"type": "file", "encoding": "base64", "name": "server.json", "path": path, "content": content});
        self.page(&format!("/repos/{full_name}/contents/{path}"), page);
    }

    pub(crate) fn page(&self, path: &str, page: Value) {
        self.served().pages.insert(path.to_owned(), page);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.served().pages.remove(path);
    }

    pub(crate) fn moved(&self, path: &str, target: &str) {
        self.served().moved.insert(path.to_owned(), target.to_owned());
    }

    pub(crate) fn always(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.served().always = Some((status, headers));
    }

    pub(crate) fn as_usual(&self) {
        self.served().always = None;
    }

    pub(crate) fn header(&self, name: &'static str, value: &str) {
        self.served().headers.push((name, value.to_owned()));
    }

    /// Returns the requested paths with their request headers.
    pub(crate) fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.served().asked.clone()
    }

    fn served(&self) -> std::sync::MutexGuard<'_, Served> {
        self.state.lock().expect("unpoisoned")
    }
}

async fn answer(State(state): State<Arc<Mutex<Served>>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let mut served = state.lock().expect("unpoisoned");
    served.asked.push((path.clone(), request.headers().clone()));
    let with = |status: u16, headers: &[(&'static str, String)], body: String| {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("visible");
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        response
    };
    let mut headers = served.headers.clone();
    if let Some((status, more)) = &served.always {
        headers.extend(more.iter().cloned());
        // GitHub reports a secondary limit in the message only.
        let in_words = *status == 403 && !more.iter().any(|(name, _)| *name == "x-words");
        let message = if in_words { "You have exceeded a secondary rate limit" } else { "no" };
        return with(*status, &headers, json!({"message": message}).to_string());
    }
    let matches = |known: &&String| known.eq_ignore_ascii_case(&path);
    if let Some(target) = served.moved.get(&path) {
        headers.push(("location", target.clone()));
        return with(301, &headers, json!({"message": "Moved Permanently"}).to_string());
    }
    let Some(known) = served.pages.keys().find(matches) else {
        return with(404, &headers, json!({"message": "Not Found", "status": "404"}).to_string());
    };
    let body = served.pages[known].to_string();
    let etag = format!("W/\"{}\"", vidimus::model::Digest::of(body.as_bytes()));
    headers.push(("etag", etag.clone()));
    match request.headers().get(header::IF_NONE_MATCH) {
        Some(tag) if tag.as_bytes() == etag.as_bytes() => with(304, &headers, String::new()),
        _ => with(200, &headers, body),
    }
}
