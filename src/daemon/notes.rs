use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Shared;
use super::alerts::{NAMES, observe};
use crate::alert::Observation;
use crate::catalog::{Facts, Loaded, NameUpdate};
use crate::curation::{Outcome, Speakers, Speech, claims_namespace};
use crate::model::{Malformed, Name, Version};
use crate::store::StoredHead;

/// How many names of an upstream may be spoken for by another before they are only counted: a
/// second registry that mirrors the first is no news ten thousand times over.
const MAX_SHADOWED: usize = 100;

/// A name that an upstream lists in vain.
#[derive(Debug)]
struct Lost {
    to: String,
    served: bool,
}

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

/// What one look at a name remarks.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    observations: Vec<Observation>,
    /// Upstreams that list the name in vain.
    lost: Vec<(String, Lost)>,
}

impl Remarks {
    /// A stored row of the name is damaged: it is hidden.
    pub(super) fn damaged(&mut self, name: &Name, detail: &str) {
        let damage = Observation::new("damaged-row", name.as_str(), detail).about_served(true);
        self.observations.push(damage);
    }

    /// An approval pins a digest that the entry does not have.
    pub(super) fn differs_from_pin(&mut self, stored: &StoredHead, outcome: &Outcome<'_>) {
        let StoredHead { name, version, .. } = stored;
        let Outcome::Fail(evidence) = outcome else { return };
        let subject = format!("{name}@{version}");
        let differs = Observation::new("pin-mismatch", subject, evidence.to_string());
        self.observations.push(differs.of_namespace(name.namespace()));
    }

    /// The account that holds the namespace came after the entry: somebody else published it.
    pub(super) fn refuted(&mut self, stored: &StoredHead, why: &str) {
        let StoredHead { name, version, .. } = stored;
        let detail = format!("{why}; the entry is hidden");
        let refuted = Observation::new("ownership-refuted", format!("{name}@{version}"), detail);
        self.observations.push(refuted.of_namespace(name.namespace()));
    }

    /// A strict client would refuse the entry, and the whole page with it, so it is not served.
    pub(super) fn unreadable(&mut self, stored: &StoredHead, flaw: &Malformed) {
        let StoredHead { name, version, .. } = stored;
        let detail =
            format!("approved, and not served since strict clients cannot read it: {flaw}");
        let unreadable = Observation::new("unreadable", format!("{name}@{version}"), detail);
        self.observations.push(unreadable.of_namespace(name.namespace()));
    }

    /// Which upstreams list the name and may not speak for it: what could be a squatter.
    pub(super) fn spoken_for(
        &mut self,
        speakers: &Speakers<'_>,
        heads: &[StoredHead],
        served: bool,
    ) {
        let upstreams: BTreeSet<&str> = heads.iter().map(|head| head.upstream.as_str()).collect();
        let Some(name) = heads.first().map(|head| &head.name) else { return };
        for upstream in upstreams {
            let speech = speakers.speech(upstream);
            let detail = format!("{upstream} lists it in vain: {speech}");
            let kind = match speech {
                Speech::BelongsTo(owner) => {
                    self.lost.push((upstream.to_owned(), Lost { to: owner, served }));
                    continue;
                }
                Speech::Internal => "internal-name",
                Speech::PassedFrom(_) => "passed-name",
                Speech::May | Speech::Disabled | Speech::NotItsNamespace => continue,
            };
            let lost = Observation::new(kind, name.as_str(), detail);
            self.observations.push(lost.of_namespace(name.namespace()).about_served(served));
        }
    }
}

/// What there is to say of single names, kept between publications, since each of them looks only
/// at the names that were touched.
#[derive(Debug, Default)]
pub(super) struct Notes {
    by_name: BTreeMap<Name, Vec<Observation>>,
    /// Names that lost to another upstream, by the upstream that lists them in vain.
    shadowed: BTreeMap<String, BTreeMap<Name, Lost>>,
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
        for (upstream, lost) in remarks.lost {
            self.shadowed.entry(upstream).or_default().insert(name.clone(), lost);
        }
    }

    /// A stored row of the name is damaged: it is hidden.
    pub(super) fn damaged(&mut self, name: &Name, detail: &str) {
        let mut remarks = Remarks::default();
        remarks.damaged(name, detail);
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
    pub(super) fn tell(&mut self, shared: &Shared) {
        let seen = self.observations();
        if self.told.as_ref() != Some(&seen) {
            let stored = observe(&shared.store, &shared.clock, NAMES, seen.clone());
            self.told = stored.then_some(seen);
        }
    }

    fn add(&mut self, name: &Name, observation: Observation) {
        self.by_name.entry(name.clone()).or_default().push(observation);
    }

    /// Publishers one by one, and upstreams by how many names: a mirror of ours does it with all.
    fn claimed(&self) -> Vec<Observation> {
        const KIND: &str = "forged-metadata";
        let (mut seen, mut by_upstream) = (Vec::new(), BTreeMap::<&str, u64>::new());
        for (name, claims) in &self.claims {
            let upstreams: BTreeSet<&str> =
                claims.values().filter_map(|claim| claim.upstream.as_deref()).collect();
            upstreams.iter().for_each(|id| *by_upstream.entry(id).or_default() += 1);
            for (version, _) in claims.iter().filter(|(_, claim)| claim.publisher) {
                let detail = "its publisher sent metadata under this registry's own namespace; it was left out";
                let forged = Observation::new(KIND, format!("{name}@{version}"), detail);
                seen.push(forged.of_namespace(name.namespace()).about_served(true));
            }
        }
        for (upstream, count) in by_upstream {
            let detail = "it sends metadata under this registry's own namespace; it was left out";
            seen.push(Observation { count, ..Observation::new(KIND, upstream, detail) });
        }
        seen
    }

    fn observations(&self) -> Vec<Observation> {
        let mut seen: Vec<Observation> = self.by_name.values().flatten().cloned().collect();
        for (upstream, names) in &self.shadowed {
            if names.len() > MAX_SHADOWED {
                let detail = "it lists names that belong to other upstreams";
                let shadowed = Observation::new("shadowed", upstream, detail);
                let served = names.values().any(|lost| lost.served);
                let count = names.len() as u64;
                seen.push(Observation { served, count, ..shadowed });
                continue;
            }
            seen.extend(names.iter().map(|(name, lost)| {
                let detail =
                    format!("{upstream} lists it in vain: the name belongs to {}", lost.to);
                Observation::new("shadowed", name.as_str(), detail)
                    .of_namespace(name.namespace())
                    .about_served(lost.served)
            }));
        }
        seen.extend(self.claimed());
        for folded in &self.twins {
            let names = self.served.get(folded).into_iter().flatten();
            let names: Vec<&str> = names.map(Name::as_str).collect();
            let detail = format!("served side by side: {}", names.join(", "));
            seen.push(Observation::new("case-twins", folded, detail).about_served(true));
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
        notes.observations().into_iter().map(|it| (it.kind, it.subject, it.count)).collect()
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
            let lost = Lost { to: "official".into(), served: false };
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
