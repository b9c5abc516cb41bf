use std::fmt;

use super::evidence::Evidence;

impl Evidence {
    /// Writes an item about a package of an entry.
    pub(super) fn write_package(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advisory { advisory, hides: true, about, .. } => {
                write!(f, "{advisory} hides it: it names {about}")
            }
            Self::Advisory { advisory, hides: false, about, .. } => {
                write!(f, "{advisory} concerns it: it names {about}")
            }
            Self::UnreadAdvisories { package } => write!(
                f,
                "{package}: more advisories than are read for one name, so the versions with it are hidden"
            ),
            Self::AdvisoryOnHold { advisory, digest } => {
                write!(f, "{advisory} with the digest {digest} is on hold")
            }
            Self::ArtefactChanged { package, file, before, now } => {
                write!(f, "{package}: {file} had {before}, and has {now} now")
            }
            Self::ProvenanceLost { package, change } => write!(f, "{package}: {change}"),
            Self::PackageUnconfirmed { package, attestations: true } => {
                write!(f, "{package}: no definite answer about its attestations")
            }
            Self::PackageUnconfirmed { package, attestations: false } => {
                write!(f, "{package}: no digest that can be compared")
            }
            _ => Ok(()),
        }
    }
}
