use std::fmt;

use super::conditions::Waived;
use super::requirement::Demanded;
use crate::model::Escaped;

/// The evidence of the gate `provenance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvenanceEvidence<'a> {
    /// Neither a rule nor the settings demand provenance of a package of the entry.
    NotDemanded,
    /// So many packages have what is demanded of them.
    Enough { packages: usize },
    /// A package does not have it, and a waiver covers that.
    Waived { first: Unproven<'a>, waived: Waived<'a> },
    /// There is no definite verdict, and a view shows the entry with this content: it stays.
    Kept { first: Unproven<'a>, more: usize },
    /// A package does not have it, and `more` others.
    Lacking { first: Unproven<'a>, more: usize },
}

/// A package without the provenance that is demanded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unproven<'a> {
    pub identifier: &'a str,
    pub demanded: Demanded<'a>,
    pub found: FoundProvenance,
}

/// The finding about a package that does not have what is demanded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundProvenance {
    Failed,
    Unsigned,
    /// The attestations of so many of the files that its registry lists were looked for, and they verify.
    Unchecked {
        checked: u64,
        files: u64,
    },
    /// Its registry states another digest of a file than before, and gave no definite answer about the attestations of the
    /// present one.
    Changed,
    /// No attestation can be checked: of its type, of something that floats, of something else that its runtime is given.
    Uncheckable,
    /// The settings list no registry that has it.
    NoRegistry,
    /// Its registry was not looked at yet.
    NotLooked,
    NoAnswer,
}

impl FoundProvenance {
    /// Returns true if it says something of the package.
    #[must_use]
    pub const fn is_definite(self) -> bool {
        match self {
            Self::Failed
            | Self::Unsigned
            | Self::Unchecked { .. }
            | Self::Changed
            | Self::Uncheckable => true,
            Self::NoRegistry | Self::NotLooked | Self::NoAnswer => false,
        }
    }
}

impl ProvenanceEvidence<'_> {
    /// Returns the word of this kind of evidence.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::NotDemanded => "provenance-not-demanded",
            Self::Enough { .. } => "provenance-enough",
            Self::Waived { .. } => "provenance-waived",
            Self::Kept { .. } => "provenance-kept",
            Self::Lacking { first, .. } => match first.found {
                FoundProvenance::Failed => "provenance-failed",
                FoundProvenance::Unsigned => "provenance-unsigned",
                FoundProvenance::Unchecked { .. } => "provenance-unchecked",
                FoundProvenance::Changed => "provenance-changed",
                FoundProvenance::Uncheckable => "provenance-uncheckable",
                FoundProvenance::NoRegistry
                | FoundProvenance::NotLooked
                | FoundProvenance::NoAnswer => "provenance-unavailable",
            },
        }
    }
}

impl fmt::Display for ProvenanceEvidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDemanded => f.write_str("no provenance is demanded of its packages"),
            Self::Enough { packages: 1 } => f.write_str("1 package has the demanded provenance"),
            Self::Enough { packages } => {
                write!(f, "{packages} packages have the demanded provenance")
            }
            Self::Waived { first, waived } => write!(f, "{first}; {waived}"),
            Self::Kept { first, more } => {
                write!(f, "{first}; what is served stays until there is a verdict")?;
                write_more(f, *more)
            }
            Self::Lacking { first, more } => {
                write!(f, "{first}")?;
                if !first.found.is_definite() {
                    f.write_str("; it is not shown before there is a verdict")?;
                }
                write_more(f, *more)
            }
        }
    }
}

fn write_more(f: &mut fmt::Formatter<'_>, more: usize) -> fmt::Result {
    if more == 0 { Ok(()) } else { write!(f, " (and {more} more)") }
}

impl fmt::Display for Unproven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identifier, demanded: Demanded { demand, rule }, found } = self;
        let demand = demand.as_str();
        match rule {
            Some(rule) => {
                let selector = rule.selector();
                write!(f, "`{}` at {}", Escaped(&selector), rule.place)?;
            }
            None => f.write_str("`[provenance]` in the settings")?,
        }
        write!(f, " demands `{demand}` of packages, and {} ", Escaped(identifier))?;
        f.write_str(match found {
            FoundProvenance::Unchecked { checked, files } => {
                return write!(f, "has {files} files, of which only {checked} were checked");
            }
            FoundProvenance::Failed => "failed",
            FoundProvenance::Unsigned => "is unsigned",
            FoundProvenance::Changed => "has another file than before, without a definite verdict",
            FoundProvenance::Uncheckable => {
                "is a package without attestations that could be checked"
            }
            FoundProvenance::NoRegistry => "is of no registry in `[packages]` or `[package_urls]`",
            FoundProvenance::NotLooked => "was not looked at yet",
            FoundProvenance::NoAnswer => "has no definite verdict",
        })
    }
}
