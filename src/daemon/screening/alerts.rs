use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{Alert, AlertIdentity, AlertKind, Evidence, ReportedAlert};
use crate::lookalike::Match;
use crate::model::Name;

/// Items that one alert lists. Further names stay withheld until an overlay decides about them by name.
const MAX_ITEMS: usize = 1_000;

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
    let report = |(identity, mut all): (AlertIdentity, Vec<(&Name, &Match)>)| {
        // The lightest items are cut off.
        all.sort_by_key(|(_, found)| std::cmp::Reverse(found.score));
        let mut items = all.iter().flat_map(|(name, found)| items(name, found));
        let listed: Vec<Evidence> = items.by_ref().take(MAX_ITEMS).collect();
        let unlisted = items.next().map(|_| Evidence::Unlisted);
        let reported =
            ReportedAlert::new(AlertKind::Lookalike, "", listed.into_iter().chain(unlisted));
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
    use crate::lookalike::{Field, Level, Signal, Technique, Why};

    fn found(score: u8) -> Match {
        let signal = Signal {
            technique: Technique::BrandInLeaf,
            field: Field::Leaf,
            value: "stripe".to_owned(),
            target: "stripe".to_owned(),
        };
        Match {
            target: "stripe".to_owned(),
            why: Why::Listed,
            level: Level::High,
            score,
            signals: vec![signal],
            suppressed: None,
        }
    }

    fn name(number: usize) -> Name {
        Name::parse(&format!("io.github.someone/stripe-{number}")).expect("a name")
    }

    #[test]
    fn alert_lists_bounded_items_and_acknowledgement_covers_only_these() {
        let all: BTreeMap<Name, Vec<Match>> =
            (0..=MAX_ITEMS).map(|number| (name(number), vec![found(10)])).collect();
        let mut all = all;
        let (heavy, light) = (name(MAX_ITEMS), name(7));
        all.insert(heavy.clone(), vec![found(40)]);
        all.insert(light.clone(), vec![found(1)]);
        let seen = reported_alerts(&all, &BTreeSet::new());
        assert_eq!((seen.len(), seen[0].count), (1, MAX_ITEMS as u64 + 1));
        assert_eq!(seen[0].evidence.len(), MAX_ITEMS + 1);
        let alerts =
            crate::alert::reconcile("x", &[], seen, crate::model::Timestamp::from_micros(1));
        let now = crate::model::Timestamp::from_micros(2);
        let alert = alerts[0].clone().acknowledge("alice", "asked them", now);
        assert!(is_acknowledged(&alert, &heavy, &found(40)));
        assert!(!is_acknowledged(&alert, &light, &found(1)), "it was not listed");
    }
}
