//! A request to the registry: the first line is a path with a query, each further line a header.
//!
//! No input is answered with a 5xx, and an answer that is not compressed is JSON or the OpenAPI document.

#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use vidimus_fuzz::Registry;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::start);

fuzz_target!(init: { LazyLock::force(&REGISTRY); }, |input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut request = Request::new(Body::empty());
    let is_document = uri.path().ends_with("openapi.yaml");
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    for line in lines.take(8) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let may_be_packed = headers.contains_key(header::ACCEPT_ENCODING);
    let (status, body) = REGISTRY.answer(request);
    assert!(!status.is_server_error(), "{status}");
    let has_body = status != StatusCode::NOT_MODIFIED;
    if has_body && !may_be_packed && !is_document {
        serde_json::from_slice::<IgnoredAny>(&body).expect("a JSON body");
    }
});
