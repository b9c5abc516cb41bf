use redb::ReadableTable;
use serde::Serialize;
use serde_json::value::RawValue;

use super::codec::{self, KeptFacts, StagedParts};
use super::{Snapshot, StoreError, StoredHead};
use crate::advisory::Advisory;
use crate::curation::ContentFacts;
use crate::history::RuleRecord;
use crate::model::{Digest, Entry, Escaped, Head, Shown, Status};

/// The result of a check of every row.
#[derive(Debug, Default, Serialize, serde::Deserialize)]
pub struct Verification {
    pub entries: u64,
    pub quarantined: u64,
    /// Rows of a sync run that is not accepted yet.
    pub staged: u64,
    /// Rows of change sets on hold.
    #[serde(default)]
    pub on_hold: u64,
    /// Other contents of entries that upstream rewrote.
    #[serde(default)]
    pub rewritten: u64,
    pub ledger: u64,
    #[serde(default)]
    pub events: u64,
    /// One line for each damaged or inconsistent row; the first hundred.
    pub problems: Vec<String>,
    pub problem_count: u64,
}

const MAX_LISTED: usize = 100;

impl Verification {
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, what: &str, (first, name, version): (&str, &str, &str)) {
        self.list(format!("{what}: {first} {}@{}", Escaped(name), Escaped(version)));
    }

    pub(super) fn list(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }
}

impl Snapshot {
    /// Reads every row and checks that it decodes, that digests match the bytes, and that the rows it
    /// refers to exist.
    ///
    /// # Errors
    /// When the file cannot be read at all; an unreadable row is a listed problem.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        let mut found = Verification::default();
        self.verify_entries(&mut found)?;
        self.verify_bodies(&mut found)?;
        self.verify_quarantine(&mut found)?;
        self.verify_staged(&mut found)?;
        self.verify_sums(&mut found)?;
        self.verify_ledger(&mut found)?;
        self.verify_records(&mut found)?;
        self.verify_advisories(&mut found)?;
        self.verify_history(&mut found)?;
        Ok(found)
    }

    fn verify_entries(&self, found: &mut Verification) -> Result<(), StoreError> {
        for row in self.tables.heads()?.iter()? {
            let (key, value) = row?;
            found.entries += 1;
            let (upstream, name, version) = key.value();
            let identity = codec::identity(name, version);
            let Some(((name, version), head)) = identity.zip(codec::read_head(value.value()))
            else {
                found.problem("the head does not decode", key.value());
                continue;
            };
            let head = StoredHead { upstream: upstream.to_owned(), name, version, head };
            match self.entry(&head) {
                Err(StoreError::Damaged(_)) => {
                    found.problem("the body is missing or does not decode", key.value());
                }
                Err(error) => return Err(error),
                Ok(entry) if !matches_its_bytes(&entry) => {
                    found.problem("the bytes are not those of the digests", key.value());
                }
                Ok(entry) => self.verify_facts(found, head.key(), &entry.server)?,
            }
        }
        Ok(())
    }

    /// Checks facts against the bytes. Facts that are missing or of other rules are computed again anyway.
    fn verify_facts(
        &self,
        found: &mut Verification,
        key: (&str, &str, &str),
        server: &str,
    ) -> Result<(), StoreError> {
        let Some(value) = self.tables.facts()?.get(key)? else { return Ok(()) };
        let Some(kept) = codec::read_facts(value.value()) else {
            found.problem("the facts do not decode", key);
            return Ok(());
        };
        if kept.rules() != ContentFacts::RULES {
            return Ok(());
        }
        let computed = ContentFacts::of(server);
        let is_sound = match kept {
            KeptFacts::TooLarge { .. } => computed.encode().is_none(),
            encoded @ KeptFacts::Encoded { .. } => encoded.decode() == Some(computed),
        };
        if !is_sound {
            found.problem("the facts are not those of the bytes", key);
        }
        Ok(())
    }

    fn verify_bodies(&self, found: &mut Verification) -> Result<(), StoreError> {
        for row in self.tables.bodies()?.iter()? {
            let (key, _) = row?;
            if self.tables.heads()?.get(key.value())?.is_none() {
                found.problem("a body without its head", key.value());
            }
        }
        for row in self.tables.facts()?.iter()? {
            let (key, _) = row?;
            let (upstream, name, content) = key.value();
            let entry = (upstream, name, codec::version_of(content));
            if self.tables.heads()?.get(entry)?.is_none() {
                found.problem("facts without their entry", entry);
            }
        }
        Ok(())
    }

    fn verify_advisories(&self, found: &mut Verification) -> Result<(), StoreError> {
        for row in self.tables.advisories()?.iter()? {
            let (key, value) = row?;
            if serde_json::from_slice::<Advisory>(value.value()).is_err() {
                let (feed, id) = key.value();
                found.problem("the advisory does not decode", (feed, id, ""));
            }
        }
        for row in self.tables.advised_packages()?.iter()? {
            let (key, _) = row?;
            let (_, _, by) = key.value();
            let by = by.split_once(' ').unwrap_or_default();
            if self.tables.advisories()?.get(by)?.is_none() {
                found.problem("a package without its advisory", key.value());
            }
        }
        Ok(())
    }

    fn verify_quarantine(&self, found: &mut Verification) -> Result<(), StoreError> {
        for row in self.tables.quarantine()?.iter()? {
            let (key, value) = row?;
            found.quarantined += 1;
            if !self.is_quarantined(value.value()) {
                found.problem("the row in quarantine does not decode", key.value());
            }
        }
        Ok(())
    }

    fn verify_staged(&self, found: &mut Verification) -> Result<(), StoreError> {
        let tables = [
            (self.tables.staged()?, "the staged row does not decode"),
            (self.tables.on_hold()?, "the row on hold does not decode"),
            (self.tables.rewritten()?, "the other content does not decode"),
        ];
        let mut counts = [0; 3];
        for ((table, problem), count) in tables.into_iter().zip(&mut counts) {
            for row in table.iter()? {
                let (key, value) = row?;
                *count += 1;
                if !self.is_readable(value.value()) {
                    found.problem(problem, key.value());
                }
            }
        }
        [found.staged, found.on_hold, found.rewritten] = counts;
        self.verify_contents(found)
    }

    /// Counts the rows of each upstream again.
    fn verify_sums(&self, found: &mut Verification) -> Result<(), StoreError> {
        for upstream in self.known_upstreams()? {
            // A damaged state is found elsewhere.
            let sum = self.upstream(upstream).ok().and_then(|state| state.bytes);
            let counted = self.count_bytes(upstream)?;
            if let Some(sum) = sum.filter(|sum| *sum != counted) {
                found
                    .list(format!("{sum} bytes are noted for {counted} of the rows of {upstream}"));
            }
        }
        Ok(())
    }

    fn verify_contents(&self, found: &mut Verification) -> Result<(), StoreError> {
        for row in self.tables.rewritten()?.iter()? {
            let (key, value) = row?;
            if let Some(StagedParts::Entry { body, .. }) = codec::staged_parts(value.value())
                && let Some((server, _)) = self.unpackers.unpack(body)
            {
                self.verify_facts(found, key.value(), &server)?;
            }
        }
        Ok(())
    }

    fn is_readable(&self, staged: &[u8]) -> bool {
        let packed = match codec::staged_parts(staged) {
            Some(StagedParts::Entry { head, body }) => codec::read_head(head).map(|_| body),
            Some(StagedParts::Quarantined { value } | StagedParts::Deleted { value }) => {
                return self.is_quarantined(value);
            }
            Some(StagedParts::Settled | StagedParts::Absent) => return true,
            None => None,
        };
        packed.is_some_and(|packed| packed.is_empty() || self.unpackers.unpack(packed).is_some())
    }

    fn is_quarantined(&self, value: &[u8]) -> bool {
        codec::quarantine_item(value, &self.unpackers).is_some()
    }

    /// Checks that events and rules decode.
    fn verify_history(&self, found: &mut Verification) -> Result<(), StoreError> {
        for block in self.tables.events()?.iter()? {
            let (last, value) = block?;
            if let Some(block) = codec::read_block(value.value()) {
                found.events += block.events.len() as u64;
            } else {
                let last = last.value().to_string();
                found.problem("a block of events does not decode", ("events", &last, ""));
            }
        }
        for rule in self.tables.rules()?.iter()? {
            let (digest, value) = rule?;
            if serde_json::from_slice::<RuleRecord>(value.value()).is_err() {
                let digest = Digest::from_bytes(digest.value()).to_string();
                found.problem("the rule does not decode", ("rules", &digest, ""));
            }
        }
        Ok(())
    }

    fn verify_ledger(&self, found: &mut Verification) -> Result<(), StoreError> {
        let upstreams = self.upstreams()?;
        for row in self.tables.ledger()?.iter()? {
            let (key, value) = row?;
            found.ledger += 1;
            let (_, name, version) = key.value();
            let Some(record) = codec::read_ledger(value.value()) else {
                found.problem("the ledger's record does not decode", key.value());
                continue;
            };
            let mut known = false;
            for upstream in &upstreams {
                known |= self.tables.heads()?.get((upstream.as_str(), name, version))?.is_some();
            }
            if record.shown == Shown::Visible && !known {
                found.problem("the ledger shows what is not stored", key.value());
            }
        }
        Ok(())
    }
}

/// Returns true if the entry is what its bytes would give if they arrived now. An entry that an invalid row or a stub
/// marked as deleted, or that was rewritten, has its earlier bytes with the later status.
fn matches_its_bytes(entry: &Entry) -> bool {
    let item = format!(r#"{{"server":{},"_meta":{}}}"#, entry.server, entry.meta);
    let Ok(item) = serde_json::from_str::<Box<RawValue>>(&item) else { return false };
    let Ok(computed) = Entry::read(&item, entry.head.first_seen) else { return false };
    let (stored, sent) = (entry.head, computed.head);
    let is_marked =
        stored.rewritten || (stored.status == Status::Deleted && stored.sent != sent.sent);
    let as_sent = |head: Head| (head.status, head.updated_at, head.sent);
    stored.received == sent.received
        && (is_marked || as_sent(stored) == as_sent(sent))
        && (&computed.name, &computed.version) == (&entry.name, &entry.version)
}
