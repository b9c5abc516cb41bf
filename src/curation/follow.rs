//! Judges if a later version is benign beside the reference of its approval.
//!
//! The reference is a content that a reviewer saw, by version and digest. A version that is followed never
//! becomes the reference, so changes cannot add up step by step. Facts are compared, not texts: the gate
//! stays pure, and the difference is shown to people elsewhere.

use super::dossier::{ContentHead, Dossier, DossierRow};
use super::facts::ContentFacts;
use crate::model::{Head, NotBenign, Timestamp, Version};
use crate::overlay::{Follow, NameRules, Reference};

/// A version that came after the review, with the approval that may follow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Later<'a, 'c> {
    pub(super) dossier: &'a Dossier,
    pub(super) rules: &'c NameRules<'a>,
    pub(super) follow: &'a Follow,
    pub(super) version: &'c Version,
    pub(super) content: &'a ContentHead,
    /// The head of the content, with the present status.
    pub(super) head: Head,
}

impl Later<'_, '_> {
    /// Returns the reason why the version is not benign, as far as its content and the reference show it.
    pub(super) fn objection(&self) -> Option<NotBenign> {
        let Some(reference) = &self.follow.reference else { return Some(NotBenign::NoReference) };
        let Some((DossierRow { upstream, .. }, reviewed)) = reference_in(self.dossier, reference)
        else {
            return Some(NotBenign::ReferenceUnknown);
        };
        if self.rules.hiding(&reference.version, upstream).is_some() {
            return Some(NotBenign::ReferenceHidden);
        }
        let (Some(reviewed), Some(facts)) = (&reviewed.facts, &self.content.facts) else {
            return Some(NotBenign::NoFacts);
        };
        let version_objection = version_objection(&reference.version, self.version);
        version_objection.or_else(|| content_objection(reviewed, facts))
    }

    /// Returns the moment from which the version is served, if it is benign. While no view shows it, another status begins
    /// the time again: a version that was deleted meanwhile could not be looked at.
    pub(super) fn served_from(&self) -> Timestamp {
        let head = self.head;
        let is_visible = self.dossier.is_visible(self.version);
        let changed = head.status_since.filter(|_| !is_visible);
        head.counts_from().max(changed.unwrap_or(Timestamp::MIN)).plus(self.follow.cooldown)
    }
}

/// Returns the stored content of a reference: by its version and the whole digest.
#[must_use]
pub fn reference_in<'d>(
    dossier: &'d Dossier,
    reference: &Reference,
) -> Option<(&'d DossierRow, &'d ContentHead)> {
    let rows = dossier.rows.iter().filter(|row| row.version == reference.version);
    let mut contents = rows.flat_map(|row| {
        std::iter::once(&row.content).chain(&row.others).map(move |content| (row, content))
    });
    contents.find(|(_, content)| content.head.received == reference.digest)
}

fn version_objection(reference: &Version, version: &Version) -> Option<NotBenign> {
    let (Some(reference), Some(version)) = (reference.semantic(), version.semantic()) else {
        return Some(NotBenign::NotSemantic);
    };
    if !version.pre.is_empty() || !version.build.is_empty() {
        Some(NotBenign::PreRelease)
    } else if version.major != reference.major {
        Some(NotBenign::OtherMajor)
    } else if version.cmp_precedence(&reference).is_le() {
        Some(NotBenign::NotHigher)
    } else {
        None
    }
}

fn content_objection(reference: &ContentFacts, later: &ContentFacts) -> Option<NotBenign> {
    if later.lasting != reference.lasting {
        Some(NotBenign::Changed)
    } else if later.schema != reference.schema && !later.is_schema_known {
        Some(NotBenign::UnknownSchema)
    } else if later.rich_text.is_some() && later.rich_text != reference.rich_text {
        Some(NotBenign::RichText)
    } else if later.packages.iter().any(|package| !package.exact || package.redirected.is_some()) {
        Some(NotBenign::PackageNotExact)
    } else {
        None
    }
}
