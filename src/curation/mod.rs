//! The gates: whether an entry is served, and why.
//!
//! One ordered list of gates serves both readers. [`decide`] runs it over the small facts held in
//! memory, for every entry there is, and yields the first gate that fails and the next instant at
//! which time alone would change the answer. [`explain`] runs the same list for one entry and
//! keeps every gate's evidence. Neither reads a clock: `now` comes in.

mod authority;
mod dossier;
mod evaluation;
mod evidence;
mod explanation;
mod facts;
mod gate;
mod gates;
mod ownership;
mod policy;
mod sanitize;
mod schema;
mod screening;
mod speech;
mod tenure;
mod view;

pub use authority::{Authorities, Authority, UpstreamPolicy};
pub use dossier::{ContentHead, Dossier, DossierRow, QuarantinedFacts, ViewRecord};
pub use evaluation::{EntryEvaluation, Evaluation, evaluate};
pub use explanation::{Explanation, Title, VersionExplanation, explain, explain_quarantined};
pub use facts::{ContentFacts, InputFacts, InputPlace, PackageFacts, RemoteFacts};
pub use gate::{Case, Decision, Evidence, Gate, Outcome, Policy, Row, Suspicion, decide};
pub use ownership::OwnershipEvidence;
pub use policy::{PolicyDifference, PolicySnapshot};
pub use sanitize::{Sanitized, claims_namespace};
pub use screening::{Compared, Screening, ScreeningMatch};
pub use speech::{Listing, Speaker, Speakers, Speech, is_internal};
pub use tenure::{Demands, Lack, Owned, OwnershipPolicy, Tenure};
pub use view::{DEFAULT_VIEW, View};

#[cfg(test)]
mod tenure_tests;
#[cfg(test)]
mod tests;
