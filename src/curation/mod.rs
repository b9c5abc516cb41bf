//! Decides whether an entry is served, and why.
//!
//! [`evaluate`] is the only place where gates run: a [`Dossier`] (everything known about one
//! name), a [`PolicySnapshot`], a [`Screening`] and `now` in, an [`Evaluation`] out. It says when
//! time alone would change its answer, and keeps every gate's evidence as data that borrows; prose
//! is made when it is shown. Publication, `list`, `explain` and alerts about single names read the
//! same value.
//!
//! Nothing is read and nothing is kept here. The store builds dossiers, one read transaction each;
//! the daemon keeps the other two as watched values. What gates need of a content is computed
//! once, as [`ContentFacts`], when the content is stored or soon after, and again when the rules
//! that compute it change.

mod authority;
mod dossier;
mod evaluation;
mod evidence;
mod explanation;
mod facts;
mod gates;
mod ownership;
mod policy;
mod requirement;
mod sanitize;
mod schema;
mod screening;
mod upstream;
mod view;

pub use authority::{Authorities, Authority};
pub use dossier::{ContentHead, Dossier, DossierRow, QuarantinedFacts, ViewRecord};
pub use evaluation::{EntryEvaluation, Evaluation, evaluate};
pub use evidence::Evidence;
pub use explanation::{Explanation, GateAnswer, NamespaceReport, VersionExplanation};
pub use facts::{ContentFacts, InputFacts, InputPlace, PackageFacts, RemoteFacts};
pub use gates::{Gate, Outcome};
pub use ownership::{Lack, OwnershipEvidence};
pub use policy::{PolicyDifference, PolicySnapshot};
pub use requirement::{Demands, OwnershipPolicy};
pub use sanitize::{Sanitized, claims_namespace};
pub use screening::{Compared, Screening, ScreeningMatch};
pub use upstream::UpstreamPolicy;
pub use view::{DEFAULT_VIEW, View};

#[cfg(test)]
pub(crate) mod tests;
