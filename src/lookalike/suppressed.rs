use serde::{Deserialize, Serialize};

use super::suspect::SuspectName;
use super::target::Target;
use crate::ownership::Verdict;

/// The reason for which a match is not reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Suppressed {
    /// The suspect and the target belong to one registrant.
    SameRegistrant { registrant: String },
    /// The entry of the target states a repository of the suspect's registrant.
    TargetsRepository { registrant: String },
    /// The entry of the target points to a host of the suspect's registrant.
    TargetPointsTo { registrant: String },
    /// Many namespaces use the leaf.
    FrequentName,
    /// An overlay says `not_lookalike`.
    NotLookalike { reviewer: String, reason: String },
}

impl Suppressed {
    /// Returns the relation of the target's owner to the suspect's registrant, if there is one.
    ///
    /// Only the target's side counts: a suspect may claim any repository and any website. A match of a revoked
    /// namespace is never suppressed.
    pub(super) fn by_target(
        suspect: &SuspectName<'_>,
        target: &Target,
        verdict: Option<Verdict>,
    ) -> Option<Self> {
        if verdict == Some(Verdict::Revoked) {
            return None;
        }
        let registrant = suspect.registrant.id.clone();
        if target.owner.as_ref().is_some_and(|owner| owner.id == registrant) {
            return Some(Self::SameRegistrant { registrant });
        }
        let repository = target.protected.profile.repository.as_ref();
        let account = repository.zip(suspect.registrant.login());
        if account.is_some_and(|(repository, login)| login.eq_ignore_ascii_case(&repository.owner))
        {
            return Some(Self::TargetsRepository { registrant });
        }
        target.registrants.contains(&registrant).then_some(Self::TargetPointsTo { registrant })
    }
}
