use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::daemon::runtime::revocation;
use crate::model::{Name, Timestamp};
use crate::ownership::{Basis, DeclarationRecord, Negatives, Pins, Verdict, VerificationRecord};
use crate::remote::Trouble;

/// The source of alerts about ownership.
pub(super) const OWNERSHIP: &str = "ownership";

/// Returns the alerts about a namespace that overlays mention.
pub(super) fn of_namespace(
    namespace: &str,
    record: &VerificationRecord,
    pins: &Pins,
    declarations: &[(Name, DeclarationRecord)],
    served: bool,
    now: Timestamp,
) -> Vec<ReportedAlert> {
    let mut alerts = Vec::new();
    let mut report = |alert: ReportedAlert| {
        alerts.push(alert.of_namespace(namespace).of_served(served));
    };
    let basis = record.basis(pins);
    let verdict = basis.verdict();
    if verdict == Verdict::Revoked {
        report(revoked(namespace, basis));
    } else if verdict == Verdict::Unverified && record.is_suspended(pins) {
        let why = match basis {
            Basis::KeysUnknown { at, keys, .. } => {
                let keys = keys.iter().map(ToString::to_string).collect();
                Some(Evidence::KeysUnknown { at: at.to_owned(), keys })
            }
            _ => None,
        };
        report(ReportedAlert::new(AlertKind::KeysChanged, namespace, why));
    }
    if let (Verdict::Verified, Some(negatives)) = (verdict, record.negatives) {
        let missing = ReportedAlert::new(AlertKind::EvidenceMissing, namespace, []);
        report(missing.since(Some(negatives.first)));
    }
    if verdict != Verdict::Waived && record.is_stale(now) {
        let stale = ReportedAlert::new(AlertKind::VerdictStale, namespace, []);
        report(stale.since(record.concluded_at));
    }
    if verdict == Verdict::Waived {
        return alerts;
    }
    for (name, declarations) in
        declarations.iter().filter(|(_, declarations)| !declarations.disputed.is_empty())
    {
        let disputes = declarations.disputed.values().map(|text| text.clone().into());
        report(ReportedAlert::new(AlertKind::PackageDisputed, name.as_str(), disputes));
    }
    alerts
}

/// Returns the alert about a revoked namespace. Evidence that is gone is the same item at each lookup.
fn revoked(namespace: &str, basis: Basis<'_>) -> ReportedAlert {
    if let Basis::Gone(Negatives { count, first, .. }) = basis {
        let gone = ReportedAlert::new(AlertKind::OwnershipRevoked, namespace, []);
        let figures = vec![Figure::Lookups { count: count.into() }];
        return ReportedAlert { figures, ..gone.since(Some(first)) };
    }
    ReportedAlert::new(AlertKind::OwnershipRevoked, namespace, revocation(basis))
}

/// Returns the alerts about domains with many namespaces below them.
pub(super) fn of_crowded(crowded: &[(String, u64)]) -> Vec<ReportedAlert> {
    let alert = |(domain, count): &(String, u64)| {
        let crowded = ReportedAlert::new(AlertKind::SharedHost, domain.as_str(), []);
        ReportedAlert { count: *count, ..crowded }
    };
    crowded.iter().map(alert).collect()
}

/// Returns the alerts about GitHub's token.
pub(super) fn of_trouble(trouble: &Trouble) -> Vec<ReportedAlert> {
    let mut alerts = Vec::new();
    if trouble.token_refused {
        alerts.push(ReportedAlert::new(AlertKind::GithubTokenRefused, "github", []));
    }
    if !trouble.write_scopes.is_empty() {
        let scopes = trouble.write_scopes.iter();
        let scopes = scopes.map(|scope| Evidence::TokenScope { scope: scope.clone() });
        alerts.push(ReportedAlert::new(AlertKind::GithubTokenWrites, "github", scopes));
    }
    alerts
}
