//! What happens to published content that upstream sends again, otherwise.
//!
//! Published content does not change: what was first received stays, other contents are kept beside
//! it, and of the sent row only what upstream says of the entry's life is taken over. An entry that
//! was purged is still the same entry when it comes back: other content than before is flagged.

use crate::model::{Digest, Head, Instant, Status};

/// Contents of one entry that are kept beside the first.
pub(super) const MAX_CONTENTS: usize = 32;
/// The digest of bytes that were never received: whatever comes next is news.
pub const NEVER_SENT: Digest = Digest::from_bytes([0; 32]);

/// An entry as upstream sends it now, and what the store has under its key.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub sent: Head,
    pub stored: Option<Head>,
    /// The head that was purged under this key.
    pub purged: Option<Head>,
    /// Whether the `server` bytes are those that are stored, or these cannot be read any more.
    pub same_content: bool,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// The first content stays; the sent one goes beside it.
    KeepFirst { head: Head },
    /// The sent content is stored.
    Store { head: Head, forget_purged: bool },
    /// The purged content is back; what came instead of it, with its head, goes beside it: a reviewer
    /// may have pinned it.
    Restore { head: Head, displaced: Head },
}

/// Decides about an entry that arrives.
#[must_use]
pub fn rewrite(arrival: &Arrival) -> Rewrite {
    let Arrival { sent, stored, purged, same_content } = *arrival;
    let replaced = purged.is_some_and(|purged| purged.received != sent.received);
    // What a review could have seen is decided by the dates that were first received.
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

/// Where a content goes beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// When it came first stays with it: an earlier review cannot have seen it.
    pub first_seen: Instant,
    /// The content that makes room: of too many the one that came last.
    pub makes_room: Option<Digest>,
}

/// Places a content among those that are known, each with its first sight.
#[must_use]
pub fn place(known: &[(Digest, Instant)], content: Digest, now: Instant) -> Placement {
    if let Some((_, first_seen)) = known.iter().find(|(digest, _)| *digest == content) {
        return Placement { first_seen: *first_seen, makes_room: None };
    }
    let newest = known.iter().max_by_key(|(_, first_seen)| *first_seen);
    let newest = newest.filter(|_| known.len() >= MAX_CONTENTS);
    Placement { first_seen: now, makes_room: newest.map(|(digest, _)| *digest) }
}

/// Marks an entry as deleted by a row that is no entry itself, so that its next bytes are news.
#[must_use]
pub fn deleted(stored: Head) -> Head {
    Head { status: Status::Deleted, sent: NEVER_SENT, ..stored }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with content `content`, published and first seen at `at`.
    fn head(content: u8, at: i64) -> Head {
        Head {
            status: Status::Active,
            missing: false,
            rewritten: false,
            replaced: false,
            published_at: Instant::from_micros(at),
            updated_at: Instant::from_micros(at),
            first_seen: Instant::from_micros(at),
            received: Digest::from_bytes([content; 32]),
            sent: Digest::from_bytes([content + 100; 32]),
        }
    }

    /// `taken` with the dates that were first received.
    fn dated(taken: Head, first: i64) -> Head {
        let first = Instant::from_micros(first);
        Head { published_at: first, first_seen: first, ..taken }
    }

    #[test]
    fn every_arrival_has_its_outcome() {
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
    fn a_known_content_keeps_its_first_sight_and_a_new_one_evicts_the_newest_beyond_the_limit() {
        let digest = |n: usize| Digest::from_bytes([u8::try_from(n).unwrap_or(u8::MAX); 32]);
        let at = |n: usize| Instant::from_micros(i64::try_from(n).unwrap_or(i64::MAX));
        let known: Vec<(Digest, Instant)> =
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
    fn deleted_entry_keeps_its_content_and_takes_the_next_bytes_as_news() {
        let deleted = deleted(head(1, 5));
        assert_eq!((deleted.status, deleted.sent), (Status::Deleted, NEVER_SENT));
        assert_eq!(Head { status: Status::Active, sent: head(1, 5).sent, ..deleted }, head(1, 5));
    }
}
