use url::Url;

use super::http::{Access, AccessError, Http};
use super::retry::retried;
use crate::model::Name;
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource};

/// An upstream registry, read over its API.
#[derive(Debug)]
pub struct RegistryApi {
    http: Http,
    root: Url,
}

impl RegistryApi {
    /// Creates the client of the registry below `root`.
    ///
    /// # Errors
    /// When a certificate or token file cannot be used.
    pub fn new(root: &Url, access: &Access) -> Result<Self, AccessError> {
        Ok(Self { http: Http::new(access)?, root: root.clone() })
    }

    /// Reads the files of the client again; returns true if their content changed and is in use. It blocks.
    ///
    /// # Errors
    /// The reason, in words, why a file cannot be read or used; what was read before stays in use.
    pub fn look_at_files(&self) -> Result<bool, String> {
        self.http.look()
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.root.clone();
        // Fails only for URLs that cannot be a base, which no root is.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v0.1").push("servers").extend(segments);
        }
        url
    }
}

impl PageSource for RegistryApi {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        let mut url = self.url(&[]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &request.limit.to_string());
            // The upstream rejects it with `updated_since`, which includes deleted versions anyway.
            match request.updated_since {
                Some(since) => {
                    query.append_pair("updated_since", &since.to_rfc3339());
                }
                None if request.include_deleted => {
                    query.append_pair("include_deleted", "true");
                }
                None => {}
            }
            if let Some(cursor) = &request.cursor {
                query.append_pair("cursor", cursor);
            }
        }
        retried(|| self.http.get(&url)).await
    }

    async fn versions(&self, name: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        let plain = self.url(&[name.as_str(), "versions"]);
        let mut url = plain.clone();
        url.query_pairs_mut().append_pair("include_deleted", "true");
        // Not retried: the caller comes back to names that failed.
        let answer = match self.http.get(&url).await {
            Err(failure) if failure.refuses_parameters() => self.http.get(&plain).await,
            answer => answer,
        };
        match answer {
            Ok(page) => Ok(Some(page)),
            Err(FetchFailure::Status { status: 404, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
