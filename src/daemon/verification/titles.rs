use crate::alert::{AlertKind, Evidence, Figure, Observation};
use crate::daemon::runtime::refutation;
use crate::model::{Instant, Name};
use crate::ownership::{Basis, Holding, Naming, Negatives, Pins, Verdict};
use crate::remote::Trouble;

/// Where alerts about owners come from.
pub(super) const OWNERSHIP: &str = "ownership";

/// What there is to say of a namespace that overlays speak of.
pub(super) fn of_namespace(
    namespace: &str,
    holding: &Holding,
    pins: &Pins,
    namings: &[(Name, Naming)],
    served: bool,
    now: Instant,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    let mut say = |observation: Observation| {
        seen.push(observation.of_namespace(namespace).about_served(served));
    };
    let basis = holding.basis(pins);
    let verdict = basis.verdict();
    if verdict == Verdict::Refuted {
        say(refuted(namespace, basis));
    } else if verdict == Verdict::None && holding.is_suspended(pins) {
        let why = match basis {
            Basis::KeysUnknown { at, keys, .. } => {
                let keys = keys.iter().map(ToString::to_string).collect();
                Some(Evidence::KeysUnknown { at: at.to_owned(), keys })
            }
            _ => None,
        };
        say(Observation::new(AlertKind::KeysChanged, namespace, why));
    }
    if let (Verdict::Held, Some(negatives)) = (verdict, holding.negatives) {
        let missing = Observation::new(AlertKind::ProofMissing, namespace, []);
        say(missing.since(Some(negatives.first)));
    }
    if verdict != Verdict::Waived && holding.is_stale(now) {
        let stale = Observation::new(AlertKind::VerdictStale, namespace, []);
        say(stale.since(holding.concluded_at));
    }
    if verdict == Verdict::Waived {
        return seen;
    }
    for (name, naming) in namings.iter().filter(|(_, naming)| !naming.disputed.is_empty()) {
        let disputes = naming.disputed.values().map(|text| text.clone().into());
        say(Observation::new(AlertKind::PackageDisputed, name.as_str(), disputes));
    }
    seen
}

/// That an owner is refuted. Proofs that are gone are the same item at each look.
fn refuted(namespace: &str, basis: Basis<'_>) -> Observation {
    if let Basis::Gone(Negatives { count, first, .. }) = basis {
        let gone = Observation::new(AlertKind::OwnershipRefuted, namespace, []);
        let figures = vec![Figure::Looks { count: count.into() }];
        return Observation { figures, ..gone.since(Some(first)) };
    }
    Observation::new(AlertKind::OwnershipRefuted, namespace, refutation(basis))
}

/// What there is to say of domains with many namespaces below them.
pub(super) fn of_crowded(crowded: &[(String, u64)]) -> Vec<Observation> {
    let say = |(domain, count): &(String, u64)| {
        let crowded = Observation::new(AlertKind::SharedHost, domain.as_str(), []);
        Observation { count: *count, ..crowded }
    };
    crowded.iter().map(say).collect()
}

/// What there is to say of GitHub's token.
pub(super) fn of_trouble(trouble: &Trouble) -> Vec<Observation> {
    let mut seen = Vec::new();
    if trouble.token_refused {
        seen.push(Observation::new(AlertKind::GithubTokenRefused, "github", []));
    }
    if !trouble.write_scopes.is_empty() {
        let scopes = trouble.write_scopes.iter();
        let scopes = scopes.map(|scope| Evidence::TokenScope { scope: scope.clone() });
        seen.push(Observation::new(AlertKind::GithubTokenWrites, "github", scopes));
    }
    seen
}
