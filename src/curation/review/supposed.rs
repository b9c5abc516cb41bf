use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::choice::{Choice, greatest_kept};
use crate::curation::dossier::Dossier;
use crate::curation::evaluation::{Evaluation, evaluate};
use crate::curation::explanation::GateAnswer;
use crate::curation::policy::PolicySnapshot;
use crate::curation::screening::Screening;
use crate::lint::Source;
use crate::model::Timestamp;
use crate::overlay::{Approval, Contents, ListedContent, NamePattern, Rule, State, VersionPattern};

/// The outcome for a version if a rule of the exact name approves it as it is shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IfApproved {
    /// The gates that hide it all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<GateAnswer>,
    /// The tier of the greatest approved version, if no rule states one for this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_tier: Option<u8>,
    /// The owner of the greatest approved version, if no rule states one for this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_owner: Option<String>,
}

impl Choice<'_, '_> {
    /// Returns, for each version that is shown, the outcome if a rule of the exact name approves it as it is shown.
    #[must_use]
    pub fn if_approved(
        &self,
        of_now: &Evaluation<'_>,
        asked: Option<&VersionPattern>,
        dossier: &Dossier,
        policy: &PolicySnapshot,
        screening: &Screening,
        now: Timestamp,
    ) -> Vec<IfApproved> {
        let approving = self.approving(asked, dossier, now);
        let supposed = policy.overlays.supposing(&dossier.name, approving);
        let policy = policy.with_overlays_of_a_name(Arc::new(supposed));
        let evaluation = evaluate(dossier, &policy, screening, now);
        let greatest = greatest_kept(of_now).map(|entry| &entry.rules);
        let outcomes = self.shown.iter().map(|shown| {
            let (version, upstream) = (&shown.row.version, &shown.row.upstream);
            let mut entries = evaluation.entries.iter();
            let same = entries
                .find(|entry| (&entry.row.version, &entry.row.upstream) == (version, upstream));
            let Some(same) = same else { return IfApproved::default() };
            let (tier, owner) =
                (greatest.and_then(|rules| rules.tier), greatest.and_then(|rules| rules.owner));
            IfApproved {
                hidden: GateAnswer::failed_of(same),
                lost_tier: tier.filter(|_| same.rules.tier.is_none()),
                lost_owner: owner.filter(|_| same.rules.owner.is_none()).map(str::to_owned),
            }
        });
        outcomes.collect()
    }

    /// Returns the rule that approves what is shown.
    fn approving(&self, asked: Option<&VersionPattern>, dossier: &Dossier, now: Timestamp) -> Rule {
        let listed = self.shown.iter().map(|entry| ListedContent {
            span: 0..0,
            version: entry.row.version.clone(),
            digest: entry.head.received,
        });
        let versions = asked.cloned().unwrap_or(VersionPattern::Any);
        // The edit of a rule keeps the files that it pins.
        let approvals = self.shown.iter().filter_map(|entry| entry.rules.approval);
        let mut edited =
            approvals.filter(|(rule, _)| rule.name.is_exact() && rule.versions == versions);
        let pinned = edited.next().map(|(_, approval)| approval.artefacts.clone());
        let approval = Approval {
            state: State::Approved,
            track: None,
            reviewers: Vec::new(),
            reviewed: None,
            expires: Some(now),
            scope: None,
            digest: None,
            contents: Some(Contents::new(listed.collect())),
            checklist: None,
            follow: None,
            artefacts: pinned.unwrap_or_default(),
        };
        let name = NamePattern::Exact(dossier.name.clone());
        let place = Source::new("", "").start();
        Rule { approval: Some(approval), ..Rule::selecting(place, name, versions, None) }
    }
}
