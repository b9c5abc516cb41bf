use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::{Entry, Head, Identity, Quarantined, Status, Timestamp, is_deletion};

/// Versions of one name that are kept, and bytes of them; upstream itself allows as many versions.
pub(super) const MAX_VERSIONS: u64 = 10_000;
pub(super) const MAX_NAME_BYTES: u64 = 64 * 1024 * 1024;

/// The size of what is kept of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameSize {
    pub versions: u64,
    pub bytes: u64,
}

impl NameSize {
    /// Admits one more entry; an entry beyond the limits becomes a quarantined row.
    ///
    /// # Errors
    /// The row, with the limit that it would exceed.
    pub fn admit(&mut self, entry: &Entry) -> Result<(), Quarantined> {
        let more = Self {
            versions: self.versions + 1,
            bytes: self.bytes + (entry.server.len() + entry.meta.len()) as u64,
        };
        if more.versions <= MAX_VERSIONS && more.bytes <= MAX_NAME_BYTES {
            *self = more;
            return Ok(());
        }
        Err(Quarantined {
            name: entry.name.to_string(),
            version: entry.version.to_string(),
            reason: format!(
                "{OVER_LIMIT}: {MAX_VERSIONS} versions and {MAX_NAME_BYTES} bytes of one name are kept"
            ),
            item: format!(r#"{{"server":{},"_meta":{}}}"#, entry.server, entry.meta).into(),
        })
    }
}

/// The beginning of the reason for which a well-formed row is in quarantine.
pub const OVER_LIMIT: &str = "beyond the limit of its name";

/// The effect of a received row on the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The bytes equal the stored ones.
    Unchanged(Identity, Head),
    Write {
        row: Row,
        kind: Kind,
    },
}

/// A row in the form in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Entry(Entry),
    Quarantined(Quarantined),
    /// A row that is not a valid entry, but in which upstream deletes the stored entry.
    Deleted(Quarantined),
    /// Upstream sends the stored entry again; anything it sent in between is void.
    Settled {
        name: String,
        version: String,
    },
}

impl Change {
    /// Returns the name and version of the row.
    #[must_use]
    pub fn key(&self) -> (String, String) {
        match self {
            Self::Unchanged(identity, _) => {
                (identity.name.to_string(), identity.version.to_string())
            }
            Self::Write { row, .. } => row.key(),
        }
    }
}

impl Row {
    /// Returns the name and version under which the row is stored.
    #[must_use]
    pub fn key(&self) -> (String, String) {
        match self {
            Self::Entry(entry) => (entry.name.to_string(), entry.version.to_string()),
            Self::Quarantined(row) | Self::Deleted(row) => (row.name.clone(), row.version.clone()),
            Self::Settled { name, version } => (name.clone(), version.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Added,
    Updated,
    /// Upstream says `deleted` now and did not before.
    Deleted,
    Quarantined,
}

/// The number of rows by their effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub added: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    pub quarantined: u64,
}

impl Tally {
    pub fn count(&mut self, change: &Change) {
        match change {
            Change::Unchanged(..) => self.unchanged += 1,
            Change::Write { kind, .. } => self.count_written(*kind),
        }
    }

    /// Counts a row that is written, by its effect.
    pub const fn count_written(&mut self, kind: Kind) {
        *self.counter(kind) += 1;
    }

    const fn counter(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Added => &mut self.added,
            Kind::Updated => &mut self.updated,
            Kind::Deleted => &mut self.deleted,
            Kind::Quarantined => &mut self.quarantined,
        }
    }

    /// Returns the numbers without those of rows that were not applied.
    #[must_use]
    pub const fn without(&self, others: &Self) -> Self {
        Self {
            added: self.added.saturating_sub(others.added),
            updated: self.updated.saturating_sub(others.updated),
            deleted: self.deleted.saturating_sub(others.deleted),
            unchanged: self.unchanged.saturating_sub(others.unchanged),
            quarantined: self.quarantined.saturating_sub(others.quarantined),
        }
    }

    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.added + self.updated + self.deleted + self.unchanged + self.quarantined
    }
}

/// Compares one received row with the stored head of the same (name, version), which `stored`
/// looks up. A row with bytes that equal the stored ones is not validated again.
pub fn change<E>(
    item: &RawValue,
    now: Timestamp,
    stored: impl FnOnce(&Identity) -> Result<Option<Head>, E>,
) -> Result<Change, E> {
    let head = match Identity::of(item) {
        None => None,
        Some(identity) => match stored(&identity)? {
            Some(head) if head.sent == identity.sent => {
                return Ok(Change::Unchanged(identity, head));
            }
            head => head,
        },
    };
    Ok(match Entry::read(item, now) {
        Err(row) => match head {
            Some(head) if head.status != Status::Deleted && is_deletion(item) => {
                Change::Write { row: Row::Deleted(row), kind: Kind::Deleted }
            }
            _ => Change::Write { row: Row::Quarantined(row), kind: Kind::Quarantined },
        },
        Ok(entry) => {
            let kind = Kind::of(entry.head.status, head.map(|head| head.status));
            Change::Write { row: Row::Entry(entry), kind }
        }
    })
}

impl Kind {
    /// Returns the effect of an entry with this status where one with the other is stored.
    #[must_use]
    pub fn of(sent: Status, stored: Option<Status>) -> Self {
        match stored {
            None => Self::Added,
            Some(stored) if sent == Status::Deleted && stored != Status::Deleted => Self::Deleted,
            Some(_) => Self::Updated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OFFICIAL_META;

    fn item(description: &str, status: &str) -> Box<RawValue> {
        let json = format!(
            r#"{{"server":{{"name":"a.b/c","version":"1","description":"{description}"}},"_meta":{{"{OFFICIAL_META}":{{"status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}}}}}"#
        );
        serde_json::from_str(&json).expect("a JSON text")
    }

    fn stored(description: &str, status: &str) -> Head {
        Entry::read(&item(description, status), Timestamp::from_micros(1))
            .expect("well-formed")
            .head
    }

    fn changed(item: &RawValue, head: Option<Head>) -> Change {
        change::<()>(item, Timestamp::from_micros(9), |_| Ok(head)).expect("infallible")
    }

    #[rstest::rstest]
    #[case("x", "active", None, Some(Kind::Added))]
    #[case("x", "deleted", None, Some(Kind::Added))]
    #[case("x", "active", Some(("x", "active")), None)]
    #[case("y", "active", Some(("x", "active")), Some(Kind::Updated))]
    #[case("x", "deprecated", Some(("x", "active")), Some(Kind::Updated))]
    #[case("x", "deleted", Some(("x", "active")), Some(Kind::Deleted))]
    #[case("x", "active", Some(("x", "deleted")), Some(Kind::Updated))]
    #[case("y", "deleted", Some(("x", "deleted")), Some(Kind::Updated))]
    #[case("x", "gone", Some(("x", "active")), Some(Kind::Quarantined))]
    #[case("\\u0007", "deleted", Some(("x", "active")), Some(Kind::Deleted))]
    #[case("\\u0007", "deleted", None, Some(Kind::Quarantined))]
    #[case("\\u0007", "active", None, Some(Kind::Quarantined))]
    fn row_is_classified_against_stored_head(
        #[case] description: &str,
        #[case] status: &str,
        #[case] before: Option<(&str, &str)>,
        #[case] kind: Option<Kind>,
    ) {
        let head = before.map(|(description, status)| stored(description, status));
        let found = match changed(&item(description, status), head) {
            Change::Unchanged(..) => None,
            Change::Write { kind, .. } => Some(kind),
        };
        assert_eq!(found, kind);
    }

    /// P56.
    #[test]
    fn name_beyond_ten_thousand_versions_or_64_mib_is_refused() {
        let Change::Write { row: Row::Entry(entry), .. } = changed(&item("x", "active"), None)
        else {
            panic!("an added entry")
        };
        let mut size = NameSize { versions: 9_999, bytes: 0 };
        assert_eq!(size.admit(&entry), Ok(()));
        let row = size.admit(&entry).expect_err("one too many");
        assert!(row.reason.starts_with(OVER_LIMIT), "{}", row.reason);
        assert_eq!(size.versions, 10_000);
        assert!(NameSize { versions: 0, bytes: MAX_NAME_BYTES }.admit(&entry).is_err());
    }
}
