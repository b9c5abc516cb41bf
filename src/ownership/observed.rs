use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::basis::Basis;
use super::record::VerificationRecord;
use super::shown::Shown;
use super::txt::Key;
use super::verdict::{Pins, Verdict, Waiver};
use crate::model::Digest;

/// The verdict on a namespace and what it rests on, as data of a fixed form, without the times of lookups and without
/// wording: two records with equal facts show a person the same owner.
#[derive(Debug, PartialEq, Serialize)]
pub struct OwnershipFacts<'r> {
    verdict: Verdict,
    /// The reviewer and the reason of a waiver.
    waived: Option<(&'r str, &'r str)>,
    shown: Option<&'r Shown>,
    pinned_keys: &'r BTreeSet<Key>,
    pinned_account: Option<u64>,
    places: &'r BTreeMap<String, BTreeSet<Key>>,
    /// The records that are not valid.
    unread: &'r BTreeSet<Digest>,
    flags: Flags,
}

/// The flags of a record.
#[derive(Debug, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the record")]
struct Flags {
    /// The last definite lookups did not show the evidence.
    missing: bool,
    gone: bool,
    on_hold: bool,
    lost: bool,
    suspended: bool,
    /// Another set of keys is shown than a person accepted.
    keys_changed: bool,
}

impl VerificationRecord {
    /// Returns what the record shows of the owner; deliberately no time of a lookup.
    #[must_use]
    pub fn facts<'r>(&'r self, pins: &'r Pins) -> OwnershipFacts<'r> {
        let basis = self.basis(pins);
        OwnershipFacts {
            verdict: basis.verdict(),
            waived: match basis {
                Basis::Waived(Waiver { reason, reviewer }) => Some((reviewer, reason)),
                _ => None,
            },
            shown: self.shown.as_ref(),
            pinned_keys: &self.pinned_keys,
            pinned_account: self.pinned_account,
            places: &self.places,
            unread: &self.unread,
            flags: Flags {
                missing: self.negatives.is_some(),
                gone: self.is_gone(),
                on_hold: self.on_hold,
                lost: self.lost,
                suspended: self.suspended,
                keys_changed: self.open_change(pins).is_some(),
            },
        }
    }
}
