//! Decides about published content that upstream sends again with other bytes.
//!
//! Published content does not change: the content received first stays, other contents are kept
//! beside it, and only status and update time are taken from the sent row. A purged entry is still
//! the same entry when it comes back: content that differs from before is flagged.
//!
//! A row that arrives deleted before any content of its key was received is a tombstone and no content. A deleted row
//! with the stub of another registry of this kind changes only the status of stored content.

use crate::model::{Digest, Head, Status, Timestamp};

/// Contents of one entry that are kept beside the first.
pub(super) const MAX_CONTENTS: usize = 32;
/// The digest of bytes that were never received: the next bytes always differ from it.
const NEVER_SENT: Digest = Digest::from_bytes([0; 32]);

/// The moment at which content is accepted that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstAcceptance {
    pub at: Timestamp,
    /// True until a full sync of the upstream was accepted.
    pub initial: bool,
}

/// An entry as upstream sends it now, and what the store has under its key.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub sent: Head,
    pub stored: Option<Head>,
    /// The head that was purged under this key.
    pub purged: Option<Head>,
    /// True if the `server` bytes equal the stored ones, or the stored ones are not readable.
    pub same_content: bool,
    /// True if the content is the stub with which a registry such as this one marks an entry as deleted.
    pub is_stub: bool,
    pub accepted: FirstAcceptance,
}

/// The change to write for an arriving entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// The first content stays; the sent one goes beside it.
    KeepFirst { head: Head },
    /// The first content stays, and is deleted; the stub is not kept.
    Delete { head: Head },
    /// The sent content is stored.
    Store {
        head: Head,
        forget_purged: bool,
        /// True if it is the first content under its key.
        is_new: bool,
    },
    /// The purged content is back; the content that replaced it goes beside it with its head: a
    /// reviewer may have pinned it.
    Restore { head: Head, displaced: Head },
}

/// Decides about an entry that arrives. Dates and first sight belong to a content: they are kept where the same
/// content was accepted before, and never pass to another one.
#[must_use]
pub fn rewrite(arrival: &Arrival) -> Rewrite {
    let status_since = status_since(arrival);
    let arrival = &Arrival { sent: Head { status_since, ..arrival.sent }, ..*arrival };
    let Arrival { sent, stored, purged, same_content, is_stub, .. } = *arrival;
    let returning = purged.filter(|purged| purged.received == sent.received);
    // A tombstone that was met first is no content: what comes later is the first.
    let Some(stored) = stored.filter(|stored| !stored.contentless) else {
        return first(arrival, returning);
    };
    if let Some(purged) = returning.filter(|_| stored.replaced) {
        let head = Head { rewritten: true, ..dated(sent, purged) };
        return Rewrite::Restore { head, displaced: stored };
    }
    let Head { status, updated_at, status_since, .. } = sent;
    let marked =
        Head { status, updated_at, status_since, sent: sent.sent, missing: false, ..stored };
    if same_content {
        let Head { rewritten, replaced, .. } = stored;
        let head = Head { rewritten, replaced, ..dated(sent, stored) };
        Rewrite::Store { head, forget_purged: returning.is_some(), is_new: false }
    } else if is_stub && status == Status::Deleted {
        Rewrite::Delete { head: marked }
    } else {
        Rewrite::KeepFirst { head: Head { rewritten: true, ..marked } }
    }
}

/// Returns the time at which the status of an arriving entry was first received after another one. The clock is ours: an
/// upstream could state any time.
fn status_since(arrival: &Arrival) -> Option<Timestamp> {
    let Arrival { sent, stored, purged, accepted, .. } = arrival;
    let purged = purged.filter(|purged| purged.received == sent.received);
    // A tombstone that was met first says nothing of this content.
    let before = stored.filter(|stored| !stored.contentless).or(purged);
    match before {
        Some(before) if before.status == sent.status => before.status_since,
        None if sent.status != Status::Deprecated => None,
        _ => Some(accepted.at),
    }
}

/// Decides about an entry of which no content is stored.
fn first(arrival: &Arrival, returning: Option<Head>) -> Rewrite {
    let Arrival { sent, purged, accepted, .. } = *arrival;
    let seen = Head { initial: accepted.initial, first_seen: accepted.at, ..sent };
    if sent.status == Status::Deleted {
        let head = Head { contentless: true, ..seen };
        return Rewrite::Store { head, forget_purged: false, is_new: false };
    }
    if let Some(purged) = returning {
        // A purge does not undo what happened to the content before.
        let head = Head { rewritten: purged.is_rewritten(), ..dated(sent, purged) };
        Rewrite::Store { head, forget_purged: true, is_new: false }
    } else {
        let head = Head { replaced: purged.is_some(), ..seen };
        Rewrite::Store { head, forget_purged: false, is_new: purged.is_none() }
    }
}

/// Returns the head of content that was accepted before, with the dates that it had then.
fn dated(sent: Head, before: Head) -> Head {
    let Head { initial, published_at, first_seen, .. } = before;
    Head { initial, published_at, first_seen, ..sent }
}

/// The place of a content beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Time of its first arrival: an earlier review cannot have seen it.
    pub first_seen: Timestamp,
    /// The content to evict at the limit: the newest one.
    pub makes_room: Option<Digest>,
}

/// Places a content among the known ones, each with the time it was first seen.
#[must_use]
pub fn place(known: &[(Digest, Timestamp)], content: Digest, now: Timestamp) -> Placement {
    if let Some((_, first_seen)) = known.iter().find(|(digest, _)| *digest == content) {
        return Placement { first_seen: *first_seen, makes_room: None };
    }
    let newest = known.iter().max_by_key(|(_, first_seen)| *first_seen);
    let newest = newest.filter(|_| known.len() >= MAX_CONTENTS);
    Placement { first_seen: now, makes_room: newest.map(|(digest, _)| *digest) }
}

/// Marks an entry as deleted by a row that is not a valid entry. The next bytes of the entry count as changed.
#[must_use]
pub fn deleted(stored: Head) -> Head {
    Head { status: Status::Deleted, sent: NEVER_SENT, ..stored }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: FirstAcceptance =
        FirstAcceptance { at: Timestamp::from_micros(20), initial: false };

    /// Returns a head with content `content`, published and first seen at `at`.
    fn head(content: u8, at: i64) -> Head {
        Head {
            status: Status::Active,
            missing: false,
            rewritten: false,
            replaced: false,
            contentless: false,
            status_since: None,
            initial: false,
            published_at: Timestamp::from_micros(at),
            updated_at: Timestamp::from_micros(at),
            first_seen: Timestamp::from_micros(at),
            received: Digest::from_bytes([content; 32]),
            sent: Digest::from_bytes([content + 100; 32]),
        }
    }

    /// Returns `sent` as content that is accepted now.
    fn new(sent: Head) -> Head {
        Head { first_seen: ACCEPTED.at, ..sent }
    }

    fn decide(sent: Head, stored: Option<Head>, purged: Option<Head>, is_stub: bool) -> Rewrite {
        let same_content = stored.is_some_and(|stored| stored.received == sent.received);
        rewrite(&Arrival { sent, stored, purged, same_content, is_stub, accepted: ACCEPTED })
    }

    fn store(head: Head, forget_purged: bool, is_new: bool) -> Rewrite {
        Rewrite::Store { head, forget_purged, is_new }
    }

    #[test]
    fn arrival_is_kept_stored_or_restored_by_its_content() {
        let status_since = Some(ACCEPTED.at);
        let sent = Head { status: Status::Deprecated, status_since, ..head(1, 9) };
        let missing = Head { missing: true, initial: true, ..head(1, 5) };
        let rewritten = Head { rewritten: true, ..head(1, 5) };
        let replaced = Head { replaced: true, ..head(2, 7) };
        let other = Head { missing: true, ..head(2, 5) };
        let marked = |stored: Head| {
            let Head { status, updated_at, status_since, sent, .. } = sent;
            Head {
                status,
                updated_at,
                status_since,
                sent,
                missing: false,
                rewritten: true,
                ..stored
            }
        };
        let cases = [
            ("a new entry", None, None, store(new(sent), false, true)),
            (
                "the stored content",
                Some(missing),
                None,
                store(Head { initial: true, ..dated(sent, missing) }, false, false),
            ),
            (
                "the first content of a rewritten entry",
                Some(rewritten),
                None,
                store(Head { rewritten: true, ..dated(sent, rewritten) }, false, false),
            ),
            ("other content", Some(other), None, Rewrite::KeepFirst { head: marked(other) }),
            (
                "the purged content",
                None,
                Some(head(1, 2)),
                store(dated(sent, head(1, 2)), true, false),
            ),
            (
                "purged content that was rewritten before",
                None,
                Some(Head { rewritten: true, ..head(1, 2) }),
                store(Head { rewritten: true, ..dated(sent, head(1, 2)) }, true, false),
            ),
            (
                "other content than the purged one",
                None,
                Some(head(3, 2)),
                store(Head { replaced: true, ..new(sent) }, false, false),
            ),
            (
                "what replaced the purged content, again",
                Some(Head { replaced: true, ..head(1, 7) }),
                Some(head(3, 2)),
                store(Head { replaced: true, ..dated(sent, head(1, 7)) }, false, false),
            ),
            (
                "the purged content after another one",
                Some(replaced),
                Some(head(1, 2)),
                Rewrite::Restore {
                    head: Head { rewritten: true, ..dated(sent, head(1, 2)) },
                    displaced: replaced,
                },
            ),
            (
                "a third content after the purged and another one",
                Some(replaced),
                Some(head(3, 2)),
                Rewrite::KeepFirst { head: marked(replaced) },
            ),
        ];
        for (name, stored, purged, expected) in cases {
            assert_eq!(decide(sent, stored, purged, false), expected, "{name}");
        }
    }

    #[rstest::rstest]
    #[case(None, Some(20))]
    #[case(Some((Status::Active, None)), Some(20))]
    #[case(Some((Status::Deprecated, Some(7))), Some(7))]
    #[case(Some((Status::Deprecated, None)), Some(5))]
    #[case(Some((Status::Deleted, None)), Some(20))]
    fn deprecation_counts_from_its_first_arrival(
        #[case] before: Option<(Status, Option<i64>)>,
        #[case] wanted: Option<i64>,
    ) {
        let stored = before.map(|(status, at)| {
            let status_since = at.map(Timestamp::from_micros);
            Head { status, status_since, ..head(1, 5) }
        });
        let sent = Head { status: Status::Deprecated, ..head(1, 9) };
        let decided = |sent| match decide(sent, stored, None, false) {
            Rewrite::Store { head, .. } | Rewrite::KeepFirst { head } => head.deprecated_since(),
            other => panic!("{other:?}"),
        };
        assert_eq!(decided(sent), wanted.map(Timestamp::from_micros));
        let other_content = Head { received: Digest::from_bytes([9; 32]), ..sent };
        assert_eq!(decided(other_content), wanted.map(Timestamp::from_micros));
        assert_eq!(decided(Head { status: Status::Active, ..sent }), None, "it is active again");
    }

    #[test]
    fn tombstone_met_first_gives_no_content_its_dates() {
        let deleted = Head { status: Status::Deleted, ..head(1, 3) };
        let tombstone = Head { contentless: true, ..new(deleted) };
        assert_eq!(decide(deleted, None, None, true), store(tombstone, false, false));
        let again = Head { status: Status::Deleted, ..head(4, 4) };
        let expected = Head { contentless: true, ..new(again) };
        assert_eq!(decide(again, Some(tombstone), None, false), store(expected, false, false));
        for sent in [head(1, 9), head(2, 9)] {
            let expected = store(new(sent), false, true);
            assert_eq!(decide(sent, Some(tombstone), None, false), expected, "it is the first");
        }
        let purged = Some(head(2, 2));
        let expected = store(dated(head(2, 9), head(2, 2)), true, false);
        assert_eq!(decide(head(2, 9), Some(tombstone), purged, false), expected, "purged before");
    }

    #[test]
    fn only_the_stub_of_a_deletion_changes_no_content() {
        let stored = head(1, 5);
        let stub = Head { status: Status::Deleted, ..head(2, 9) };
        let deleted = Head {
            status: Status::Deleted,
            status_since: Some(ACCEPTED.at),
            updated_at: stub.updated_at,
            sent: stub.sent,
            ..stored
        };
        let kept = Head { rewritten: true, ..deleted };
        assert_eq!(decide(stub, Some(stored), None, true), Rewrite::Delete { head: deleted });
        let other = decide(stub, Some(stored), None, false);
        assert_eq!(other, Rewrite::KeepFirst { head: kept }, "other content of a deletion");
        let alive = decide(head(2, 9), Some(stored), None, true);
        assert!(matches!(alive, Rewrite::KeepFirst { .. }), "the stub without a deletion");
        let back = decide(head(1, 12), Some(deleted), None, false);
        let status_since = Some(ACCEPTED.at);
        let again = Head { status_since, ..dated(head(1, 12), stored) };
        assert_eq!(back, store(again, false, false));
    }

    #[test]
    fn content_of_the_first_full_sync_counts_by_its_own_date() {
        let at = Timestamp::from_micros;
        let later = Head { first_seen: at(20), ..head(1, 9) };
        assert_eq!(later.counts_from(), at(20));
        assert_eq!(Head { initial: true, ..later }.counts_from(), at(9));
        assert_eq!(Head { published_at: at(30), ..later }.counts_from(), at(30));
    }

    #[test]
    fn known_content_keeps_its_first_seen_time_and_new_content_evicts_the_newest_at_the_limit() {
        let digest = |n: usize| Digest::from_bytes([u8::try_from(n).unwrap_or(u8::MAX); 32]);
        let at = |n: usize| Timestamp::from_micros(i64::try_from(n).unwrap_or(i64::MAX));
        let known: Vec<(Digest, Timestamp)> =
            (0..MAX_CONTENTS).map(|n| (digest(n), at(100 - n))).collect();
        let now = at(900);
        let room = Placement { first_seen: now, makes_room: None };
        assert_eq!(place(&[], digest(99), now), room);
        assert_eq!(place(&known[1..], digest(99), now), room);
        assert_eq!(
            place(&known, digest(3), now),
            Placement { first_seen: at(97), makes_room: None }
        );
        assert_eq!(
            place(&known, digest(99), now),
            Placement { first_seen: now, makes_room: Some(digest(0)) }
        );
    }

    #[test]
    fn deleted_entry_keeps_its_content_and_treats_the_next_bytes_as_changed() {
        let deleted = deleted(head(1, 5));
        assert_eq!((deleted.status, deleted.sent), (Status::Deleted, NEVER_SENT));
        assert_eq!(Head { status: Status::Active, sent: head(1, 5).sent, ..deleted }, head(1, 5));
    }
}
