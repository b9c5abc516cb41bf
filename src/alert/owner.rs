use std::fmt;

use super::evidence::{Evidence, Revocation};
use super::key_set;

impl Evidence {
    /// Writes an item about the owner of a namespace.
    pub(super) fn write_ownership(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked { rule, about, found } => {
                let found = found.join(", ");
                match rule {
                    Revocation::KeyReplaced => {
                        write!(f, "the trusted key is gone; {about} shows {found}")
                    }
                    Revocation::AccountReplaced => {
                        write!(f, "{about} is the account {found} now, and another one is trusted")
                    }
                    Revocation::AccountTooYoung => {
                        write!(f, "the account {about} was created after this was published")
                    }
                }
            }
            Self::KeysUnknown { at, keys, pinned, invalid } => {
                key_set::write(f, at, keys, *pinned, invalid.as_ref())
            }
            Self::LossOnHold { namespace, since } => {
                write!(
                    f,
                    "{namespace} shows no evidence since {since}; with an acknowledgement of this alert it is revoked"
                )
            }
            Self::Namespace { namespace } => f.write_str(namespace),
            _ => Ok(()),
        }
    }
}
