use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};

use super::params::Params;
use super::path::{Route, route};
use super::problem::Problem;
use crate::catalog::{Catalogue, Item};
use crate::daemon::Shared;

/// Another epoch than the last one tells a mirror of this registry to walk anew.
const EPOCH: HeaderName = HeaderName::from_static("vidimus-epoch");

/// The routes that clients read.
///
/// They are one handler over `path::route`, not a table of axum's: an encoded slash, a decoded one,
/// double and trailing slashes must all reach the same code.
pub fn registry(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Method::GET | Method::HEAD => read(&shared, request.uri()).into_response(),
        _ => Problem::Method.into_response(),
    };
    let headers = response.headers_mut();
    allow_cross_origin(headers);
    if let Ok(epoch) = HeaderValue::from_str(&shared.epoch) {
        headers.insert(EPOCH, epoch);
    }
    response
}

/// Editors run in web views, whose requests have an origin; errors need the headers as well.
fn allow_cross_origin(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Retry-After, Link, Vidimus-Epoch"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn read(shared: &Shared, uri: &Uri) -> Result<Response, Problem> {
    let route = route(uri.path())?;
    let catalogue = shared.published().ok_or(Problem::NotReady)?;
    let params = Params::read(uri.query())?;
    match route {
        Route::List => list(&catalogue, &params),
        Route::Versions { name } => versions(&catalogue, &name, &params),
        Route::Version { name, version } => get(&catalogue, &name, &version, &params),
    }
}

fn list(catalogue: &Catalogue, params: &Params<'_>) -> Result<Response, Problem> {
    let page = catalogue.page(&params.query()?, params.limit()?);
    Ok(json(document(&page.items, page.next.as_deref())))
}

fn versions(catalogue: &Catalogue, name: &str, params: &Params<'_>) -> Result<Response, Problem> {
    let with_tombstones = params.include_deleted()?.unwrap_or(false);
    let items = catalogue.versions(name, with_tombstones);
    match items.is_empty() {
        true => Err(Problem::UnknownServer),
        false => Ok(json(document(&items, None))),
    }
}

fn get(
    catalogue: &Catalogue,
    name: &str,
    version: &str,
    params: &Params<'_>,
) -> Result<Response, Problem> {
    let with_tombstones = params.include_deleted()?.unwrap_or(false);
    let item = catalogue.version(name, version, with_tombstones).ok_or(Problem::UnknownServer)?;
    Ok(json(item.json.clone()))
}

/// `{"servers": […], "metadata": {…}}` out of items that are JSON already.
fn document(items: &[&Arc<Item>], next: Option<&str>) -> Bytes {
    let size: usize = items.iter().map(|item| item.json.len() + 1).sum();
    let mut body = BytesMut::with_capacity(size + 128);
    body.put_slice(br#"{"servers":["#);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.put_slice(&item.json);
    }
    body.put_slice(format!(r#"],"metadata":{{"count":{}"#, items.len()).as_bytes());
    if let Some(next) = next {
        // base64url needs no escape.
        body.put_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
    }
    body.put_slice(b"}}");
    body.freeze()
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}
