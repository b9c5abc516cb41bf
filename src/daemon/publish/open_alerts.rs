use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::handle::Publication;
use super::name_alerts::{NameAlerts, Shadowed};
use super::renames::Renames;
use crate::alert::{AlertIdentity, AlertKind, Evidence, Report, ReportedAlert};
use crate::catalog::{Facts, Loaded, NameUpdate};
use crate::curation::claims_namespace;
use crate::daemon::runtime::report_alerts;
use crate::model::{Damage, Name, Version};

/// The source of alerts about single names.
const NAMES: &str = "names";
/// The source of alerts about what upstreams and package registries do to approved names: of its own, so that many of them take no place of
/// others.
const LIFECYCLE: &str = "lifecycle";
/// The kinds of that source.
const OF_LIFECYCLE: [AlertKind; 6] = [
    AlertKind::MaterialChange,
    AlertKind::NewerVersions,
    AlertKind::NoLongerServed,
    AlertKind::PackageUnconfirmed,
    AlertKind::Renamed,
    AlertKind::StatusChanged,
];

/// The senders of metadata under our own namespace in an entry.
#[derive(Debug)]
struct Claim {
    publisher: bool,
    upstream: Option<String>,
}

impl Claim {
    fn of(loaded: &Loaded, facts: &Facts, namespace: &str) -> Option<Self> {
        let publisher = claims_namespace(&loaded.entry.server, &["_meta"], namespace);
        let upstream = claims_namespace(&loaded.entry.meta, &[], namespace)
            .then(|| facts.upstream().to_string());
        (publisher || upstream.is_some()).then_some(Self { publisher, upstream })
    }
}

/// The alerts about single names, kept between publications, since each publication evaluates only
/// the names that were touched.
#[derive(Debug, Default)]
pub(super) struct OpenAlerts {
    by_name: BTreeMap<Name, Vec<ReportedAlert>>,
    /// Names for which another upstream is authoritative, by the upstream that lists them.
    shadowed: BTreeMap<String, BTreeMap<Name, Shadowed>>,
    /// Served versions that came with metadata under our own namespace.
    claims: BTreeMap<Name, BTreeMap<Version, Claim>>,
    /// Served names by their ASCII-folded form.
    served: HashMap<String, BTreeSet<Name>>,
    /// The folded forms that more than one served name has.
    twins: BTreeSet<String>,
    /// Names of which not everything is known: other alerts about them may still be the case.
    incomplete: BTreeSet<Name>,
    renames: Renames,
    /// The alerts that were stored last, and the incomplete names then.
    stored: Option<(Vec<ReportedAlert>, BTreeSet<Name>)>,
}

impl OpenAlerts {
    /// Forgets the alerts about a name, which is evaluated again.
    pub(super) fn begin(&mut self, name: &Name) {
        self.by_name.remove(name);
        self.incomplete.remove(name);
        self.renames.forget(name);
        for names in self.shadowed.values_mut() {
            names.remove(name);
        }
    }

    /// Keeps the alerts of an evaluation of a name.
    pub(super) fn keep(&mut self, name: &Name, alerts: NameAlerts) {
        if let Some(spelling) = alerts.spelling {
            self.renames.keep(name, spelling);
        }
        if alerts.is_incomplete {
            self.incomplete.insert(name.clone());
        }
        alerts.reported_alerts.into_iter().for_each(|seen| self.add(name, seen));
        for (upstream, lost) in alerts.shadowed {
            self.shadowed.entry(upstream).or_default().insert(name.clone(), lost);
        }
    }

    /// Reports a damaged row of the name, which is hidden.
    pub(super) fn damaged(&mut self, name: &Name, damage: &Damage) {
        let mut alerts = NameAlerts::default();
        alerts.damaged(name, damage);
        self.keep(name, alerts);
    }

    /// Updates the alerts that depend on the served entries of a name.
    pub(super) fn look_at(&mut self, update: &NameUpdate<'_>, namespace: &str) {
        self.serves(update.name, !update.candidates.is_empty());
        let mut before = self.claims.remove(update.name).unwrap_or_default();
        let claims = update.candidates.iter().filter_map(|candidate| {
            let version = &candidate.version;
            let claim = match &candidate.loaded {
                Some(loaded) => Claim::of(loaded, &candidate.facts, namespace),
                // Not loaded, so unchanged since its last publication.
                None => before.remove(version),
            };
            Some((version.clone(), claim?))
        });
        let claims: BTreeMap<Version, Claim> = claims.collect();
        if !claims.is_empty() {
            self.claims.insert(update.name.clone(), claims);
        }
    }

    /// Returns the names that differ in letter case from an approved one, which a policy may write otherwise now.
    pub(super) fn respelled(&self) -> impl Iterator<Item = &Name> {
        self.renames.names()
    }

    /// Returns every name with an alert.
    pub(super) fn names(&self) -> BTreeSet<Name> {
        let lost = self.shadowed.values().flat_map(BTreeMap::keys);
        self.by_name.keys().chain(lost).chain(self.renames.names()).cloned().collect()
    }

    fn serves(&mut self, name: &Name, served: bool) {
        let folded = name.folded();
        let names = self.served.entry(folded.clone()).or_default();
        if served {
            names.insert(name.clone());
        } else {
            names.remove(name);
        }
        match names.len() {
            0 => {
                self.served.remove(&folded);
            }
            1 => {
                self.twins.remove(&folded);
            }
            _ => {
                self.twins.insert(folded);
            }
        }
    }

    /// Raises and resolves alerts if anything changed.
    pub(super) fn report(&mut self, publication: &Publication) {
        let current = (self.reported_alerts(), self.incomplete.clone());
        if self.stored.as_ref() == Some(&current) {
            return;
        }
        let (seen, unknown) = &current;
        let is_lifecycle = |alert: &ReportedAlert| OF_LIFECYCLE.contains(&alert.identity.kind);
        let (lifecycle, others): (Vec<_>, Vec<_>) = seen.iter().cloned().partition(is_lifecycle);
        let Publication { store, clock, .. } = publication;
        let are_stored = [(NAMES, others), (LIFECYCLE, lifecycle)].map(|(source, seen)| {
            let report = Report { seen, unknown: unknown.clone(), ..Report::default() };
            report_alerts(store, clock, source, report)
        });
        self.stored = (are_stored == [true, true]).then_some(current);
    }

    fn add(&mut self, name: &Name, alert: ReportedAlert) {
        self.by_name.entry(name.clone()).or_default().push(alert);
    }

    /// Returns alerts for each publisher's claim, and one per upstream: another registry of the same namespace
    /// claims all of its names.
    fn claimed(&self) -> Vec<ReportedAlert> {
        const KIND: AlertKind = AlertKind::ForgedMetadata;
        let (mut seen, mut all_upstreams) = (Vec::new(), BTreeSet::<&str>::new());
        for (name, claims) in &self.claims {
            let upstreams: BTreeSet<&str> =
                claims.values().filter_map(|claim| claim.upstream.as_deref()).collect();
            all_upstreams.extend(upstreams);
            for (version, _) in claims.iter().filter(|(_, claim)| claim.publisher) {
                let forged = ReportedAlert::new(KIND, format!("{name}@{version}"), []);
                seen.push(forged.of_namespace(name.namespace()).of_served(true));
            }
        }
        for upstream in all_upstreams {
            let item = Evidence::SameNamespace { upstream: upstream.to_owned() };
            seen.push(ReportedAlert::new(KIND, upstream, [item]));
        }
        seen
    }

    /// Returns one alert for each upstream, with each name as an item: a registry that mirrors another must not raise ten
    /// thousand alerts, and an acknowledgement must not cover the next name.
    fn all_shadowed(&self) -> impl Iterator<Item = ReportedAlert> {
        let listed = self.shadowed.iter().filter(|(_, names)| !names.is_empty());
        listed.map(|(upstream, names)| {
            let items = names.iter().map(|(name, lost)| Evidence::Shadowed {
                name: name.to_string(),
                upstream: upstream.clone(),
                owner: lost.to.clone(),
            });
            let shadowed = ReportedAlert::new(AlertKind::Shadowed, upstream, items);
            let served = names.values().any(|lost| lost.served);
            ReportedAlert { served, count: names.len() as u64, ..shadowed }
        })
    }

    fn reported_alerts(&self) -> Vec<ReportedAlert> {
        let mut seen: Vec<ReportedAlert> = self.by_name.values().flatten().cloned().collect();
        add_counts(&mut seen);
        seen.extend(self.all_shadowed());
        seen.extend(self.claimed());
        seen.extend(self.renames.reported_alerts());
        for folded in &self.twins {
            let names = self.served.get(folded).into_iter().flatten();
            let twins = names.map(|name| Evidence::CaseTwin { name: name.to_string() });
            let twins = ReportedAlert::new(AlertKind::CaseTwins, folded, twins);
            seen.push(twins.of_served(true));
        }
        // A hash map has no order, and unchanged alerts must compare equal.
        seen.sort();
        seen
    }
}

/// Adds up the counts of alerts that several names report, each for itself: of a rule that ended, and of an owner.
fn add_counts(seen: &mut [ReportedAlert]) {
    const OF_MANY: [AlertKind; 2] = [AlertKind::Expired, AlertKind::NewerVersions];
    let mut counts: BTreeMap<AlertIdentity, u64> = BTreeMap::new();
    let is_shared = |alert: &&mut ReportedAlert| OF_MANY.contains(&alert.identity.kind);
    for alert in seen.iter_mut().filter(is_shared) {
        *counts.entry(alert.identity.clone()).or_default() += alert.count;
    }
    for alert in seen.iter_mut().filter(is_shared) {
        alert.count = counts.get(&alert.identity).copied().unwrap_or(alert.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::reconcile;
    use crate::model::{Actor, Timestamp};

    fn now() -> Timestamp {
        Timestamp::from_micros(1)
    }

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn kinds(open_alerts: &OpenAlerts) -> Vec<(&'static str, String, u64)> {
        let seen = open_alerts.reported_alerts().into_iter();
        seen.map(|alert| (alert.identity.kind.as_str(), alert.identity.subject, alert.count))
            .collect()
    }

    #[test]
    fn case_twins_are_reported_only_while_both_are_served() {
        let mut open_alerts = OpenAlerts::default();
        let (upper, lower) = (name("io.github.Acme/Tool"), name("io.github.acme/tool"));
        open_alerts.serves(&upper, true);
        assert_eq!(kinds(&open_alerts), []);
        open_alerts.serves(&lower, true);
        assert_eq!(kinds(&open_alerts), [("case-twins", "io.github.acme/tool".into(), 1)]);
        open_alerts.serves(&upper, false);
        assert_eq!(kinds(&open_alerts), []);
    }

    #[test]
    fn each_shadowed_name_is_an_item_of_the_alert_about_its_upstream() {
        let mut open_alerts = OpenAlerts::default();
        let lost = |index: usize| {
            let lost = Shadowed { to: "official".into(), served: false };
            (name(&format!("com.n{index}/tool")), lost)
        };
        open_alerts.shadowed.insert("mirror".into(), (0..2).map(lost).collect());
        let seen = open_alerts.reported_alerts();
        assert_eq!(kinds(&open_alerts), [("shadowed", "mirror".into(), 2)]);
        let acknowledged = reconcile("names", &[], seen, now())[0].clone();
        let acknowledged =
            acknowledged.acknowledge("alice", "it mirrors ours", Actor::LocalUser(1), now());
        // A hundred more names change the alert; they replace none, and none of them was acknowledged.
        open_alerts.shadowed.insert("mirror".into(), (0..102).map(lost).collect());
        let changed = reconcile("names", &[acknowledged], open_alerts.reported_alerts(), now());
        let [alert] = changed.as_slice() else { panic!("{changed:?}") };
        let seen = alert.evidence.iter().filter(|item| alert.has_seen(item));
        assert_eq!((alert.count, seen.count(), alert.is_open()), (102, 2, true));
        open_alerts.shadowed.insert("mirror".into(), BTreeMap::new());
        assert_eq!(kinds(&open_alerts), []);
    }

    #[test]
    fn damaged_row_ends_no_other_alert_about_its_name() {
        let mut open_alerts = OpenAlerts::default();
        let tool = name("com.example/tool");
        let pin = ReportedAlert::new(AlertKind::PinMismatch, "com.example/tool@1.0.0", []);
        open_alerts.add(&tool, pin.of_namespace("com.example"));
        let lost = Shadowed { to: "official".into(), served: false };
        open_alerts.shadowed.insert("mirror".into(), [(tool.clone(), lost)].into());
        let stored = reconcile("names", &[], open_alerts.reported_alerts(), now());
        open_alerts.begin(&tool);
        let damage = Damage { what: "a head", key: "com.example/tool@1.0.0".into() };
        open_alerts.damaged(&tool, &damage);
        let seen = open_alerts.reported_alerts();
        let unknown = open_alerts.incomplete.clone();
        let changed =
            reconcile("names", &stored, Report { seen, unknown, ..Report::default() }, now());
        let kinds: Vec<AlertKind> = changed.iter().map(|alert| alert.identity.kind).collect();
        assert_eq!(kinds, [AlertKind::DamagedRow], "{changed:?}");
    }
}
