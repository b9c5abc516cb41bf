use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};

use super::answer::{Answer, Keep};
use super::cache::Bodies;
use super::contact::Asking;
use super::cors::Cors;
use super::params::Params;
use super::path::{Asked, Route, asked};
use super::peer::{Peer, Rates, client, forget_idle_clients};
use super::problem::Problem;
use super::request_id::RequestIds;
use crate::catalog::{Catalogue, Form, IndexedItem, Page, Tag};
use crate::curation::DEFAULT_VIEW;
use crate::daemon::Services;
use crate::model::{Digest, Timestamp};
use crate::sync::MAX_SKEW;

/// The header with the epoch. A mirror of this registry must make a full sync when the epoch changes.
const EPOCH: HeaderName = HeaderName::from_static("vidimus-epoch");
/// The header of an answer to `updated_since` that has no changes of that time: a mirror must make a full sync.
const RESYNC: HeaderName = HeaderName::from_static("vidimus-resync");
/// A client that came over TLS once uses nothing else on this host for a year.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// The document of the API, for machines and for registries that use this one as their upstream.
const DOCUMENT: &str = include_str!("../../openapi/vidimus.yaml");

/// The state for answers, beside the published generation.
#[derive(Debug)]
struct Registry {
    services: Arc<Services>,
    epoch: HeaderValue,
    /// True if TLS ends here; a proxy that ends it sends its own policy.
    has_tls: bool,
    cors: Cors,
    ids: RequestIds,
    bodies: Bodies,
    rates: Option<Arc<Rates>>,
    asking: Option<Asking>,
    /// The member of each list's `metadata` that says whom to ask, if the settings do.
    metadata: Bytes,
    document: Bytes,
}

/// Returns the routes that clients read.
///
/// One handler over `path::asked` serves them, not a route table of axum: an encoded slash, a decoded one,
/// double and trailing slashes must all reach the same code.
pub fn registry(services: Arc<Services>) -> Router {
    let public = &services.settings.public;
    let asking = Asking::of(&public.contact);
    let state = Registry {
        metadata: asking
            .as_ref()
            .map(|asking| asking.metadata(&services.settings.namespace))
            .unwrap_or_default(),
        document: match &asking {
            Some(asking) => asking.document(DOCUMENT).into(),
            None => Bytes::from_static(DOCUMENT.as_bytes()),
        },
        asking,
        // Leaks once for each router: copying a static value needs no counter that threads share.
        epoch: HeaderValue::from_static(services.epoch.clone().leak()),
        has_tls: public.tls.is_some(),
        cors: Cors::of(&public.cors_origins),
        ids: RequestIds::default(),
        bodies: Bodies::of_bytes(public.limits.cache_bytes),
        rates: public.limits.requests_per_minute.and_then(Rates::per_minute).map(|rates| {
            let rates = Arc::new(rates);
            tokio::spawn(forget_idle_clients(Arc::downgrade(&rates)));
            rates
        }),
        services,
    };
    Router::new().fallback(answer).with_state(Arc::new(state))
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Method::GET | Method::HEAD => registry
            .read(&request)
            .unwrap_or_else(|problem| problem.respond(registry.asking.as_ref())),
        _ => Problem::Method.into_response(),
    };
    let (asked, headers) = (request.headers(), response.headers_mut());
    registry.cors.allow(request.method(), asked, headers);
    headers.insert(EPOCH, registry.epoch.clone());
    if registry.has_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    registry.ids.name(asked, headers);
    response
}

impl Registry {
    fn read(&self, request: &Request) -> Result<Response, Problem> {
        let uri = request.uri();
        let asked = asked(uri.path());
        // A process that answers is alive, whatever it knows and however often a probe asks.
        if matches!(&asked, Ok(Asked { route: Route::Liveness, .. })) {
            return Ok(alive());
        }
        // An editor removes a server from its user if a request for that one server is rejected.
        if !matches!(&asked, Ok(Asked { route: Route::Version { .. }, .. })) {
            self.spend(request)?;
        }
        let asked = asked?;
        if asked.route == Route::Document {
            return Ok(self.document());
        }
        let published = self.services.answering();
        let published = published.as_ref().ok_or(Problem::NotReady)?;
        let name = asked.view.as_deref().unwrap_or(DEFAULT_VIEW);
        let unknown = || Problem::UnknownRoute { view: None };
        let catalogue = published.view(name).ok_or_else(unknown)?;
        let view = View { name, catalogue, metadata: &self.metadata };
        let params = Params::read(uri.query())?;
        let headers = request.headers();
        match asked.route {
            Route::List => {
                let query = params.query()?;
                let limit = params.limit()?;
                let page = view.catalogue.page(&query, limit);
                // The same search is rarely requested twice.
                let keep = if query.search.is_none() { Keep::All } else { Keep::Nothing };
                let next = next_link(&page, Some(limit));
                let mut answer = view.page(&page, keep, next).respond(headers, &self.bodies)?;
                let since = query.updated_since;
                if let Some(why) = since.and_then(|since| self.needs_resync(&view, since)) {
                    answer.headers_mut().insert(RESYNC, HeaderValue::from_static(why));
                }
                Ok(answer)
            }
            Route::Versions { name } => {
                let after = params.position()?;
                // The cursor carries the filters of the first page.
                let with_tombstones = match &after {
                    Some(after) => after.include_deleted,
                    None => params.with_deleted()?,
                };
                let page = view.catalogue.versions(&name, with_tombstones, after.as_ref());
                if page.items.is_empty() {
                    return Err(self.not_found(&view, &name));
                }
                let next = next_link(&page, None);
                view.page(&page, Keep::All, next).respond(headers, &self.bodies)
            }
            Route::Version { name, version } => {
                let found = view.catalogue.version(&name, &version, params.with_deleted()?);
                let item = found.ok_or_else(|| self.not_found(&view, &name))?;
                view.item(item).respond(headers, &self.bodies)
            }
            Route::Document => Ok(self.document()),
            Route::Liveness => Ok(alive()),
        }
    }

    /// Returns why changes since a time do not lead to what is served.
    fn needs_resync(&self, view: &View<'_>, since: Timestamp) -> Option<&'static str> {
        // A clock that was set back leaves dates of changes ahead of it. A time beyond the newest of them, and beyond the
        // present, is that of a change in another history.
        let is_ahead = since.since(self.services.clock.now()) > MAX_SKEW;
        if self.services.is_in_a_gap(since) || (is_ahead && view.catalogue.is_before(since)) {
            return Some("gap");
        }
        view.catalogue.lacks_changes_since(since).then_some("pruned")
    }

    /// Returns the answer about a server that the view does not show. To an editor 404 says that it is gone, so a new
    /// registry says it only about names of which it knows enough.
    fn not_found(&self, view: &View<'_>, name: &str) -> Problem {
        let is_known = || !view.catalogue.versions(name, true, None).items.is_empty();
        if self.services.may_show_later(view.name, name) && !is_known() {
            Problem::Unknown
        } else {
            Problem::UnknownServer
        }
    }

    fn spend(&self, request: &Request) -> Result<(), Problem> {
        let Some(rates) = &self.rates else { return Ok(()) };
        let peer = request.extensions().get::<Peer>();
        // A request without a connection has no peer to count.
        let Some(Peer(peer)) = peer else { return Ok(()) };
        let client: IpAddr = client(*peer, request.headers(), &self.services.settings.public);
        rates.spend(client).map_err(Problem::TooMany)
    }

    fn document(&self) -> Response {
        const YAML: HeaderValue = HeaderValue::from_static("application/yaml");
        ([(header::CONTENT_TYPE, YAML)], Body::from(self.document.clone())).into_response()
    }
}

/// Answers a probe as the operations address does.
fn alive() -> Response {
    const FRESH: HeaderValue = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, FRESH)], "ok\n").into_response()
}

/// A view of the published generation.
struct View<'a> {
    name: &'a str,
    catalogue: &'a Catalogue,
    /// The members of each list's `metadata` that do not depend on the list.
    metadata: &'a Bytes,
}

impl View<'_> {
    fn page<'p>(
        &self,
        page: &'p Page<'p>,
        keep: Keep,
        next: Option<HeaderValue>,
    ) -> Answer<impl FnOnce() -> Bytes + 'p> {
        let mut tag = Context::new(&SHA256);
        tag.update(self.name.as_bytes());
        let form = match page.form {
            Form::Plain => b"\0",
            Form::Changes => b"\x01",
            Form::WithoutIcons => b"\x02",
        };
        tag.update(form);
        for item in &page.items {
            tag.update(&item.tag);
        }
        tag.update(page.next.as_deref().unwrap_or_default().as_bytes());
        tag.update(self.metadata);
        let tag = tag.finish().as_ref().first_chunk().copied().unwrap_or_default();
        let size = page.items.iter().map(|item| item.size + 1).sum();
        let metadata = self.metadata.clone();
        let make = move || document_of(page, size, &metadata);
        Answer { tag, size, keep, make, next }
    }

    fn item<'i>(&self, item: &'i IndexedItem) -> Answer<impl FnOnce() -> Bytes + 'i> {
        let mut tag: Tag = item.tag;
        if self.name != DEFAULT_VIEW {
            let view = Digest::of(self.name.as_bytes());
            tag.iter_mut().zip(view.as_bytes()).for_each(|(byte, view)| *byte ^= view);
        }
        let size = item.json.len();
        Answer { tag, size, keep: Keep::Packed, make: || item.json.clone(), next: None }
    }
}

/// Returns `{"servers": […], "metadata": {…}}` from items that are already JSON.
fn document_of(page: &Page<'_>, size: usize, metadata: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(size + 1024);
    body.put_slice(br#"{"servers":["#);
    for (index, item) in page.items.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        for part in item.listed(page.form) {
            body.put_slice(part);
        }
    }
    body.put_slice(format!(r#"],"metadata":{{"count":{}"#, page.items.len()).as_bytes());
    if let Some(next) = &page.next {
        // The alphabet of base64url needs no escape.
        body.put_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
    }
    body.put_slice(metadata);
    body.put_slice(b"}}");
    body.freeze()
}

/// Returns the link to the next page (RFC 8288), relative to the path, which a proxy may have changed.
fn next_link(page: &Page<'_>, limit: Option<usize>) -> Option<HeaderValue> {
    let next = page.next.as_ref()?;
    let limit = limit.map_or(String::new(), |limit| format!("&limit={limit}"));
    HeaderValue::from_str(&format!("<?cursor={next}{limit}>; rel=\"next\"")).ok()
}
