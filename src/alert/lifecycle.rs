use std::fmt;

use super::evidence::Evidence;

impl Evidence {
    /// Writes an item about a rule and the versions that it decides about.
    pub(super) fn write_lifecycle(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends { what, until, within_days: 1 } => {
                write!(f, "{what} ends at {until}, within 1 day")
            }
            Self::Ends { what, until, within_days } => {
                write!(f, "{what} ends at {until}, within {within_days} days")
            }
            Self::Ended { name, until } => write!(f, "{name} was served until it ended at {until}"),
            Self::StatusChanged { version, status } => {
                write!(f, "the upstream reports {version} as {status}")
            }
            Self::NotBenign { version, received, why, changes } => {
                write!(f, "{version} with the digest {received} waits for a review: {why}")?;
                if !changes.is_empty() {
                    write!(f, "; {}", changes.join("; "))?;
                }
                Ok(())
            }
            Self::NewerVersion { name, version, received } => {
                write!(f, "{name}@{version} with the digest {received} waits for a review")
            }
            Self::Renamed { from, to } => {
                write!(
                    f,
                    "{from} is gone; write `name: {to}` in the overlay if the rename is right"
                )
            }
            _ => Ok(()),
        }
    }
}
