//! The check of the tables of records: those with one row for an upstream, a name, a package, a file or a decision.
//!
//! Most of their readers take a record that does not decode for an absent one, so that it stops nothing. A copy with such
//! a record is not whole all the same.

use redb::{Key, ReadableTable};
use serde::de::DeserializeOwned;

use super::tables::ReadTable;
use super::{RecipientStatus, Snapshot, StoreError, Verification, codec};
use crate::advisory::{FeedState, Hold};
use crate::alert::{Alert, Delivery};
use crate::artefact::PackageRecord;
use crate::model::{Digest, Escaped, TokenRecord};
use crate::ownership::{DeclarationRecord, VerificationRecord};
use crate::sync::{HoldHistory, RecentChanges, UpstreamState};

impl Snapshot {
    /// Checks the records of these tables.
    pub(super) fn verify_records(&self, found: &mut Verification) -> Result<(), StoreError> {
        let word = |key: &str| key.to_owned();
        let pair = |(recipient, alert): (&str, &str)| format!("{recipient} {alert}");
        let numbered = |(file, number): (&str, u64)| format!("{file} {number}");
        let row =
            |(upstream, name, version): (&str, &str, &str)| format!("{upstream} {name}@{version}");
        let is_absence = |value: &[u8]| codec::read_absence(value).is_some();
        let has_digest = |value: &[u8]| value.len() >= 32;
        let digest = |key: [u8; 32]| Digest::from_bytes(key).to_string();
        let tables = &self.tables;
        check(
            found,
            "the state of an upstream",
            tables.upstreams()?,
            word,
            is_json::<UpstreamState>,
        )?;
        check(
            found,
            "the recent changes",
            tables.recent_changes()?,
            word,
            is_json::<RecentChanges>,
        )?;
        check(found, "the history of holds", tables.hold_history()?, word, is_json::<HoldHistory>)?;
        check(found, "an alert", tables.alerts()?, word, is_json::<Alert>)?;
        check(found, "a recipient", tables.recipients()?, word, is_json::<RecipientStatus>)?;
        check(found, "a delivery", tables.deliveries()?, pair, is_json::<Delivery>)?;
        check(found, "a dead letter", tables.dead_letters()?, pair, is_json::<Delivery>)?;
        check(
            found,
            "a verification",
            tables.verifications()?,
            word,
            is_json::<VerificationRecord>,
        )?;
        check(found, "a declaration", tables.declarations()?, word, is_json::<DeclarationRecord>)?;
        check(found, "a token", tables.tokens()?, word, is_json::<TokenRecord>)?;
        check(found, "the state of a feed", tables.advisory_feeds()?, word, is_json::<FeedState>)?;
        check(found, "a hold of an advisory", tables.advisory_holds()?, digest, is_json::<Hold>)?;
        check(found, "an own advisory", tables.own_advisories()?, word, is_text)?;
        check(found, "a scan result", tables.scans()?, word, is_text)?;
        check(found, "an overlay", tables.overlays()?, word, is_text)?;
        check(found, "a denial", tables.denying()?, numbered, is_text)?;
        check(found, "an authority", tables.authorities()?, word, is_text)?;
        check(found, "an absence", tables.absences()?, row, is_absence)?;
        check(found, "a discarded change", tables.discarded()?, row, has_digest)?;
        check(found, "a package", tables.artefacts()?, word, is_json::<PackageRecord>)
    }
}

fn check<K: Key + 'static>(
    found: &mut Verification,
    what: &str,
    table: &ReadTable<K>,
    name: impl Fn(K::SelfType<'_>) -> String,
    decodes: impl Fn(&[u8]) -> bool,
) -> Result<(), StoreError> {
    for row in table.iter()? {
        let (key, value) = row?;
        if !decodes(value.value()) {
            found.list(format!("{what} does not decode: {}", Escaped(&name(key.value()))));
        }
    }
    Ok(())
}

fn is_json<T: DeserializeOwned>(value: &[u8]) -> bool {
    serde_json::from_slice::<T>(value).is_ok()
}

fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::model::Timestamp;
    use crate::store::Store;
    use crate::store::tables::{
        ABSENCES, ADVISORY_FEEDS, ADVISORY_HOLDS, ALERTS, ARTEFACTS, AUTHORITIES, DEAD_LETTERS,
        DECLARATIONS, DELIVERIES, DENYING, DISCARDED, HOLD_HISTORY, OVERLAYS, OWN_ADVISORIES,
        RECENT_CHANGES, RECIPIENTS, SCANS, TOKENS, VERIFICATIONS,
    };

    const NOW: Timestamp = Timestamp::from_micros(7);
    const NEITHER_TEXT_NOR_JSON: &[u8] = b"\xff";

    #[test]
    fn each_record_that_does_not_decode_is_reported() {
        let store = Store::ephemeral(NOW).expect("a store");
        let words = [
            RECENT_CHANGES,
            HOLD_HISTORY,
            ALERTS,
            RECIPIENTS,
            VERIFICATIONS,
            DECLARATIONS,
            TOKENS,
            ADVISORY_FEEDS,
            OWN_ADVISORIES,
            SCANS,
            OVERLAYS,
            AUTHORITIES,
            ARTEFACTS,
        ];
        store
            .write(NOW, |transaction| {
                for table in words {
                    transaction.open_table(table)?.insert("one", NEITHER_TEXT_NOR_JSON)?;
                }
                for table in [DELIVERIES, DEAD_LETTERS] {
                    transaction.open_table(table)?.insert(("one", "two"), NEITHER_TEXT_NOR_JSON)?;
                }
                for table in [ABSENCES, DISCARDED] {
                    transaction
                        .open_table(table)?
                        .insert(("u", "n", "1"), NEITHER_TEXT_NOR_JSON)?;
                }
                transaction.open_table(DENYING)?.insert(("one", 1), NEITHER_TEXT_NOR_JSON)?;
                transaction.open_table(ADVISORY_HOLDS)?.insert([0; 32], NEITHER_TEXT_NOR_JSON)?;
                Ok(())
            })
            .expect("written");
        let found = store.snapshot().and_then(|snapshot| snapshot.verify()).expect("verified");
        assert_eq!(found.problems.len(), words.len() + 6, "{:?}", found.problems);
        assert!(found.problems.contains(&"a token does not decode: one".to_owned()));
    }
}
