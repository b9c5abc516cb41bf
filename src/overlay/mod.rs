//! Overlays: the reviewed rules of the enterprise about servers, their lint, and their merging.
//!
//! A rule selects names, and versions of them, and sets a tier, a classification, an owner, labels
//! and an approval. [`read`] turns files into rules and findings; one error refuses the whole set,
//! since half a policy is a different policy. [`OverlaySet`] merges all rules into the effective
//! policy of one entry.
//!
//! - Each field is taken from the most specific rule that has it: name before version before
//!   upstream. An approval is taken whole. Equal rank with different values is a contradiction
//!   and refused, with both places.
//! - A denial or suspension overrides every approval. It covers every spelling of a release and of a
//!   name, and every version that a range cannot exclude.
//! - A refused set can only hide: its denials apply on top of the last valid set, and approvals end
//!   that its readable files do not give any more.

mod allow;
mod altered;
mod approval;
mod artefacts;
mod changes;
mod checklist;
mod conditions;
mod conflict;
mod contents;
mod coverage;
mod demand;
mod document;
pub mod edit;
mod effective;
mod ended;
mod expires;
mod expiry;
mod fields;
mod follow;
mod later;
mod lifecycle;
mod listed;
mod overruled;
mod ownership;
mod parsed;
mod protected;
mod protection;
mod range;
mod reading;
mod reviewed;
mod rule;
mod scans;
mod selector;
mod set;
mod supposed;
mod unmeetable;
mod waive;

pub use altered::{Alteration, AlteredRules};
pub use changes::Changes;
pub use checklist::{Answer, Area, Check, Checklist};
pub use conditions::{Condition, Conditions, PACKAGE_TYPES, Waive, WaivedCondition, registry_form};
pub use coverage::Coverage;
pub use demand::ProvenanceDemand;
pub use document::{parse, read};
pub use effective::{EffectiveApproval, EffectivePolicy, NameRules};
pub use ended::end_approvals;
pub use expiry::{Ending, Ends};
pub use fields::file_format;
pub use later::{Follow, OnDeprecated, OnDrift, Reference};
pub use listed::{Contents, ListedContent};
pub use ownership::OwnershipRule;
pub use parsed::ParsedFiles;
pub use protection::{NoLookalike, Protection, Selected};
pub use range::{BadRange, Range};
pub use reading::{Context, Reading};
pub use reviewed::Reviewed;
pub use rule::{Allow, Approval, Classification, Rule, State, Terms, Track};
pub use scans::ScanDemand;
pub use selector::{BadPattern, BadVersions, NamePattern, VersionPattern};
pub use set::OverlaySet;

#[cfg(test)]
mod tests;
