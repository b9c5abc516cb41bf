use super::evidence::Evidence;
use super::ownership::{Lack, OwnershipEvidence};
use crate::advisory::Effect;
use crate::model::NotBenign;
use crate::ownership::Obstacle;

impl Evidence<'_> {
    /// Returns the word of this kind of evidence. It stands in digests that are kept with decisions, so it does not
    /// change when the text for people does.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Quarantined(_) => "quarantined",
            Self::Damaged(_) => "damaged",
            Self::NoAdvisory => "no-advisory",
            Self::UnreadAdvisories(_) => "advisories-unread",
            Self::Advised { first, .. } => match first.effect {
                Effect::Hide if first.waive.is_some() => "advisory-waived",
                Effect::Hide => "advisory-hides",
                Effect::Alert => "advisory-alerts",
            },
            Self::Status(_) => "status",
            Self::Missing => "missing",
            Self::DeletedBy(_) => "deleted-by",
            Self::Authority(_) => "authority",
            Self::NoRule => "no-rule",
            Self::Ruled { .. } => "ruled",
            Self::PublishedLater { .. } => "published-later",
            Self::NotListed { .. } => "not-listed",
            Self::ReviewAhead { .. } => "review-ahead",
            Self::Followed { .. } => "followed",
            Self::Cooldown { .. } => "cooldown",
            Self::NotFollowed { why, .. } => not_followed(*why),
            Self::Deprecated { .. } => "deprecated",
            Self::Drifted { .. } => "drifted",
            Self::NoApproval => "no-approval",
            Self::Expires(_) => "expires",
            Self::Expired(_) => "expired",
            Self::NotPinned => "not-pinned",
            Self::Pinned(_) => "pinned",
            Self::PinDiffers { .. } => "pin-differs",
            Self::ArtefactsPinned { .. } => "artefacts-pinned",
            Self::ArtefactDiffers { .. } => "artefact-differs",
            Self::ArtefactUnknown { .. } => "artefact-unknown",
            Self::Conditions { waived: None, .. } => "conditions-met",
            Self::Conditions { waived: Some(_), .. } => "conditions-waived",
            Self::Unmet { .. } => "unmet",
            Self::AsReviewed => "as-reviewed",
            Self::Replaced => "replaced",
            Self::Ownership(ownership) => ownership.kind(),
            Self::Provenance(provenance) => provenance.kind(),
            Self::NoMatch => "no-match",
            Self::NameSpelledOut => "name-spelled-out",
            Self::NotCompared => "not-compared",
            Self::Matches(_) => "matches",
            Self::Valid => "valid",
            Self::Violation(_) => "violation",
            Self::Unsafe { .. } => "unsafe",
            Self::NoFacts => "no-facts",
        }
    }
}

const fn not_followed(why: NotBenign) -> &'static str {
    match why {
        NotBenign::NoReference => "not-followed: no-reference",
        NotBenign::ReferenceUnknown => "not-followed: reference-unknown",
        NotBenign::ReferenceHidden => "not-followed: reference-hidden",
        NotBenign::NotSemantic => "not-followed: not-semantic",
        NotBenign::PreRelease => "not-followed: pre-release",
        NotBenign::NotHigher => "not-followed: not-higher",
        NotBenign::OtherMajor => "not-followed: other-major",
        NotBenign::NoFacts => "not-followed: no-facts",
        NotBenign::Changed => "not-followed: changed",
        NotBenign::UnknownSchema => "not-followed: unknown-schema",
        NotBenign::RichText => "not-followed: rich-text",
        NotBenign::PackageNotExact => "not-followed: package-not-exact",
        NotBenign::ProvenanceLost => "not-followed: provenance-lost",
        NotBenign::NotVerified => "not-followed: not-verified",
        NotBenign::LookalikeAlert => "not-followed: lookalike-alert",
    }
}

impl OwnershipEvidence<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::NotChecked => "ownership-not-checked",
            Self::InternalUpstream => "ownership-internal-upstream",
            Self::Exempted => "ownership-exempted",
            Self::Disputed(_) => "ownership-disputed",
            Self::Evaluated { lack: None, .. } => "ownership-enough",
            Self::Evaluated { lack: Some(Lack::Weaker), .. } => "ownership-weaker",
            Self::Evaluated { lack: Some(Lack::ThroughParent), .. } => "ownership-through-parent",
            Self::Evaluated { lack: Some(Lack::Stale), .. } => "ownership-stale",
            Self::Evaluated { lack: Some(Lack::PackageUnanswered), .. } => {
                "ownership-package-unanswered"
            }
            Self::Evaluated { lack: Some(Lack::Unconfirmed(obstacle)), .. } => match obstacle {
                Obstacle::NotShownSince => "ownership-not-shown-since",
                Obstacle::NotPinned => "ownership-not-pinned",
                Obstacle::KeysChanged(_) => "ownership-keys-changed",
            },
        }
    }
}
