use std::sync::Arc;

use super::choice::Choice;
use crate::curation::dossier::Dossier;
use crate::curation::evaluation::evaluate;
use crate::curation::explanation::GateAnswer;
use crate::curation::policy::PolicySnapshot;
use crate::curation::screening::Screening;
use crate::lint::Source;
use crate::model::Timestamp;
use crate::overlay::{Approval, Contents, ListedContent, NamePattern, Rule, State, VersionPattern};

impl Choice<'_, '_> {
    /// Returns, for each version that is shown, the gates that would hide it if a rule of the exact name approved it as
    /// it is shown.
    #[must_use]
    pub fn hidden_if_approved(
        &self,
        asked: Option<&VersionPattern>,
        dossier: &Dossier,
        policy: &PolicySnapshot,
        screening: &Screening,
        now: Timestamp,
    ) -> Vec<Vec<GateAnswer>> {
        let approving = self.approving(asked, dossier, now);
        let supposed = policy.overlays.supposing(&dossier.name, approving);
        let policy = policy.with_overlays_of_a_name(Arc::new(supposed));
        let evaluation = evaluate(dossier, &policy, screening, now);
        let failing = self.shown.iter().map(|shown| {
            let (version, upstream) = (&shown.row.version, &shown.row.upstream);
            let mut entries = evaluation.entries.iter();
            let same = entries
                .find(|entry| (&entry.row.version, &entry.row.upstream) == (version, upstream));
            same.map(GateAnswer::failed_of).unwrap_or_default()
        });
        failing.collect()
    }

    /// Returns the rule that approves what is shown.
    fn approving(&self, asked: Option<&VersionPattern>, dossier: &Dossier, now: Timestamp) -> Rule {
        let listed = self.shown.iter().map(|entry| ListedContent {
            span: 0..0,
            version: entry.row.version.clone(),
            digest: entry.head.received,
        });
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
        };
        let name = NamePattern::Exact(dossier.name.clone());
        let versions = asked.cloned().unwrap_or(VersionPattern::Any);
        let place = Source::new("", "").start();
        Rule { approval: Some(approval), ..Rule::selecting(place, name, versions, None) }
    }
}
