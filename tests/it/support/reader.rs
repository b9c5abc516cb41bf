//! A client that keeps a copy of what a registry serves, and remembers the greatest `updatedAt` of it.

use std::collections::BTreeSet;

use super::daemon::{Answer, Daemon};
use super::registry::OFFICIAL;

#[derive(Default)]
pub(crate) struct Reader {
    /// The served entries, as `name@version`.
    pub(crate) copy: BTreeSet<String>,
    since: Option<String>,
    newest: Option<String>,
    cursor: Option<String>,
}

impl Reader {
    /// Reads the plain list, which has other times than answers to `updated_since`, and goes on from its greatest one.
    pub(crate) async fn from_plain_list(daemon: &Daemon) -> Self {
        let mut reader = Self::default();
        reader.take(&daemon.get("/v0.1/servers?limit=100").await);
        reader
    }

    /// Reads a page of the changes since the greatest time.
    pub(crate) async fn read_page(&mut self, daemon: &Daemon) {
        let since = self.since.as_deref().unwrap_or("1970-01-01T00:00:00Z");
        let path = match &self.cursor {
            Some(cursor) => format!("/v0.1/servers?limit=3&cursor={cursor}"),
            None => format!("/v0.1/servers?limit=3&updated_since={since}"),
        };
        self.take(&daemon.get(&path).await);
    }

    fn take(&mut self, page: &Answer) {
        let body = page.json();
        for (key, item) in page.items().into_iter().zip(body["servers"].as_array().expect("items"))
        {
            let official = &item["_meta"][OFFICIAL];
            let updated = official["updatedAt"].as_str().expect("a time").to_owned();
            self.newest = self.newest.take().max(Some(updated));
            if official["status"] == "deleted" {
                self.copy.remove(&key);
            } else {
                self.copy.insert(key);
            }
        }
        self.cursor = body["metadata"]["nextCursor"].as_str().map(str::to_owned);
        if self.cursor.is_none() {
            self.since.clone_from(&self.newest);
        }
    }
}
