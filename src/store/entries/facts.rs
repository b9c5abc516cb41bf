//! The facts of each content that gates read, beside the body.
//!
//! Facts are written with the body, except in a first sync: computing them costs as much as all other
//! work for a row, and a first sync is measured against the time of a plain client. Facts that are
//! missing or of other rules are computed from the body when they are read; `refresh_facts` writes
//! them, a batch at a time.

use std::collections::BTreeMap;
use std::iter::Peekable;

use redb::{AccessGuard, ReadableTable, WriteTransaction};

use super::heads::StoredHead;
use crate::curation::{ContentFacts, ContentHead};
use crate::model::{Digest, Name, Timestamp, Version};
use crate::store::codec::{self, KeptFacts, StagedParts, after_contents};
use crate::store::rows::{RowRange, after, of_name};
use crate::store::tables::{BODIES, Bytes, FACTS, META, REWRITTEN};
use crate::store::usage::{Growth, grow};
use crate::store::{Rows, Snapshot, Store, StoreError};

/// Maximum facts that one batch computes, and maximum contents that it reads.
const BATCH: usize = 500;
const MAX_READ: usize = 10_000;

/// Key in `meta` of the rules for which all facts exist, or are being completed. Without it some are due.
const FACTS_KEY: &str = "facts";
const COMPLETE: u8 = 1;
const UNDER_WAY: u8 = 2;

/// Upstream, name, and version or content key.
type ContentKey = (String, String, String);

/// The content behind which the computation of facts continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsCursor {
    /// True if the first contents are done, and other contents are next.
    others: bool,
    key: ContentKey,
}

/// A content with facts that are due.
struct Due {
    key: ContentKey,
    value: Vec<u8>,
    facts: Vec<u8>,
}

impl Store {
    /// Writes facts that are missing or of other rules, for a batch of contents. Returns where to
    /// continue; `None` when all exist.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn refresh_facts(
        &self,
        from: Option<FactsCursor>,
        now: Timestamp,
    ) -> Result<Option<FactsCursor>, StoreError> {
        let from = match from {
            Some(from) => from,
            None if self.snapshot()?.has_all_facts()? => return Ok(None),
            None => {
                self.write(now, |transaction| put_state(transaction, UNDER_WAY))?;
                FactsCursor { others: false, key: Default::default() }
            }
        };
        let (due, next) = self.due_facts(&from)?;
        let next = match next {
            None if !from.others => Some(FactsCursor { others: true, key: Default::default() }),
            next => next.map(|key| FactsCursor { others: from.others, key }),
        };
        if due.is_empty() && next.is_some() {
            return Ok(next);
        }
        self.write(now, |transaction| {
            let mut grown: BTreeMap<&str, Growth> = BTreeMap::new();
            let contents = transaction.open_table(if from.others { REWRITTEN } else { BODIES })?;
            let mut facts = transaction.open_table(FACTS)?;
            for Due { key: (upstream, name, content), value, facts: computed } in &due {
                let key = (upstream.as_str(), name.as_str(), content.as_str());
                // Another content may have arrived in the meantime.
                if contents.get(key)?.is_some_and(|now| now.value() == value.as_slice()) {
                    grown.entry(upstream).or_default().insert(&mut facts, key, computed)?;
                }
            }
            drop((contents, facts));
            for (upstream, growth) in &grown {
                grow(transaction, upstream, growth)?;
            }
            if next.is_none() {
                complete(transaction)?;
            }
            Ok(())
        })?;
        Ok(next)
    }

    /// Computes a batch of facts; returns them and the key to continue behind.
    fn due_facts(&self, from: &FactsCursor) -> Result<(Vec<Due>, Option<ContentKey>), StoreError> {
        let snapshot = self.snapshot()?;
        let (upstream, name, content) = &from.key;
        let behind = after(content);
        let contents =
            if from.others { snapshot.tables.rewritten()? } else { snapshot.tables.bodies()? };
        let mut due = Vec::new();
        let rows = contents.range((upstream.as_str(), name.as_str(), behind.as_str())..)?;
        for (count, row) in rows.enumerate() {
            let (key, value) = row?;
            let value = value.value();
            if snapshot.tables.facts()?.get(key.value())?.is_none_or(|kept| is_due(kept.value())) {
                let body = if from.others { staged_body(value) } else { Some(value) };
                // `verify` reports a damaged body.
                if let Some((server, _)) = body.and_then(|body| snapshot.unpackers.unpack(body)) {
                    let facts = facts_of(&server);
                    due.push(Due { key: owned(key.value()), value: value.to_vec(), facts });
                }
            }
            if due.len() >= BATCH || count + 1 >= MAX_READ {
                return Ok((due, Some(owned(key.value()))));
            }
        }
        Ok((due, None))
    }
}

/// Returns the encoded facts of a body.
pub(super) fn facts_of(server: &str) -> Vec<u8> {
    codec::facts(&ContentFacts::of(server))
}

/// Records that rows are written without their facts.
pub(in crate::store) fn owe_facts(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(META)?.remove(FACTS_KEY)?;
    Ok(())
}

/// Records that all facts exist, unless rows were written without them in the meantime.
fn complete(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let under_way = state(UNDER_WAY);
    let found = transaction.open_table(META)?.get(FACTS_KEY)?.map(|value| value.value().to_vec());
    if found == Some(under_way) {
        put_state(transaction, COMPLETE)?;
    }
    Ok(())
}

fn put_state(transaction: &WriteTransaction, word: u8) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(FACTS_KEY, state(word).as_slice())?;
    Ok(())
}

fn state(word: u8) -> Vec<u8> {
    [[word].as_slice(), &ContentFacts::RULES.to_le_bytes()].concat()
}

fn is_due(kept: &[u8]) -> bool {
    !of_these_rules(kept).is_some_and(|kept| kept.is_sound())
}

fn of_these_rules(kept: &[u8]) -> Option<KeptFacts<'_>> {
    codec::read_facts(kept).filter(|kept| kept.rules() == ContentFacts::RULES)
}

fn staged_body(value: &[u8]) -> Option<&[u8]> {
    match codec::staged_parts(value)? {
        StagedParts::Entry { body, .. } => Some(body),
        _ => None,
    }
}

fn owned((upstream, name, content): (&str, &str, &str)) -> ContentKey {
    (upstream.to_owned(), name.to_owned(), content.to_owned())
}

/// The stored facts of the contents of one name in one upstream, in the order of versions.
pub(in crate::store) struct NameFacts(Peekable<RowRange>);

/// The encoded facts of the contents of one version: of its first content under `None`, and of later
/// contents under their digest.
pub(in crate::store) struct VersionFacts(Vec<(Option<Digest>, AccessGuard<'static, Bytes>)>);

impl NameFacts {
    /// Reads on to the facts of a version, which must be greater than the one before; those of later
    /// contents only if they are wanted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in crate::store) fn of_version(
        &mut self,
        version: &Version,
        wants_later: bool,
    ) -> Result<VersionFacts, StoreError> {
        let mut kept = Vec::new();
        let is_not_behind = |row: &<RowRange as Iterator>::Item| match row {
            Ok((key, _)) => codec::version_of(key.value().2) <= version.as_str(),
            Err(_) => true,
        };
        while let Some(row) = self.0.next_if(is_not_behind) {
            let (key, value) = row?;
            let content = key.value().2;
            let is_first = content == version.as_str();
            if is_first || (wants_later && codec::version_of(content) == version.as_str()) {
                kept.push((codec::content_of(content), value));
            }
        }
        Ok(VersionFacts(kept))
    }
}

impl VersionFacts {
    /// Returns the facts of one content, or computes them from the body if none of these rules are
    /// stored.
    fn of_content(
        &self,
        content: Option<Digest>,
        server: impl FnOnce() -> Result<Box<str>, StoreError>,
    ) -> Result<Option<ContentFacts>, StoreError> {
        let kept = self.0.iter().find(|(of, _)| *of == content);
        let kept = kept.and_then(|(_, value)| of_these_rules(value.value()));
        if let Some(KeptFacts::TooLarge { .. }) = kept {
            return Ok(None);
        }
        if let Some(facts) = kept.and_then(|encoded| encoded.decode()) {
            return Ok(Some(facts));
        }
        let facts = ContentFacts::of(&server()?);
        Ok(facts.encode().is_some().then_some(facts))
    }
}

impl Snapshot {
    /// Reads the stored facts of a name in an upstream. Their keys are adjacent, so one range covers them.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub(in crate::store) fn facts_of(
        &self,
        upstream: &str,
        name: &Name,
    ) -> Result<NameFacts, StoreError> {
        Ok(NameFacts(of_name(self.tables.facts()?, upstream, name)?.peekable()))
    }

    /// Returns the facts of the first content of an entry; `None` if they are too large to be kept, or
    /// the body to compute them from is damaged.
    pub(in crate::store) fn first_facts(
        &self,
        stored: impl Fn() -> StoredHead,
        facts: &VersionFacts,
    ) -> Result<Option<ContentFacts>, StoreError> {
        match facts.of_content(None, || Ok(self.entry(&stored())?.server)) {
            Err(StoreError::Damaged(_)) => Ok(None),
            facts => facts,
        }
    }

    /// Returns the heads of the contents that upstream sent after the first one, with facts for the
    /// pinned one; the current content comes last.
    pub(in crate::store) fn later_contents(
        &self,
        stored: &StoredHead,
        pin: Option<Digest>,
        facts: &VersionFacts,
    ) -> Result<Rows<'_, ContentHead>, StoreError> {
        let (upstream, name, version) = stored.key();
        let end = after_contents(version);
        let range = (upstream, name, version)..(upstream, name, end.as_str());
        let mut contents = Vec::new();
        for row in self.tables.rewritten()?.range(range)? {
            let (key, value) = row?;
            contents.push(self.content_head(key.value(), value.value(), pin, facts));
        }
        let now = stored.head.sent;
        contents.sort_by_key(|content| {
            content.as_ref().map_or((false, Timestamp::MIN), |content| {
                (content.head.sent == now, content.head.first_seen)
            })
        });
        Ok(Rows::new(contents.into_iter()))
    }

    fn content_head(
        &self,
        key: (&str, &str, &str),
        value: &[u8],
        pin: Option<Digest>,
        facts: &VersionFacts,
    ) -> Result<ContentHead, StoreError> {
        let damaged = || StoreError::damaged("other content", format!("{}@{}", key.1, key.2));
        let Some(StagedParts::Entry { head, body }) = codec::staged_parts(value) else {
            return Err(damaged());
        };
        let head = codec::read_head(head).ok_or_else(damaged)?;
        if pin != Some(head.received) {
            return Ok(ContentHead { head, facts: None });
        }
        let server = || Ok(self.unpackers.unpack(body).ok_or_else(damaged)?.0);
        Ok(ContentHead { head, facts: facts.of_content(codec::content_of(key.2), server)? })
    }

    /// Returns true if the facts of every content are stored.
    pub fn has_all_facts(&self) -> Result<bool, StoreError> {
        let found = self.tables.meta()?.get(FACTS_KEY)?;
        Ok(found.is_some_and(|found| found.value() == state(COMPLETE)))
    }
}
