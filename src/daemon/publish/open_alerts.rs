use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::handle::Publication;
use super::name_alerts::{NameAlerts, Shadowed};
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::catalog::{Facts, Loaded, NameUpdate};
use crate::curation::claims_namespace;
use crate::daemon::runtime::report_alerts;
use crate::model::{Damage, Name, Version};

/// The source of alerts about single names.
const NAMES: &str = "names";
/// The source of alerts about names that are no longer served: of its own, so that many of them take no place of others.
const LEFT: &str = "names that left";

/// Above this number, the shadowed names of an upstream are only counted: a second registry that
/// mirrors the first must not raise ten thousand alerts.
const MAX_SHADOWED: usize = 100;

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
            .then(|| facts.upstream().to_owned());
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
    /// The alerts that were stored last.
    stored: Option<Vec<ReportedAlert>>,
}

impl OpenAlerts {
    /// Forgets the alerts about a name, which is evaluated again.
    pub(super) fn begin(&mut self, name: &Name) {
        self.by_name.remove(name);
        for names in self.shadowed.values_mut() {
            names.remove(name);
        }
    }

    /// Keeps the alerts of an evaluation of a name.
    pub(super) fn keep(&mut self, name: &Name, alerts: NameAlerts) {
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

    /// Returns every name with an alert.
    pub(super) fn names(&self) -> BTreeSet<Name> {
        let lost = self.shadowed.values().flat_map(BTreeMap::keys);
        self.by_name.keys().chain(lost).cloned().collect()
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
        let seen = self.reported_alerts();
        if self.stored.as_ref() == Some(&seen) {
            return;
        }
        let is_left = |alert: &ReportedAlert| alert.identity.kind == AlertKind::NoLongerServed;
        let (left, others): (Vec<_>, Vec<_>) = seen.iter().cloned().partition(is_left);
        let Publication { store, clock, .. } = publication;
        let are_stored = [(NAMES, others), (LEFT, left)]
            .map(|(source, alerts)| report_alerts(store, clock, source, alerts));
        self.stored = (are_stored == [true, true]).then_some(seen);
    }

    fn add(&mut self, name: &Name, alert: ReportedAlert) {
        self.by_name.entry(name.clone()).or_default().push(alert);
    }

    /// Returns alerts for each publisher's claim, and one per upstream with the number of names: an
    /// upstream that mirrors this registry claims all of them.
    fn claimed(&self) -> Vec<ReportedAlert> {
        const KIND: AlertKind = AlertKind::ForgedMetadata;
        let (mut seen, mut by_upstream) = (Vec::new(), BTreeMap::<&str, u64>::new());
        for (name, claims) in &self.claims {
            let upstreams: BTreeSet<&str> =
                claims.values().filter_map(|claim| claim.upstream.as_deref()).collect();
            upstreams.iter().for_each(|id| *by_upstream.entry(id).or_default() += 1);
            for (version, _) in claims.iter().filter(|(_, claim)| claim.publisher) {
                let forged = ReportedAlert::new(KIND, format!("{name}@{version}"), []);
                seen.push(forged.of_namespace(name.namespace()).of_served(true));
            }
        }
        for (upstream, count) in by_upstream {
            seen.push(ReportedAlert { count, ..ReportedAlert::new(KIND, upstream, []) });
        }
        seen
    }

    fn reported_alerts(&self) -> Vec<ReportedAlert> {
        let mut seen: Vec<ReportedAlert> = self.by_name.values().flatten().cloned().collect();
        for (upstream, names) in &self.shadowed {
            if names.len() > MAX_SHADOWED {
                let shadowed = ReportedAlert::new(AlertKind::Shadowed, upstream, []);
                let served = names.values().any(|lost| lost.served);
                let count = names.len() as u64;
                seen.push(ReportedAlert { served, count, ..shadowed });
                continue;
            }
            seen.extend(names.iter().map(|(name, lost)| {
                let (upstream, owner) = (upstream.clone(), lost.to.clone());
                let item = Evidence::Shadowed { upstream, owner };
                ReportedAlert::new(AlertKind::Shadowed, name.as_str(), [item])
                    .of_namespace(name.namespace())
                    .of_served(lost.served)
            }));
        }
        seen.extend(self.claimed());
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn more_shadowed_names_than_the_limit_raise_one_alert() {
        let mut open_alerts = OpenAlerts::default();
        let lost = |index: usize| {
            let lost = Shadowed { to: "official".into(), served: false };
            (name(&format!("com.n{index}/tool")), lost)
        };
        open_alerts.shadowed.insert("mirror".into(), (0..2).map(lost).collect());
        assert_eq!(kinds(&open_alerts).len(), 2);
        open_alerts.shadowed.insert("mirror".into(), (0..101).map(lost).collect());
        assert_eq!(kinds(&open_alerts), [("shadowed", "mirror".into(), 101)]);
        open_alerts.begin(&name("com.n7/tool"));
        assert_eq!(kinds(&open_alerts).len(), 100);
    }
}
