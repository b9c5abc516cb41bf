use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use super::archive::MAX_PACKED;
use super::http::{AccessError, client_builder, same_origin};
use super::watched::Watched;

const CONNECT: Duration = Duration::from_secs(10);
const FIRST_BYTE: Duration = Duration::from_mins(1);
const IDLE: Duration = Duration::from_secs(30);
/// An archive of 512 MiB at 300 KB/s.
const TOTAL: Duration = Duration::from_mins(30);
/// A longer mark is not kept; the archive is then fetched again.
const MAX_ETAG: usize = 256;

/// A client of feeds at URLs.
#[derive(Debug)]
pub struct FeedClient(Watched<Client>);

/// The reason why a feed could not be fetched.
#[derive(Debug, Error)]
pub enum DownloadError {
    #[error("it could not be fetched from {host}")]
    Request { host: String, source: reqwest::Error },
    #[error("no answer in time")]
    Late,
    #[error("the server answered {0}")]
    Status(u16),
    #[error("more than {} MiB", MAX_PACKED / 1024 / 1024)]
    TooLarge,
    #[error("the answer could not be written to a temporary file")]
    File(#[from] std::io::Error),
}

/// An answer of a feed.
#[derive(Debug)]
pub enum Downloaded {
    Unchanged,
    /// The file was written; the mark is the `ETag`.
    Changed(Option<String>),
}

impl FeedClient {
    /// Creates the client.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(proxy: Option<&Url>, ca_files: &[PathBuf]) -> Result<Self, AccessError> {
        let (proxy, files) = (proxy.cloned(), ca_files.to_vec());
        let open = move |_: Option<&Client>| {
            let client = client_builder(proxy.as_ref(), &files)?
                .connect_timeout(CONNECT)
                .read_timeout(FIRST_BYTE)
                .redirect(Policy::custom(same_origin));
            client.build().map_err(|source| AccessError::Client { source })
        };
        Ok(Self(Watched::open(ca_files.to_vec(), open)?))
    }

    /// Reads the certificates again; returns true if their content changed and is in use. It blocks.
    ///
    /// # Errors
    /// The reason, in words, why a file cannot be read or used; what was read before stays in use.
    pub fn look_at_files(&self) -> Result<bool, String> {
        self.0.look()
    }

    /// Fetches an archive into a file, unless its `ETag` is the known one.
    ///
    /// # Errors
    /// The reason; then the file is not whole.
    pub async fn download(
        &self,
        url: &Url,
        known: Option<&str>,
        file: &mut impl Write,
    ) -> Result<Downloaded, DownloadError> {
        timeout(TOTAL, self.download_in_time(url, known, file))
            .await
            .unwrap_or(Err(DownloadError::Late))
    }

    async fn download_in_time(
        &self,
        url: &Url,
        known: Option<&str>,
        file: &mut impl Write,
    ) -> Result<Downloaded, DownloadError> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        let failed = |source: reqwest::Error| DownloadError::Request {
            host: host(),
            source: source.without_url(),
        };
        let mut request = self.0.current().get(url.clone());
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let response = timeout(FIRST_BYTE, request.send()).await;
        let mut response = response.map_err(|_| DownloadError::Late)?.map_err(failed)?;
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Downloaded::Unchanged),
            StatusCode::OK => {}
            status => return Err(DownloadError::Status(status.as_u16())),
        }
        let mark = response.headers().get(ETAG).and_then(|mark| mark.to_str().ok());
        let mark = mark.filter(|mark| mark.len() <= MAX_ETAG).map(str::to_owned);
        let mut length = 0_u64;
        loop {
            let chunk = timeout(IDLE, response.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| DownloadError::Late)?.map_err(failed)? else {
                break;
            };
            length += chunk.len() as u64;
            if length > MAX_PACKED {
                return Err(DownloadError::TooLarge);
            }
            file.write_all(&chunk)?;
        }
        file.flush()?;
        Ok(Downloaded::Changed(mark))
    }
}
