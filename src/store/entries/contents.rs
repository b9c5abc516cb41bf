use super::heads::{StoredHead, stored_head};
use crate::model::{Entry, Head};
use crate::store::codec::{self, StagedParts, after_contents};
use crate::store::rows::all_of;
use crate::store::{Rows, Snapshot, StoreError};

impl Snapshot {
    /// Returns an entry with its first content.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here, or the body is damaged.
    pub fn entry(&self, head: &StoredHead) -> Result<Entry, StoreError> {
        let StoredHead { name, version, head: facts, .. } = head;
        let damaged = || StoreError::damaged("a body", format!("{name}@{version}"));
        let value = self.tables.bodies()?.get(head.key())?.ok_or_else(damaged)?;
        let (server, meta) = self.unpackers.unpack(value.value()).ok_or_else(damaged)?;
        Ok(Entry { name: name.clone(), version: version.clone(), head: *facts, server, meta })
    }

    /// Returns the entries of an upstream with changed published content.
    pub fn all_rewritten(&self, upstream: &str) -> Result<Vec<StoredHead>, StoreError> {
        let mut keys: Vec<(String, String)> = Vec::new();
        for row in all_of(self.tables.rewritten()?, upstream)? {
            let (key, _) = row?;
            let (_, name, content) = key.value();
            let key = (name, codec::version_of(content));
            if keys.last().is_none_or(|(name, version)| (name.as_str(), version.as_str()) != key) {
                keys.push((key.0.to_owned(), key.1.to_owned()));
            }
        }
        let heads = self.tables.heads()?;
        let rows = keys.iter().filter_map(|(name, version)| {
            let key = (upstream, name.as_str(), version.as_str());
            let head = heads.get(key).transpose()?;
            Some(head.map_err(StoreError::from).and_then(|head| stored_head(key, head.value())))
        });
        Rows::new(rows).collect()
    }

    /// Returns the entries of an upstream that came back with other content after they were purged,
    /// each with its purged head.
    pub fn all_replaced(&self, upstream: &str) -> Result<Vec<(StoredHead, Head)>, StoreError> {
        let heads = self.tables.heads()?;
        let rows = all_of(self.tables.purged()?, upstream)?.map(|row| {
            let (key, value) = row?;
            let Some(head) = heads.get(key.value())? else { return Ok(None) };
            let (_, name, version) = key.value();
            let purged = codec::read_head(value.value()).ok_or_else(|| {
                StoreError::damaged("the head of a purged entry", format!("{name}@{version}"))
            })?;
            Ok(Some((stored_head(key.value(), head.value())?, purged)))
        });
        Rows::new(rows).filter_map(Result::transpose).collect()
    }

    /// Returns the contents that upstream sent for an entry after the first one; its current content
    /// comes last.
    pub fn others(&self, head: &StoredHead) -> Result<Vec<Entry>, StoreError> {
        let StoredHead { name, version, .. } = head;
        let damaged = || StoreError::damaged("other content", format!("{name}@{version}"));
        let end = after_contents(version.as_str());
        let first = head.key();
        let mut others = Vec::new();
        for row in self.tables.rewritten()?.range(first..(first.0, first.1, end.as_str()))? {
            let (_, value) = row?;
            let Some(StagedParts::Entry { head, body }) = codec::staged_parts(value.value()) else {
                return Err(damaged());
            };
            let head = codec::read_head(head).ok_or_else(damaged)?;
            let (server, meta) = self.unpackers.unpack(body).ok_or_else(damaged)?;
            others.push(Entry { name: name.clone(), version: version.clone(), head, server, meta });
        }
        others.sort_by_key(|other| (other.head.sent == head.head.sent, other.head.first_seen));
        Ok(others)
    }
}
