use std::collections::BTreeSet;
use std::fmt;

use super::account::Account;
use super::holding::{Holding, Negatives, Shown};
use super::txt::Key;
use super::verdict::{Pins, Verdict, Waiver};
use crate::model::Instant;

/// What a verdict on a namespace follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis<'h> {
    Waived(&'h Waiver),
    NeverChecked,
    NothingDefinite,
    /// What was shown is gone.
    Gone(Negatives),
    NeverShown,
    /// A place shows a trusted key, or showed it and does not for the moment.
    KeyShown {
        at: &'h str,
        missing: Option<Negatives>,
        pinned: bool,
    },
    /// What was trusted is gone, and another key stands there now.
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
    AccountReplaced {
        account: &'h Account,
        before: u64,
    },
    AccountKept(&'h Account),
    /// The account came after what was published.
    AccountTooYoung {
        account: &'h Account,
        created: Instant,
    },
    /// The owner's repository holds the entry's own `server.json`.
    DeclaredByRepository,
}

impl Basis<'_> {
    /// The verdict that follows.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Waived(_) => Verdict::Waived,
            Self::NeverChecked | Self::NothingDefinite => Verdict::Inconclusive,
            Self::Gone(_)
            | Self::KeyReplaced { .. }
            | Self::AccountReplaced { .. }
            | Self::AccountTooYoung { .. } => Verdict::Refuted,
            Self::NeverShown | Self::KeysUnknown { .. } => Verdict::None,
            Self::KeyShown { .. } | Self::AccountKept(_) => Verdict::Held,
            Self::DeclaredByRepository => Verdict::Declared,
        }
    }
}

impl fmt::Display for Basis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |pinned: &bool| if *pinned { "pinned by an overlay" } else { "seen first" };
        match self {
            Self::Waived(Waiver { reviewer, reason }) => {
                write!(f, "{reviewer} does without a proof: {reason}")
            }
            Self::NeverChecked => f.write_str("it was not checked yet"),
            Self::NothingDefinite => f.write_str("nothing definite was seen so far"),
            Self::Gone(Negatives { count, first, .. }) => {
                write!(f, "what was shown is gone since {first}, in {count} looks")
            }
            Self::NeverShown => f.write_str("nothing is shown, and never was"),
            Self::KeyShown { at, missing: None, pinned } => {
                write!(f, "{at} shows a key that was {}", whose(pinned))
            }
            Self::KeyShown { at, missing: Some(negatives), pinned } => {
                let whose = whose(pinned);
                write!(f, "{at} is not seen to show {negatives}, and showed a key that was {whose}")
            }
            Self::KeyReplaced { at, .. } => {
                write!(f, "what was shown is gone, and {at} shows another's key now")
            }
            Self::KeysUnknown { at, pinned, .. } => write!(
                f,
                "suspended: {at} shows none of the keys that were {}; an overlay may pin the new ones",
                whose(pinned)
            ),
            Self::AccountReplaced { account: Account { login, id, .. }, before } => {
                write!(f, "{login} is the account {id} now, and was {before}")
            }
            Self::AccountKept(Account { login, id, .. }) => {
                write!(f, "{login} is the account {id}, as when it was pinned")
            }
            Self::AccountTooYoung { account, created } => {
                write!(
                    f,
                    "the account {} was created {created}, after this was published",
                    account.id
                )
            }
            Self::DeclaredByRepository => {
                f.write_str("its owner's repository holds its own server.json")
            }
        }
    }
}

impl Holding {
    /// What the verdict follows from, with the pins that are in force.
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
        if let Some(negatives) = self.negatives.filter(|_| self.is_gone()) {
            return Basis::Gone(negatives);
        }
        match &self.shown {
            None => Basis::NeverShown,
            Some(Shown::Keys { at, keys, .. }) => {
                let pinned = !pins.keys.is_empty();
                if !keys.is_disjoint(self.trusted(pins)) {
                    Basis::KeyShown { at, missing: self.negatives, pinned }
                } else if self.lost {
                    Basis::KeyReplaced { at, keys }
                } else {
                    Basis::KeysUnknown { at, keys, pinned }
                }
            }
            Some(Shown::Account(account)) => match pins.github.or(self.pinned_account) {
                Some(before) if before != account.id => Basis::AccountReplaced { account, before },
                _ => Basis::AccountKept(account),
            },
        }
    }

    /// What follows, with the pins that are in force; and in words why.
    #[must_use]
    pub fn verdict(&self, pins: &Pins) -> (Verdict, String) {
        let basis = self.basis(pins);
        (basis.verdict(), basis.to_string())
    }
}
