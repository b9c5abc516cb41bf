use crate::model::{Head, Name, Version};
use crate::store::rows::{RowRange, all_of, of_name};
use crate::store::{Rows, Snapshot, StoreError, codec};

/// A head and its upstream, name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    pub upstream: String,
    pub name: Name,
    pub version: Version,
    pub head: Head,
}

impl StoredHead {
    pub(in crate::store) fn key(&self) -> (&str, &str, &str) {
        (self.upstream.as_str(), self.name.as_str(), self.version.as_str())
    }
}

impl Snapshot {
    /// Returns the head of one entry.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here, or the head is damaged.
    pub fn head(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<Head>, StoreError> {
        match self.tables.heads()?.get((upstream, name, version))? {
            None => Ok(None),
            Some(value) => codec::read_head(value.value())
                .map(Some)
                .ok_or_else(|| StoreError::damaged("a head", format!("{name}@{version}"))),
        }
    }

    /// Returns the versions of a name, in every upstream.
    pub fn heads_of(&self, name: &Name) -> Result<Vec<StoredHead>, StoreError> {
        self.each_head_of(name)?.collect()
    }

    /// Returns the same one after another, so that the caller can read the damage.
    pub fn each_head_of(&self, name: &Name) -> Result<Rows<'_, StoredHead>, StoreError> {
        let mut ranges = Vec::new();
        for upstream in self.known_upstreams()? {
            ranges.push(of_name(self.tables.heads()?, upstream, name)?);
        }
        Ok(stored_heads(ranges))
    }

    /// Returns the versions of a name in one upstream, with their heads.
    pub(in crate::store) fn heads_in(
        &self,
        upstream: &str,
        name: &Name,
    ) -> Result<Rows<'_, (Version, Head)>, StoreError> {
        Ok(Rows::new(of_name(self.tables.heads()?, upstream, name)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let head = Version::parse(version).ok().zip(codec::read_head(value.value()));
            head.ok_or_else(|| StoreError::damaged("a head", format!("{name}@{version}")))
        })))
    }

    /// Returns true if an upstream has a readable row of the name, and not only tombstones that were met first.
    pub fn has_rows_in(&self, upstream: &str, name: &Name) -> Result<bool, StoreError> {
        for row in self.heads_in(upstream, name)? {
            let (_, head) = row?;
            if !head.contentless {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns every head, by upstream, name and version.
    pub fn heads(&self) -> Result<Rows<'_, StoredHead>, StoreError> {
        Ok(stored_heads([self.tables.heads()?.range(("", "", "")..)?]))
    }

    /// Returns every head of an upstream.
    pub fn heads_of_upstream(&self, upstream: &str) -> Result<Rows<'_, StoredHead>, StoreError> {
        Ok(stored_heads([all_of(self.tables.heads()?, upstream)?]))
    }
}

fn stored_heads<'a>(ranges: impl IntoIterator<Item = RowRange> + 'a) -> Rows<'a, StoredHead> {
    Rows::new(ranges.into_iter().flatten().map(|row| {
        let (key, value) = row?;
        stored_head(key.value(), value.value())
    }))
}

pub(super) fn stored_head(
    (upstream, name, version): (&str, &str, &str),
    value: &[u8],
) -> Result<StoredHead, StoreError> {
    let identity = codec::identity(name, version);
    let Some(((name, version), head)) = identity.zip(codec::read_head(value)) else {
        return Err(StoreError::damaged("a head", format!("{name}@{version}")));
    };
    Ok(StoredHead { upstream: upstream.to_owned(), name, version, head })
}
