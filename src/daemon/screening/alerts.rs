use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{Alert, AlertIdentity, AlertKind, Evidence, ReportedAlert};
use crate::lookalike::Match;
use crate::model::Name;
use crate::store::{Snapshot, StoreError};

/// Returns the identity of the alert about a name that resembles a target: one for each target and
/// suspect namespace, for any number of names.
pub(super) fn identity(target: &str, name: &Name) -> AlertIdentity {
    AlertIdentity::new(AlertKind::Lookalike, target, name.namespace().to_ascii_lowercase())
}

/// Returns true if acknowledgements of the alert cover every item of a match.
pub(super) fn is_acknowledged(alert: &Alert, name: &Name, found: &Match) -> bool {
    items(name, found).all(|item| alert.has_seen(&item))
}

fn items(name: &Name, found: &Match) -> impl Iterator<Item = Evidence> {
    let name = name.to_string();
    let signals = found.signals.iter().cloned();
    signals.map(move |signal| Evidence::Lookalike { name: name.clone(), signal })
}

/// The source of alerts about lookalikes.
pub(super) const LOOKALIKES: &str = "lookalikes";

/// Returns the names that unresolved alerts list.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn listed_names(snapshot: &Snapshot) -> Result<BTreeSet<Name>, StoreError> {
    let alerts = snapshot.alerts()?.into_iter();
    let lasting = alerts.filter(|alert| alert.source == LOOKALIKES && !alert.is_resolved());
    let names = |alert: Alert| {
        let items = alert.evidence.into_iter();
        items.filter_map(|item| item.name().and_then(|name| Name::parse(name).ok()))
    };
    Ok(lasting.flat_map(names).collect())
}

/// Returns the alerts to raise for all matches.
pub(super) fn reported_alerts(
    found: &BTreeMap<Name, Vec<Match>>,
    served: &BTreeSet<Name>,
) -> Vec<ReportedAlert> {
    let mut alerts: BTreeMap<AlertIdentity, Vec<(&Name, &Match)>> = BTreeMap::new();
    for (name, matches) in found {
        for found in matches {
            alerts.entry(identity(&found.target, name)).or_default().push((name, found));
        }
    }
    let report = |(identity, all): (AlertIdentity, Vec<(&Name, &Match)>)| {
        // What exceeds the list stays withheld until an overlay decides about those names.
        let items = all.iter().flat_map(|(name, found)| items(name, found));
        let reported = ReportedAlert::new(AlertKind::Lookalike, "", items);
        ReportedAlert {
            identity,
            served: all.iter().any(|(name, _)| served.contains(*name)),
            count: all.len() as u64,
            score: all.iter().map(|(_, found)| found.score).max(),
            ..reported
        }
    };
    alerts.into_iter().map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{MAX_ITEMS, reconcile};
    use crate::lookalike::{Field, Level, Signal, Technique, Why};
    use crate::model::{Actor, Timestamp};

    fn found(technique: Technique) -> Match {
        let value = "stripe".to_owned();
        let signal = Signal { technique, field: Field::Leaf, value: value.clone(), target: value };
        Match {
            target: "stripe".to_owned(),
            why: Why::Listed,
            level: Level::High,
            score: 40,
            signals: vec![signal],
            suppressed: None,
        }
    }

    fn name(number: usize) -> Name {
        Name::parse(&format!("io.github.someone/stripe-{number:04}")).expect("a name")
    }

    /// P53.
    #[test]
    fn alert_lists_bounded_items_and_acknowledgement_covers_only_these() {
        let heavy = || found(Technique::BrandInLeaf);
        let mut all: BTreeMap<Name, Vec<Match>> =
            (0..=MAX_ITEMS).map(|number| (name(number), vec![heavy()])).collect();
        let light = found(Technique::BrandInTitle);
        all.insert(name(9_999), vec![light.clone()]);
        let seen = reported_alerts(&all, &BTreeSet::new());
        assert_eq!((seen.len(), seen[0].count), (1, MAX_ITEMS as u64 + 2));
        assert_eq!(seen[0].evidence.len(), MAX_ITEMS + 1);
        let now = Timestamp::from_micros(1);
        let alerts = reconcile("x", &[], seen, now);
        let alert = alerts[0].clone().acknowledge("alice", "asked them", Actor::LocalUser(1), now);
        assert!(is_acknowledged(&alert, &name(0), &heavy()));
        // Copies of one technique do not displace the only item of another.
        assert!(is_acknowledged(&alert, &name(9_999), &light));
        assert!(!is_acknowledged(&alert, &name(MAX_ITEMS), &heavy()), "it was not listed");
        assert!(alert.is_open(), "what was not listed was not acknowledged");
    }
}
