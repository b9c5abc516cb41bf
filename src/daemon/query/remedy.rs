use crate::curation::Gate;

/// Returns the way out for a reviewer whose approval a gate fails.
pub(super) const fn remedy(gate: Gate, is_exact: bool) -> &'static str {
    match gate {
        Gate::NamespaceOwnership if is_exact => {
            "the ownership is not verified as required; `vidimus explain` shows the verdict"
        }
        Gate::NamespaceOwnership => {
            "a verified namespace is required; pin it, waive it, or spell names out"
        }
        Gate::Provenance => {
            "a package lacks the provenance that is demanded; `vidimus explain` names it, and `waive` lifts the demand for one server"
        }
        Gate::NoOpenLookalikeAlert => "look at `vidimus lookalikes`, or spell names out",
        Gate::ApprovalNotExpired => "the approval has expired; review again and renew it",
        Gate::DigestMatchesPin => {
            "a pin names other content than there is, or a file that is not recorded; compare both"
        }
        Gate::ConditionsMet => {
            "they do not meet a condition; `vidimus explain` names it, and `waive` lifts it for one server"
        }
        Gate::ContentAsReviewed => {
            "the content was changed after its publication; review it and pin its digest"
        }
        Gate::ValidForStrictClients => "the entries violate the schema; ask the publisher",
        Gate::WellFormed
        | Gate::NoAdvisory
        | Gate::ActiveUpstream
        | Gate::UpstreamAuthoritative
        | Gate::Approved => "`vidimus explain` shows the gate with its evidence",
    }
}
