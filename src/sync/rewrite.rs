//! Decides about published content that upstream sends again with other bytes.
//!
//! Published content does not change: the content received first stays, other contents are kept
//! beside it, and only status and update time are taken from the sent row. A purged entry is still
//! the same entry when it comes back: content that differs from before is flagged.

use crate::model::{Digest, Head, Status, Timestamp};

/// Contents of one entry that are kept beside the first.
pub(super) const MAX_CONTENTS: usize = 32;
/// The digest of bytes that were never received: the next bytes always differ from it.
pub const NEVER_SENT: Digest = Digest::from_bytes([0; 32]);

/// An entry as upstream sends it now, and what the store has under its key.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub sent: Head,
    pub stored: Option<Head>,
    /// The head that was purged under this key.
    pub purged: Option<Head>,
    /// True if the `server` bytes equal the stored ones, or the stored ones are not readable.
    pub same_content: bool,
}

/// The change to write for an arriving entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// The first content stays; the sent one goes beside it.
    KeepFirst { head: Head },
    /// The sent content is stored.
    Store { head: Head, forget_purged: bool },
    /// The purged content is back; the content that replaced it goes beside it with its head: a
    /// reviewer may have pinned it.
    Restore { head: Head, displaced: Head },
}

/// Decides about an entry that arrives.
#[must_use]
pub fn rewrite(arrival: &Arrival) -> Rewrite {
    let Arrival { sent, stored, purged, same_content } = *arrival;
    let replaced = purged.is_some_and(|purged| purged.received != sent.received);
    // The dates received first decide which content a review can have seen.
    let Head { published_at, first_seen, .. } = purged.or(stored).unwrap_or(sent);
    let taken = Head { replaced, published_at, first_seen, ..sent };
    let forget_purged = purged.is_some() && !replaced;
    match stored {
        Some(stored) if stored.replaced && forget_purged => {
            Rewrite::Restore { head: Head { rewritten: true, ..taken }, displaced: stored }
        }
        Some(stored) if !same_content => {
            let Head { status, updated_at, sent, .. } = sent;
            let head = Head { status, updated_at, sent, missing: false, rewritten: true, ..stored };
            Rewrite::KeepFirst { head }
        }
        _ => {
            let rewritten = stored.is_some_and(|stored| stored.rewritten);
            Rewrite::Store { head: Head { rewritten, ..taken }, forget_purged }
        }
    }
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

    /// Returns a head with content `content`, published and first seen at `at`.
    fn head(content: u8, at: i64) -> Head {
        Head {
            status: Status::Active,
            missing: false,
            rewritten: false,
            replaced: false,
            published_at: Timestamp::from_micros(at),
            updated_at: Timestamp::from_micros(at),
            first_seen: Timestamp::from_micros(at),
            received: Digest::from_bytes([content; 32]),
            sent: Digest::from_bytes([content + 100; 32]),
        }
    }

    /// Returns `taken` with the dates received first.
    fn dated(taken: Head, first: i64) -> Head {
        let first = Timestamp::from_micros(first);
        Head { published_at: first, first_seen: first, ..taken }
    }

    #[test]
    fn arrival_is_kept_stored_or_restored_by_its_content() {
        let sent = Head { status: Status::Deprecated, ..head(1, 9) };
        let missing = Head { missing: true, ..head(1, 5) };
        let rewritten = Head { rewritten: true, ..head(1, 5) };
        let replaced = Head { replaced: true, ..head(2, 7) };
        let other = Head { missing: true, ..head(2, 5) };
        let kept = Head {
            status: Status::Deprecated,
            updated_at: sent.updated_at,
            sent: sent.sent,
            missing: false,
            rewritten: true,
            ..other
        };
        let store = |head, forget_purged| Rewrite::Store { head, forget_purged };
        let cases = [
            ("a new entry", None, None, false, store(sent, false)),
            ("the stored content", Some(missing), None, true, store(dated(sent, 5), false)),
            (
                "the first content of a rewritten entry",
                Some(rewritten),
                None,
                true,
                store(Head { rewritten: true, ..dated(sent, 5) }, false),
            ),
            ("other content", Some(other), None, false, Rewrite::KeepFirst { head: kept }),
            ("the purged content", None, Some(head(1, 2)), false, store(dated(sent, 2), true)),
            (
                "other content than the purged one",
                None,
                Some(head(3, 2)),
                false,
                store(Head { replaced: true, ..dated(sent, 2) }, false),
            ),
            (
                "what replaced the purged content, again",
                Some(Head { replaced: true, ..head(1, 7) }),
                Some(head(3, 2)),
                true,
                store(Head { replaced: true, ..dated(sent, 2) }, false),
            ),
            (
                "the purged content after another one",
                Some(replaced),
                Some(head(1, 2)),
                false,
                Rewrite::Restore {
                    head: Head { rewritten: true, ..dated(sent, 2) },
                    displaced: replaced,
                },
            ),
            (
                "a third content after the purged and another one",
                Some(replaced),
                Some(head(3, 2)),
                false,
                Rewrite::KeepFirst {
                    head: Head {
                        status: Status::Deprecated,
                        updated_at: sent.updated_at,
                        sent: sent.sent,
                        rewritten: true,
                        ..replaced
                    },
                },
            ),
        ];
        for (name, stored, purged, same_content, expected) in cases {
            let found = rewrite(&Arrival { sent, stored, purged, same_content });
            assert_eq!(found, expected, "{name}");
        }
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
