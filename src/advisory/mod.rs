//! Advisories about what servers run: read, compared with packages, and judged.
//!
//! An [`Advisory`] is the compact form of one document of the Open Source Vulnerability format (OSV), of a feed or of
//! the organisation itself. [`read_osv`] reads a document of a feed, within bounds; [`read_own`] reads the files of the
//! organisation, which say more: an action, and servers, hosts and repositories besides packages.
//!
//! # Comparing
//! A package is compared in the normal form of its ecosystem. Enumerated versions come first; ranges follow where the
//! ecosystem has a rule here ([`Ecosystem::has_order`]), and elsewhere only if they name every version. A package that
//! states no exact version is *possibly* affected, unless every version is.
//!
//! # Effect
//! An advisory [hides](Effect::Hide) what it certainly affects if its id begins with `MAL-` and it names exact versions
//! or one package, or if the organisation says so. Every other one only alerts. A withdrawn advisory affects nothing.
//! An own advisory that alone would hide much of what is served waits for a person: [`must_hold`].
//!
//! # Absent on purpose
//! No score of CVSS 4, which needs a table of 270 vectors: such an advisory states its severity in a word, or has none.

mod comparable;
mod cvss;
mod document;
mod ecosystem;
mod feed;
mod fields;
mod found;
mod hold;
mod own;
mod range;
mod raw;
mod record;

pub use document::{MAX_BYTES, Unreadable, read_osv};
pub use ecosystem::{Ecosystem, EcosystemPackage};
pub use feed::{FeedFailure, FeedState, MAX_PER_PACKAGE, Unread, is_shrunk};
pub use fields::file_format;
pub use found::{FeedAdvisory, FoundAdvisories};
pub use hold::{EarlierText, Hold, Release, ReleaseRequest, must_hold};
pub use own::{Action, OwnAdvisories, OwnAdvisory, read_own};
pub use range::{Event, Range};
pub use record::{Advisory, Affected, Effect, Match, Severity, is_malicious};

#[cfg(test)]
mod tests;
