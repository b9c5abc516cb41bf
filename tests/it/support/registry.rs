//! Rows as a registry sends them.

use serde_json::{Value, json};

pub(crate) const OFFICIAL: &str = "io.modelcontextprotocol.registry/official";

/// One row of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) status: String,
    pub(crate) published_at: String,
    pub(crate) updated_at: String,
    /// The bytes of the item, in place of those built from the fields.
    pub(crate) raw: Option<String>,
}

impl Row {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        let published = "2026-01-01T00:00:00.123456Z".to_owned();
        Self {
            name: name.into(),
            version: version.into(),
            description: format!("What {name} does"),
            status: "active".into(),
            published_at: published.clone(),
            updated_at: published,
            raw: None,
        }
    }

    /// Returns a row with exactly these bytes, listed under this name and version.
    pub(crate) fn raw(name: &str, version: &str, item: &str) -> Self {
        Self { raw: Some(item.into()), ..Self::new(name, version) }
    }

    pub(crate) fn published(self, at: &str) -> Self {
        Self { published_at: at.into(), updated_at: at.into(), ..self }
    }

    pub(crate) fn described(self, description: &str) -> Self {
        Self { description: description.into(), ..self }
    }

    pub(crate) fn status(self, status: &str, updated_at: &str) -> Self {
        Self { status: status.into(), updated_at: updated_at.into(), ..self }
    }

    pub(crate) fn item(&self) -> String {
        self.raw.clone().unwrap_or_else(|| self.json().to_string())
    }

    fn json(&self) -> Value {
        json!({
            "server": {
                "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
                "name": self.name,
                "description": self.description,
                "version": self.version,
                "remotes": [{"type": "streamable-http", "url": "https://mcp.example/mcp"}],
            },
            "_meta": {
                OFFICIAL: {
                    "status": self.status,
                    "statusChangedAt": self.published_at,
                    "publishedAt": self.published_at,
                    "updatedAt": self.updated_at,
                    "isLatest": false,
                }
            },
        })
    }

    pub(crate) fn key(&self) -> (String, String) {
        (self.name.clone(), self.version.clone())
    }
}

/// Returns the present time to the microsecond, as rows have it: a review dated in whole seconds covers nothing that came
/// in its own second.
pub(crate) fn now() -> String {
    vidimus::daemon::Clock::system().to_rfc3339()
}
