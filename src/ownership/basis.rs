use std::collections::BTreeSet;
use std::fmt;

use super::absence::Negatives;
use super::account::Account;
use super::record::VerificationRecord;
use super::shown::Shown;
use super::txt::Key;
use super::verdict::{Pins, Verdict, Waiver};
use crate::model::Timestamp;

/// The evidence that a verdict on a namespace follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis<'h> {
    Waived(&'h Waiver),
    NeverChecked,
    NothingDefinite,
    /// The evidence that was shown is gone; and perhaps shown again since a time, and not yet confirmed.
    Gone {
        negatives: Negatives,
        again: Option<Timestamp>,
    },
    NeverShown,
    /// A place shows a trusted key, or showed it and does not at the moment.
    KeyShown {
        at: &'h str,
        missing: Option<Negatives>,
        /// True if the loss waits for a person.
        on_hold: bool,
        pinned: bool,
    },
    /// The trusted key is gone, and another key is there now.
    KeyReplaced {
        at: &'h str,
        keys: &'h BTreeSet<Key>,
    },
    /// A place shows only keys that are not trusted.
    KeysUnknown {
        at: &'h str,
        keys: &'h BTreeSet<Key>,
        pinned: bool,
    },
    /// An overlay pins keys, and none of them is shown.
    PinNotShown {
        at: &'h str,
        missing: Option<Negatives>,
    },
    AccountReplaced {
        account: &'h Account,
        before: u64,
        /// True if an overlay pins the other account.
        pinned: bool,
    },
    /// The account or key of before is there again, after another one was; or an account took a free login.
    ReplacedBefore,
    AccountKept(&'h Account),
    /// The account was created after the entry was published.
    AccountTooYoung {
        account: &'h Account,
        created: Timestamp,
    },
    /// The owner's repository contains the entry's own `server.json`.
    DeclaredByRepository,
}

impl Basis<'_> {
    /// Returns the verdict that follows.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Waived(_) => Verdict::Waived,
            Self::NeverChecked | Self::NothingDefinite => Verdict::Inconclusive,
            Self::Gone { .. }
            | Self::KeyReplaced { .. }
            | Self::AccountReplaced { .. }
            | Self::ReplacedBefore
            | Self::AccountTooYoung { .. } => Verdict::Revoked,
            Self::NeverShown | Self::KeysUnknown { .. } | Self::PinNotShown { .. } => {
                Verdict::Unverified
            }
            Self::KeyShown { .. } | Self::AccountKept(_) => Verdict::Verified,
            Self::DeclaredByRepository => Verdict::Declared,
        }
    }
}

impl fmt::Display for Basis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = |pinned: &bool| if *pinned { "pinned by an overlay" } else { "seen first" };
        match self {
            Self::Waived(Waiver { reviewer, reason }) => {
                write!(f, "{reviewer} waived verification: {reason}")
            }
            Self::NeverChecked => f.write_str("it was not checked yet"),
            Self::NothingDefinite => f.write_str("no lookup gave a definite answer so far"),
            Self::Gone { negatives: Negatives { count, first, .. }, again } => {
                write!(f, "the evidence is gone since {first}, in {count} lookups")?;
                again.as_ref().map_or(Ok(()), |again| {
                    write!(f, "; it is shown again since {again}, and a lookup an hour later ends the loss")
                })
            }
            Self::NeverShown => f.write_str("nothing is shown, and never was"),
            Self::KeyShown { at, missing: None, pinned, .. } => {
                write!(f, "{at} shows a key that was {}", origin(pinned))
            }
            Self::KeyShown { at, missing: Some(negatives), on_hold, pinned } => {
                let origin = origin(pinned);
                write!(
                    f,
                    "{at} shows no key {negatives}; before, it showed a key that was {origin}"
                )?;
                f.write_str(if *on_hold {
                    "; one of many losses, which wait for a person"
                } else {
                    ""
                })
            }
            Self::KeyReplaced { at, .. } => {
                write!(f, "the trusted key is gone, and {at} shows another key now")
            }
            Self::KeysUnknown { at, pinned: true, .. } => {
                write!(f, "suspended: {at} shows none of the keys that an overlay pins")
            }
            Self::KeysUnknown { at, pinned: false, .. } => write!(
                f,
                "suspended: {at} showed none of the keys that were seen first; a person has to pin or to acknowledge \
                 the keys that it shows now"
            ),
            Self::ReplacedBefore => f.write_str(
                "its owner is not the first, or another owner was there in between; only a pin in an overlay restores \
                 the verdict",
            ),
            Self::PinNotShown { missing: Some(negatives), at } => {
                write!(f, "an overlay pins keys, and {at} shows none {negatives}")
            }
            Self::PinNotShown { missing: None, .. } => {
                f.write_str("an overlay pins keys, and nothing is shown")
            }
            Self::AccountReplaced { account: Account { login, id, .. }, before, pinned: false } => {
                write!(f, "{login} is the account {id} now, and was {before}")
            }
            Self::AccountReplaced { account: Account { login, id, .. }, before, pinned: true } => {
                write!(f, "an overlay pins the account {before}, and {login} is the account {id}")
            }
            Self::AccountKept(Account { login, id, .. }) => {
                write!(f, "{login} is the account {id}, as when it was first seen or as an overlay pins it")
            }
            Self::AccountTooYoung { account, created } => {
                write!(
                    f,
                    "the account {} was created {created}, after the entry was published",
                    account.id
                )
            }
            Self::DeclaredByRepository => {
                f.write_str("its owner's repository contains its own server.json")
            }
        }
    }
}

impl VerificationRecord {
    /// Returns the evidence that the verdict follows from, under these pins.
    #[must_use]
    pub fn basis<'h>(&'h self, pins: &'h Pins) -> Basis<'h> {
        if let Some(waiver) = &pins.waived {
            return Basis::Waived(waiver);
        }
        if self.concluded_at.is_none() {
            return if self.checked_at.is_none() {
                Basis::NeverChecked
            } else {
                Basis::NothingDefinite
            };
        }
        let is_pinned_again = self.returned_at.is_some() && !pins.keys.is_empty();
        if let Some(negatives) = self.negatives.filter(|_| self.is_gone() && !is_pinned_again) {
            return Basis::Gone { negatives, again: self.returned_at };
        }
        match &self.shown {
            None if !pins.keys.is_empty() => Basis::PinNotShown { at: "", missing: None },
            None => Basis::NeverShown,
            Some(Shown::Keys { at, keys, .. }) => {
                let pinned = !pins.keys.is_empty();
                let trusted = if pinned { &pins.keys } else { &self.pinned_keys };
                let is_shown = self.here().is_some_and(|here| !here.is_disjoint(trusted));
                match (pinned, is_shown) {
                    (false, true) if self.lost => Basis::ReplacedBefore,
                    (false, false) if self.lost => Basis::KeyReplaced { at, keys },
                    (false, true) if self.suspended => Basis::KeysUnknown { at, keys, pinned },
                    // A pin binds: the key has to be there.
                    (true, true) if self.negatives.is_some() && !is_pinned_again => {
                        Basis::PinNotShown { at, missing: self.negatives }
                    }
                    (_, true) => {
                        let (missing, on_hold) = (self.negatives, self.on_hold);
                        Basis::KeyShown { at, missing, on_hold, pinned }
                    }
                    (_, false) => Basis::KeysUnknown { at, keys, pinned },
                }
            }
            Some(Shown::Account(account)) => match pins.github.or(self.pinned_account) {
                Some(before) if before != account.id => {
                    Basis::AccountReplaced { account, before, pinned: pins.github.is_some() }
                }
                _ if self.lost && pins.github.is_none() => Basis::ReplacedBefore,
                _ => Basis::AccountKept(account),
            },
        }
    }

    /// Returns the verdict under these pins, and its reason.
    #[must_use]
    pub fn verdict(&self, pins: &Pins) -> (Verdict, String) {
        let basis = self.basis(pins);
        (basis.verdict(), basis.to_string())
    }
}
