use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::handle::Publication;
use super::remarks::{Remarks, Shadowed};
use crate::alert::{AlertKind, Evidence, Observation};
use crate::catalog::{Facts, Loaded, NameUpdate};
use crate::curation::claims_namespace;
use crate::daemon::runtime::observe;
use crate::model::{Damage, Name, Version};

/// Where alerts about single names come from.
const NAMES: &str = "names";

/// How many names of an upstream may be spoken for by another before they are only counted: a
/// second registry that mirrors the first is no news ten thousand times over.
const MAX_SHADOWED: usize = 100;

/// Who sent metadata under our own namespace with an entry.
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

/// What there is to say of single names, kept between publications, since each of them looks only
/// at the names that were touched.
#[derive(Debug, Default)]
pub(super) struct Notes {
    by_name: BTreeMap<Name, Vec<Observation>>,
    /// Names that lost to another upstream, by the upstream that lists them in vain.
    shadowed: BTreeMap<String, BTreeMap<Name, Shadowed>>,
    /// Served versions that came with metadata under our own namespace.
    claims: BTreeMap<Name, BTreeMap<Version, Claim>>,
    /// Served names by their ASCII-folded form.
    served: HashMap<String, BTreeSet<Name>>,
    /// Those of them that more than one served name has.
    twins: BTreeSet<String>,
    /// What was told last.
    told: Option<Vec<Observation>>,
}

impl Notes {
    /// Forgets what was said of a name, which is looked at anew.
    pub(super) fn begin(&mut self, name: &Name) {
        self.by_name.remove(name);
        for names in self.shadowed.values_mut() {
            names.remove(name);
        }
    }

    /// Keeps what a look at a name remarked.
    pub(super) fn keep(&mut self, name: &Name, remarks: Remarks) {
        remarks.observations.into_iter().for_each(|seen| self.add(name, seen));
        for (upstream, lost) in remarks.shadowed {
            self.shadowed.entry(upstream).or_default().insert(name.clone(), lost);
        }
    }

    /// A stored row of the name is damaged: it is hidden.
    pub(super) fn damaged(&mut self, name: &Name, damage: &Damage) {
        let mut remarks = Remarks::default();
        remarks.damaged(name, damage);
        self.keep(name, remarks);
    }

    /// Looks at what is to be served of a name by now.
    pub(super) fn look_at(&mut self, update: &NameUpdate<'_>, namespace: &str) {
        self.serves(update.name, !update.candidates.is_empty());
        let mut before = self.claims.remove(update.name).unwrap_or_default();
        let claims = update.candidates.iter().filter_map(|candidate| {
            let version = &candidate.version;
            let claim = match &candidate.loaded {
                Some(loaded) => Claim::of(loaded, &candidate.facts, namespace),
                // As it was when it was looked at before.
                None => before.remove(version),
            };
            Some((version.clone(), claim?))
        });
        let claims: BTreeMap<Version, Claim> = claims.collect();
        if !claims.is_empty() {
            self.claims.insert(update.name.clone(), claims);
        }
    }

    /// Every name that anything was said of.
    pub(super) fn names(&self) -> BTreeSet<Name> {
        let lost = self.shadowed.values().flat_map(BTreeMap::keys);
        self.by_name.keys().chain(lost).cloned().collect()
    }

    fn serves(&mut self, name: &Name, served: bool) {
        let folded = name.folded();
        let names = self.served.entry(folded.clone()).or_default();
        match served {
            true => drop(names.insert(name.clone())),
            false => drop(names.remove(name)),
        }
        match names.len() {
            0 => drop(self.served.remove(&folded)),
            1 => drop(self.twins.remove(&folded)),
            _ => drop(self.twins.insert(folded)),
        }
    }

    /// Raises and ends alerts, when there is anything new to say.
    pub(super) fn report(&mut self, publication: &Publication) {
        let seen = self.observations();
        if self.told.as_ref() != Some(&seen) {
            let stored = observe(&publication.store, &publication.clock, NAMES, seen.clone());
            self.told = stored.then_some(seen);
        }
    }

    fn add(&mut self, name: &Name, observation: Observation) {
        self.by_name.entry(name.clone()).or_default().push(observation);
    }

    /// Publishers one by one, and upstreams by how many names: a mirror of ours does it with all.
    fn claimed(&self) -> Vec<Observation> {
        const KIND: AlertKind = AlertKind::ForgedMetadata;
        let (mut seen, mut by_upstream) = (Vec::new(), BTreeMap::<&str, u64>::new());
        for (name, claims) in &self.claims {
            let upstreams: BTreeSet<&str> =
                claims.values().filter_map(|claim| claim.upstream.as_deref()).collect();
            upstreams.iter().for_each(|id| *by_upstream.entry(id).or_default() += 1);
            for (version, _) in claims.iter().filter(|(_, claim)| claim.publisher) {
                let forged = Observation::new(KIND, format!("{name}@{version}"), []);
                seen.push(forged.of_namespace(name.namespace()).about_served(true));
            }
        }
        for (upstream, count) in by_upstream {
            seen.push(Observation { count, ..Observation::new(KIND, upstream, []) });
        }
        seen
    }

    fn observations(&self) -> Vec<Observation> {
        let mut seen: Vec<Observation> = self.by_name.values().flatten().cloned().collect();
        for (upstream, names) in &self.shadowed {
            if names.len() > MAX_SHADOWED {
                let shadowed = Observation::new(AlertKind::Shadowed, upstream, []);
                let served = names.values().any(|lost| lost.served);
                let count = names.len() as u64;
                seen.push(Observation { served, count, ..shadowed });
                continue;
            }
            seen.extend(names.iter().map(|(name, lost)| {
                let (upstream, owner) = (upstream.clone(), lost.to.clone());
                let item = Evidence::Shadowed { upstream, owner };
                Observation::new(AlertKind::Shadowed, name.as_str(), [item])
                    .of_namespace(name.namespace())
                    .about_served(lost.served)
            }));
        }
        seen.extend(self.claimed());
        for folded in &self.twins {
            let names = self.served.get(folded).into_iter().flatten();
            let twins = names.map(|name| Evidence::CaseTwin { name: name.to_string() });
            let twins = Observation::new(AlertKind::CaseTwins, folded, twins);
            seen.push(twins.about_served(true));
        }
        // A map of hashes has no order, and what did not change must be the same.
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

    fn kinds(notes: &Notes) -> Vec<(&'static str, String, u64)> {
        let seen = notes.observations().into_iter();
        seen.map(|it| (it.identity.kind.as_str(), it.identity.subject, it.count)).collect()
    }

    #[test]
    fn names_that_differ_in_case_only_are_told_as_long_as_both_are_served() {
        let mut notes = Notes::default();
        let (upper, lower) = (name("io.github.Acme/Tool"), name("io.github.acme/tool"));
        notes.serves(&upper, true);
        assert_eq!(kinds(&notes), []);
        notes.serves(&lower, true);
        assert_eq!(kinds(&notes), [("case-twins", "io.github.acme/tool".into(), 1)]);
        notes.serves(&upper, false);
        assert_eq!(kinds(&notes), []);
    }

    #[test]
    fn a_mirror_of_the_same_registry_is_one_alert_and_a_few_names_are_one_each() {
        let mut notes = Notes::default();
        let lost = |index: usize| {
            let lost = Shadowed { to: "official".into(), served: false };
            (name(&format!("com.n{index}/tool")), lost)
        };
        notes.shadowed.insert("mirror".into(), (0..2).map(lost).collect());
        assert_eq!(kinds(&notes).len(), 2);
        notes.shadowed.insert("mirror".into(), (0..101).map(lost).collect());
        assert_eq!(kinds(&notes), [("shadowed", "mirror".into(), 101)]);
        notes.begin(&name("com.n7/tool"));
        assert_eq!(kinds(&notes).len(), 100);
    }
}
