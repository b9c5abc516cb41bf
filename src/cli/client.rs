use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::CliError;
use crate::api::{TOKEN_FILE, read_token};
use crate::config::Settings;

/// The file in the data folder in which a daemon says where it listens.
const ADDRESS_FILE: &str = "daemon.json";
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
        std::fs::write(&path, json).map_err(|source| CliError::File { path, source })
    }

    pub(super) fn remove(data: &Path) {
        // It is only a hint: one that is left behind is noticed, since no process has the store open.
        let _ = std::fs::remove_file(data.join(ADDRESS_FILE));
    }

    fn read(data: &Path) -> Option<Self> {
        let json = std::fs::read(data.join(ADDRESS_FILE)).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// Asks the running daemon.
#[derive(Debug)]
pub(super) struct Operator {
    client: Client,
    address: SocketAddr,
    token: String,
}

impl Operator {
    /// Returns a client of the daemon that holds the store of these settings.
    pub(super) fn of(settings: &Settings) -> Result<Self, CliError> {
        let written = Addresses::read(&settings.data).map(|addresses| addresses.operations);
        let address = written.unwrap_or(settings.ops_listen);
        let token = read_token(&settings.data)
            .map_err(|source| CliError::File { path: settings.data.join(TOKEN_FILE), source })?;
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .build()
            .map_err(|source| CliError::Unreachable { address, source })?;
        Ok(Self { client, address, token })
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        self.ask(Method::GET, path, query).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        self.ask(Method::POST, path, query).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CliError> {
        let mut url = url::Url::parse(&format!("http://{}/", self.reachable()))
            .expect("an address with a port makes a URL");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let failed = |source| CliError::Unreachable { address: self.address, source };
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = response.bytes().await.map_err(failed)?;
        if status.is_success()
            && let Ok(value) = serde_json::from_slice(&body)
        {
            return Ok(value);
        }
        Err(self.refusal(status, &body))
    }

    /// Returns the address to connect to: loopback where the daemon listens everywhere, since its `Host` is known.
    fn reachable(&self) -> SocketAddr {
        if self.address.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], self.address.port()))
        } else {
            self.address
        }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> CliError {
        #[derive(Deserialize)]
        struct Problem {
            detail: String,
        }
        let detail = match serde_json::from_slice(body) {
            Ok(Problem { detail }) => detail,
            Err(_) => "an answer this release does not understand".into(),
        };
        CliError::Refused { address: self.address, status: status.as_u16(), detail }
    }
}
