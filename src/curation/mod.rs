//! Decides whether an entry is served, and why.
//!
//! [`evaluate`] is the only place where gates run. It takes a [`Dossier`] (everything known about
//! one name), a [`PolicySnapshot`], a [`Screening`] and `now`, and returns an [`Evaluation`]. The
//! evaluation names the time at which its answer may change, and keeps the evidence of every gate
//! as data that borrows; text is made when it is shown. Publication, `list`, `explain` and alerts
//! about single names read the same value.
//!
//! This module reads and stores nothing. The store builds dossiers, one read transaction each; the
//! daemon keeps the policy and the screening as watched values. [`ContentFacts`] hold what gates
//! need of a content. They are computed when the content is stored or soon after, and again when
//! the rules that compute them change.

mod arguments;
mod artefacts;
mod authority;
mod concern;
mod conditions;
mod content;
mod dossier;
mod earlier_builds;
mod evaluation;
mod evidence;
mod evidence_kind;
mod explanation;
mod facts;
mod follow;
mod gates;
mod lookalike_gate;
mod ownership;
mod package_report;
mod package_urls;
mod policy;
mod provenance;
mod provenance_evidence;
mod provenance_gate;
mod reach;
mod redirection;
mod requirement;
mod review;
mod rich_text;
mod safe;
mod sanitize;
mod scans;
mod schema;
mod screening;
mod state;
mod unconfirmed;
mod upstream;
mod view;

pub use artefacts::{ArtefactChange, EntryPackage};
pub use authority::{Authorities, Authority};
pub use concern::{About, Concern, hides_what_is_visible};
pub use conditions::{Found, Unmet, Waived};
pub use content::{EntryContent, InputContent, PackageContent, RemoteContent, RepositoryContent};
pub use dossier::{ContentHead, Dossier, DossierRow, QuarantinedFacts, ViewRecord};
pub use evaluation::{EntryEvaluation, Evaluation, evaluate};
pub use evidence::Evidence;
pub use explanation::{
    Explanation, GateAnswer, NamespaceReport, UnappliedChange, UnappliedState, UpstreamStatus,
    VersionExplanation,
};
pub use facts::{ContentFacts, InputFacts, InputPlace, PackageFacts, RemoteFacts};
pub use follow::reference_in;
pub use gates::{Gate, Outcome};
pub use ownership::{Lack, OwnershipEvidence};
pub use package_report::{ArtefactReport, PackageReport, ProvenanceReport};
pub use package_urls::PackageUrls;
pub use policy::{PolicyDifference, PolicySnapshot};
pub use provenance::PackageProvenance;
pub use provenance_evidence::{FoundProvenance, ProvenanceEvidence, Unproven};
pub use reach::Reach;
pub use requirement::{Demanded, Demands, OwnershipPolicy, ProvenancePolicy, TypeDemands};
pub use review::{
    AlertItems, AreaFact, AreaReport, Choice, IfApproved, MAX_KEPT, MAX_SHOWN, Reference,
    ReferenceOrigin, Seen, TooManyVersions, Waiting, WaitingKind,
};
pub use safe::{Objection, SafetyRule};
pub use sanitize::{Sanitized, claims_namespace};
pub use screening::{Compared, Screening, ScreeningMatch};
pub use state::EntryState;
pub use unconfirmed::UnconfirmedTime;
pub use upstream::{RemovedUpstreams, UpstreamPolicy};
pub use view::{DEFAULT_VIEW, ListForm, View};

#[cfg(test)]
pub(crate) mod tests;
