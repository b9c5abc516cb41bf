use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{AlertIdentity, AlertKind, Evidence, Figure, InvalidRecords, ReportedAlert};
use crate::daemon::runtime::revocation;
use crate::model::{Name, Timestamp};
use crate::overlay::OverlaySet;
use crate::ownership::{
    self, Basis, Claim, DeclarationRecord, Negatives, Shown, Verdict, VerificationRecord,
};
use crate::remote::{FailingResolver, Trouble};

/// The source of alerts about ownership.
pub(super) const OWNERSHIP: &str = "ownership";
/// Lookups without an answer of a package before an alert.
const UNAVAILABLE: u32 = 3;
/// Names that an alert lists.
const LISTED: usize = 5;

/// Everything that the alerts about a namespace are made of.
pub(super) struct Subject<'a> {
    pub(super) namespace: &'a str,
    pub(super) record: &'a VerificationRecord,
    pub(super) overlays: &'a OverlaySet,
    /// The names that overlays mention.
    pub(super) names: Vec<&'a Name>,
    pub(super) declarations: &'a [(Name, DeclarationRecord)],
    /// True if a view shows one of them, or did when the verdict was decided.
    pub(super) served: bool,
    pub(super) now: Timestamp,
}

impl Subject<'_> {
    /// Returns the alerts about the namespace.
    pub(super) fn alerts(&self) -> Vec<ReportedAlert> {
        let Self { namespace, record, now, .. } = *self;
        let pins = self.overlays.pins(namespace);
        let basis = record.basis(pins);
        let verdict = basis.verdict();
        if verdict == Verdict::Waived {
            return Vec::new();
        }
        let mut alerts = Vec::new();
        if verdict == Verdict::Revoked {
            alerts.push(revoked(namespace, basis));
        }
        if let Some(item) = keys_to_accept(record, self.overlays, namespace) {
            let changed = ReportedAlert::new(AlertKind::KeysChanged, namespace, [item]);
            let since = record.change.map(|change| change.since);
            alerts.push(ReportedAlert { figures: keys_seen(record), ..changed.since(since) });
        }
        if let (Verdict::Verified, Some(negatives), false) =
            (verdict, record.negatives, record.on_hold)
        {
            let missing = ReportedAlert::new(AlertKind::EvidenceMissing, namespace, []);
            let figures = before(record).into_iter().collect();
            alerts.push(ReportedAlert { figures, ..missing.since(Some(negatives.first)) });
        }
        if let Basis::PinNotShown { missing, .. } = basis {
            let absent = ReportedAlert::new(AlertKind::EvidenceMissing, namespace, []);
            alerts.push(absent.since(missing.map(|negatives| negatives.first)));
        }
        if let Some(since) = record.stale_since(now) {
            let stale = ReportedAlert::new(AlertKind::VerdictStale, namespace, []);
            alerts.push(stale.since(Some(since)));
        }
        let claim = Claim::of(namespace, &self.overlays.shared_hosts());
        if matches!(claim, Claim::GitHub { .. }) && matches!(basis, Basis::NeverShown) {
            alerts.push(ReportedAlert::new(AlertKind::LoginUnregistered, namespace, []));
        }
        alerts.extend(self.declarations.iter().flat_map(|(name, record)| of_name(name, record)));
        alerts.into_iter().map(|alert| self.completed(alert)).collect()
    }

    /// Adds what every alert about the namespace says.
    fn completed(&self, alert: ReportedAlert) -> ReportedAlert {
        let is_affected = |name: &&&Name| {
            let subject = alert.identity.subject.as_str();
            subject == self.namespace || subject == name.as_str()
        };
        let affected: Vec<&Name> = self.names.iter().filter(is_affected).copied().collect();
        let names = affected.iter().take(LISTED).map(ToString::to_string).collect();
        let mut figures = alert.figures.clone();
        figures.push(Figure::Affected { names, count: affected.len() as u64 });
        let pins = self.overlays.pins(self.namespace);
        if pins.github.is_some() || !pins.keys.is_empty() {
            figures.push(Figure::Pinned);
        }
        let owner = |name: &&Name| {
            self.overlays.rules_for(name).rules().find_map(|rule| rule.owner.clone())
        };
        let owners: BTreeSet<String> = affected.iter().filter_map(owner).collect();
        figures.extend(owners.into_iter().take(LISTED).map(|owner| Figure::OverlayOwner { owner }));
        ReportedAlert { figures, ..alert.of_namespace(self.namespace).of_served(self.served) }
    }
}

/// Returns the set of keys that a person has to accept, as evidence.
pub(super) fn keys_to_accept(
    record: &VerificationRecord,
    overlays: &OverlaySet,
    namespace: &str,
) -> Option<Evidence> {
    let pins = overlays.pins(namespace);
    let (at, keys, pinned) = match record.basis(pins) {
        Basis::KeysUnknown { at, keys, pinned } => (at, keys, pinned),
        // Beside the pinned key, another one stops wildcards: the file decides.
        Basis::KeyShown { at, .. } if record.shows_unpinned(pins) => (at, record.keys()?, true),
        Basis::KeyShown { at, .. } => {
            record.open_change(pins)?;
            (at, record.keys()?, false)
        }
        _ => return None,
    };
    // All keys that give rights to it, at every place.
    let keys = record.set().unwrap_or(keys.clone()).iter().map(ToString::to_string).collect();
    let invalid =
        record.invalid.clone().map(|ownership::InvalidRecords { count, digest, excerpts }| {
            InvalidRecords { count, digest, excerpts }
        });
    Some(Evidence::KeysUnknown { at: at.to_owned(), keys, pinned, invalid })
}

/// Returns the identity of the alert about the keys of a namespace.
pub(super) fn keys_identity(namespace: &str) -> AlertIdentity {
    AlertIdentity::new(AlertKind::KeysChanged, namespace, namespace)
}

fn keys_seen(record: &VerificationRecord) -> Vec<Figure> {
    let seen = |(key, seen): (&_, &crate::ownership::Seen)| Figure::KeySeen {
        key: ToString::to_string(key),
        first: seen.first,
        last: seen.last,
    };
    record.keys_seen.iter().map(seen).collect()
}

/// Returns the evidence of before, for the person who restores it.
fn before(record: &VerificationRecord) -> Option<Figure> {
    let text = match record.shown.as_ref()? {
        Shown::Account(account) => {
            format!("before, {} was the account {}", account.login, account.id)
        }
        Shown::Keys { at, keys, .. } => {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            format!("before, {at} showed {}", keys.join(", "))
        }
    };
    Some(Figure::Reason { text })
}

fn of_name(name: &Name, record: &DeclarationRecord) -> Vec<ReportedAlert> {
    let mut alerts = Vec::new();
    if !record.disputed.is_empty() {
        let disputes = record.disputed.values().map(|text| text.clone().into());
        alerts.push(ReportedAlert::new(AlertKind::PackageDisputed, name.as_str(), disputes));
    }
    if let Some(Negatives { count, first, .. }) = record.unavailable
        && count >= UNAVAILABLE
    {
        let silent = ReportedAlert::new(AlertKind::PackageUnavailable, name.as_str(), []);
        let figures = record.no_answer.iter().map(|text| Figure::Reason { text: text.clone() });
        let figures = figures.collect();
        alerts.push(ReportedAlert { figures, ..silent.since(Some(first)) });
    }
    alerts
}

/// Returns the alert about a revoked namespace. Evidence that is gone is the same item at each lookup.
fn revoked(namespace: &str, basis: Basis<'_>) -> ReportedAlert {
    if let Basis::Gone { negatives: Negatives { count, first, .. }, .. } = basis {
        let gone = ReportedAlert::new(AlertKind::OwnershipRevoked, namespace, []);
        let figures = vec![Figure::Lookups { count: count.into() }];
        return ReportedAlert { figures, ..gone.since(Some(first)) };
    }
    ReportedAlert::new(AlertKind::OwnershipRevoked, namespace, revocation(basis))
}

/// Returns the identity of the alert about losses that wait for a person.
pub(super) fn losses_identity() -> AlertIdentity {
    AlertIdentity::new(AlertKind::LossesOnHold, OWNERSHIP, "")
}

/// Returns a loss that waits for a person, as evidence.
pub(super) fn loss_on_hold(namespace: &str, record: &VerificationRecord) -> Option<Evidence> {
    let since = record.negatives.filter(|_| record.on_hold)?.first;
    Some(Evidence::LossOnHold { namespace: namespace.to_owned(), since })
}

/// Returns the alert about losses that wait for a person.
pub(super) fn of_losses(losses: &BTreeMap<String, Evidence>) -> Option<ReportedAlert> {
    let count = losses.len() as u64;
    let alert = ReportedAlert::new(AlertKind::LossesOnHold, OWNERSHIP, losses.values().cloned());
    (count > 0).then_some(ReportedAlert { served: true, count, ..alert })
}

/// Returns the alert about mentioned namespaces that no lookup answered for a day.
pub(super) fn of_backlog(namespaces: &[String]) -> ReportedAlert {
    let alert = ReportedAlert::new(AlertKind::VerificationBacklog, OWNERSHIP, []);
    let names = namespaces.iter().take(LISTED).cloned().collect();
    let count = namespaces.len() as u64;
    ReportedAlert { count, figures: vec![Figure::Affected { names, count }], ..alert }
}

/// Returns the alerts about resolvers that give no answers.
pub(super) fn of_resolvers(failing: &[FailingResolver]) -> Vec<ReportedAlert> {
    let alert = |resolver: &FailingResolver| {
        let FailingResolver { address, why, is_set_aside } = resolver;
        let text = if *is_set_aside { format!("{why}; it is set aside") } else { why.clone() };
        let alert = ReportedAlert::new(AlertKind::ResolverFailing, address.as_str(), []);
        ReportedAlert { figures: vec![Figure::Reason { text }], ..alert }
    };
    failing.iter().map(alert).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::{KeyLookup, Lookup};

    /// P23: an acknowledgement binds the invalid records that it was shown.
    #[test]
    fn invalid_records_are_a_part_of_what_an_acknowledgement_covers() {
        let key = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
        let valid = || KeyLookup::of_file(key);
        let at = |hour: i64| Timestamp::from_micros(hour * 3_600_000_000);
        let look_up = |parent: KeyLookup| Lookup::Domain {
            dns: vec![("a.example.com".into(), valid()), ("example.com".into(), parent)],
            http: KeyLookup::Absent("HTTP 404".into()),
            hints: Vec::new(),
            is_partial: false,
        };
        let begun =
            VerificationRecord::default().after(&look_up(KeyLookup::Absent("none".into())), at(1));
        let item = |text: &str| {
            let record = begun.clone().after(&look_up(KeyLookup::of_file(text)), at(2));
            keys_to_accept(&record, &OverlaySet::default(), "com.example.a").expect("an item")
        };
        let (one, other) = (item("v=MCPv1; k=rsa; p=AAAA"), item("v=MCPv1; k=rsa; p=BBBB"));
        assert_ne!(one.digest(), other.digest());
        let text = one.to_string();
        assert!(text.contains("1 invalid record (") && text.contains("k=rsa; p=AAAA"), "{text}");
    }
}
