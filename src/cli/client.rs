use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::CliError;
use crate::api::{NO_DATA, SocketError, TOKEN_FILE, connect_socket, read_token};
use crate::config::Settings;
use crate::files::read_regular_file;
use crate::store::open_private;

/// The file in the data folder in which a daemon says where it listens. It is for people and scripts: a command that
/// believed it would send the token to any process that wrote it.
const ADDRESS_FILE: &str = "daemon.json";
/// The bytes of that file.
const MAX_ADDRESSES: u64 = 4096;
/// A sync run that a person asks for may take hours; connecting may not.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a running daemon listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Addresses {
    pub pid: u32,
    pub registry: SocketAddr,
    pub operations: SocketAddr,
}

impl Addresses {
    /// Leaves word in the data folder.
    pub(super) fn write(&self, data: &Path) -> Result<(), CliError> {
        let path = data.join(ADDRESS_FILE);
        let json = serde_json::to_vec(self).unwrap_or_default();
        let write = || -> io::Result<()> {
            // What a killed process left keeps its room, which a full disk would not give again.
            let mut file = open_private(&path)?;
            file.write_all(&json)?;
            file.set_len(json.len() as u64)
        };
        write().map_err(|source| CliError::File { path, source })
    }

    /// Returns what a person can do to reach a daemon whose socket does not lead to it. The addresses are shown, and not
    /// believed.
    fn advice(data: &Path) -> String {
        let written = read_regular_file(&data.join(ADDRESS_FILE), MAX_ADDRESSES).ok();
        let found = written.and_then(|json| serde_json::from_slice::<Self>(&json).ok());
        let Some(Self { pid, operations, .. }) = found else {
            return "name the socket with --ops-socket, or an address with --ops-listen".to_owned();
        };
        format!(
            "if it is process {pid}, as {ADDRESS_FILE} says, --ops-listen {operations} leads to it"
        )
    }

    pub(super) fn remove(data: &Path) {
        // One that is left behind names a process that is gone, which people notice.
        let _ = std::fs::remove_file(data.join(ADDRESS_FILE));
    }
}

/// Asks the running daemon: over its socket, where the system names both users, and no secret is sent. Where there is
/// no socket, over the address that the user named, with the token of the data folder.
#[derive(Debug)]
pub(super) struct Operator {
    data: PathBuf,
    socket: PathBuf,
    /// A token of the person's own, in place of the socket and of the daemon's token.
    token_file: Option<PathBuf>,
    /// The address of operations that a flag, a variable or the settings file names; a default is none.
    named: Option<SocketAddr>,
}

impl Operator {
    /// Returns a client of the daemon that holds the store of these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            data: settings.data.clone(),
            socket: settings.ops_socket(),
            token_file: settings.token_file.clone(),
            // The system chooses another port in place of 0 at each start: 0 leads to no daemon.
            named: Some(settings.ops_listen)
                .filter(|address| settings.ops_listen_named && address.port() != 0),
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        self.ask(Method::GET, path, query, Bytes::new()).await
    }

    /// Asks for what may be unknown: `None` if the daemon has no such thing.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, CliError> {
        match self.get(path, query).await {
            Err(CliError::Refused { status: 404, .. }) => Ok(None),
            answered => answered.map(Some),
        }
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        self.ask(Method::POST, path, query, Bytes::new()).await
    }

    /// Sends a JSON document.
    pub(super) async fn post_document<T: DeserializeOwned>(
        &self,
        path: &[&str],
        document: Vec<u8>,
    ) -> Result<T, CliError> {
        self.ask(Method::POST, path, &[], document.into()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Bytes,
    ) -> Result<T, CliError> {
        let request = Request::builder().method(method).uri(target(path, query));
        // The socket would make a person with a token of their own the operator.
        let stream = match &self.token_file {
            None => Ok(connect_socket(&self.socket, &self.data).await),
            Some(file) => Err(file),
        };
        let (daemon, answer) = match (stream, self.named) {
            (Ok(Ok(stream)), _) => {
                let request = request.header(HOST, "localhost");
                (self.socket.to_string_lossy().into_owned(), answer(stream, request, body).await)
            }
            // A stranger in the place of the daemon is no reason to look elsewhere.
            (Ok(Err(source @ SocketError::Stranger { .. })), _) | (Ok(Err(source)), None) => {
                let advice = Addresses::advice(&self.data);
                return Err(CliError::NoSocket { advice, source: Box::new(source) });
            }
            (Err(file), None) => return Err(CliError::TokenWithoutAddress { path: file.clone() }),
            (stream, Some(address)) => {
                let path = stream.err().cloned().unwrap_or_else(|| self.data.join(TOKEN_FILE));
                let token = read_token(&path).map_err(|source| CliError::File { path, source })?;
                let reachable = reachable(address);
                let request = request
                    .header(HOST, reachable.to_string())
                    .header(AUTHORIZATION, format!("Bearer {token}"));
                (address.to_string(), answer_at(reachable, request, body).await)
            }
        };
        let (status, body) = answer.map_err(|source| CliError::Unreachable {
            daemon: daemon.clone(),
            advice: Addresses::advice(&self.data),
            source,
        })?;
        if status.is_success()
            && let Ok(value) = serde_json::from_slice(&body)
        {
            return Ok(value);
        }
        Err(refusal(daemon, status, &body))
    }
}

/// Returns path and query, encoded.
fn target(path: &[&str], query: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse("http://localhost/").expect("a URL");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url[url::Position::BeforePath..].to_owned()
}

/// Returns the address to connect to: loopback where the daemon listens everywhere, since its `Host` is known.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    }
}

async fn answer_at(
    address: SocketAddr,
    request: hyper::http::request::Builder,
    body: Bytes,
) -> io::Result<(StatusCode, Bytes)> {
    let connected = timeout(CONNECT, TcpStream::connect(address)).await;
    answer(connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??, request, body).await
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: hyper::http::request::Builder,
    body: Bytes,
) -> io::Result<(StatusCode, Bytes)> {
    let request = request.body(Full::new(body)).map_err(io::Error::other)?;
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the sender, and reports its failures there.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}

fn refusal(daemon: String, status: StatusCode, body: &[u8]) -> CliError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let detail = match serde_json::from_slice(body) {
        Ok(Problem { detail }) if detail == NO_DATA => return CliError::NothingKnown,
        Ok(Problem { detail }) => detail,
        Err(_) => "an answer this release does not understand".into(),
    };
    CliError::Refused { daemon, status: status.as_u16(), detail }
}

/// Returns the reason of an answer that declines what was asked, as the store itself declines it.
pub(super) fn unprocessable<T>(answer: Result<T, CliError>) -> Result<T, CliError> {
    match answer {
        Err(CliError::Refused { status: 422, detail, .. }) => Err(CliError::Declined(detail)),
        answer => answer,
    }
}

/// Returns the reason of an answer that declines what a person decided.
pub(super) fn declined<T>(answer: Result<T, CliError>) -> Result<T, CliError> {
    match answer {
        Err(CliError::Refused { status: 400 | 404 | 409, detail, .. }) => {
            Err(CliError::Declined(detail))
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_encoded() {
        assert_eq!(target(&["explain", "a.b/c d"], &[]), "/explain/a.b%2Fc%20d");
        assert_eq!(target(&["x"], &[("by", "a&b"), ("é", "")]), "/x?by=a%26b&%C3%A9=");
    }

    #[test]
    fn daemon_without_data_differs_from_one_that_is_busy() {
        let answered = |detail: &str| {
            let body = serde_json::json!({"status": 503, "detail": detail}).to_string();
            refusal("a".into(), StatusCode::SERVICE_UNAVAILABLE, body.as_bytes())
        };
        assert!(matches!(answered(NO_DATA), CliError::NothingKnown));
        assert!(matches!(answered("Busy"), CliError::Refused { status: 503, .. }));
    }
}
