use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::curation::{Authorities, Authority, Dossier, DossierRow};
use crate::model::{Name, Status, Timestamp};
use crate::overlay::{NamePattern, OverlaySet, Rule};

/// A name with an approval in this letter case or in another one, as far as a rename can be seen by it.
#[derive(Debug)]
pub(super) enum Spelling {
    /// It is approved as it is written; true if an upstream lists it and did not delete it.
    Approved { is_alive: bool },
    /// It is listed, and only approved in other letter case, by these rules.
    Listed { rules: Vec<(NamePattern, String)> },
}

impl Spelling {
    /// Returns `None` for a name that tells nothing of a rename.
    pub(super) fn of(
        dossier: &Dossier,
        authorities: &Authorities<'_>,
        set: &OverlaySet,
        now: Timestamp,
    ) -> Option<Self> {
        // An upstream that may not list the name says nothing of it.
        let is_its = |row: &&DossierRow| {
            authorities.authority_of(&row.upstream, &row.version, now) == Authority::Authoritative
        };
        let mut heads = dossier.rows.iter().filter(is_its).map(|row| row.content.head);
        let is_alive = heads.any(|head| !head.missing && head.status != Status::Deleted);
        let rules = set.approved_in_other_case(&dossier.name);
        if is_alive && !rules.is_empty() {
            let placed = |rule: &Rule| (rule.name.clone(), rule.place.to_string());
            return Some(Self::Listed { rules: rules.into_iter().map(placed).collect() });
        }
        // Of the names below a wildcard those that are gone are enough.
        let rules = set.rules_for(&dossier.name);
        let mut approving = rules.rules().filter(|rule| rule.approved().is_some());
        let is_approved = approving.any(|rule| rule.name.is_exact() || !is_alive);
        is_approved.then_some(Self::Approved { is_alive })
    }
}

/// The spellings of names, by name.
#[derive(Debug, Default)]
pub(super) struct Renames(BTreeMap<Name, Spelling>);

impl Renames {
    pub(super) fn forget(&mut self, name: &Name) {
        self.0.remove(name);
    }

    pub(super) fn keep(&mut self, name: &Name, spelling: Spelling) {
        self.0.insert(name.clone(), spelling);
    }

    /// Returns the names that are only approved in other letter case.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        let listed =
            self.0.iter().filter(|(_, spelling)| matches!(spelling, Spelling::Listed { .. }));
        listed.map(|(name, _)| name)
    }

    /// Returns one alert for each approved name that is gone while it is listed in other letter case.
    pub(super) fn reported_alerts(&self) -> Vec<ReportedAlert> {
        let mut gone: HashMap<String, BTreeSet<&Name>> = HashMap::new();
        for (name, spelling) in &self.0 {
            if matches!(spelling, Spelling::Approved { is_alive: false }) {
                gone.entry(name.folded()).or_default().insert(name);
            }
        }
        let mut renamed: BTreeMap<&Name, (BTreeSet<Evidence>, BTreeSet<Figure>)> = BTreeMap::new();
        for (to, spelling) in &self.0 {
            let Spelling::Listed { rules } = spelling else { continue };
            for (pattern, place) in rules {
                let mut from: BTreeSet<&Name> = gone.get(&to.folded()).cloned().unwrap_or_default();
                // A name that no upstream ever listed was not evaluated.
                from.extend(spelled_out(pattern).filter(|name| !self.0.contains_key(*name)));
                for from in from.into_iter().filter(|from| pattern.covers(from)) {
                    let (items, places) = renamed.entry(from).or_default();
                    items.insert(Evidence::Renamed { from: from.to_string(), to: to.to_string() });
                    places.insert(Figure::Rule { place: place.clone() });
                }
            }
        }
        let alert = |(from, (items, places)): (&Name, (_, BTreeSet<Figure>))| {
            let alert = ReportedAlert::new(AlertKind::Renamed, from.as_str(), items);
            let alert = alert.of_namespace(from.namespace());
            ReportedAlert { figures: places.into_iter().collect(), ..alert }
        };
        renamed.into_iter().map(alert).collect()
    }
}

fn spelled_out(pattern: &NamePattern) -> Option<&Name> {
    match pattern {
        NamePattern::Exact(name) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curation::PolicySnapshot;
    use crate::curation::tests::fixtures::{listed, overlays, policy};

    const APPROVED: &str =
        "servers: [{name: io.github.acme/Tool, approval: {state: approved, reviewed: 2026-02-01}}]";

    fn set(yaml: &str) -> PolicySnapshot {
        policy(overlays(yaml, Timestamp::parse("2026-06-01T00:00:00Z").expect("a time")))
    }

    fn spelling(dossier: &Dossier, policy: &PolicySnapshot) -> Option<Spelling> {
        let rules = policy.overlays.rules_for(&dossier.name);
        let authorities = Authorities::of(dossier, policy, &rules);
        Spelling::of(dossier, &authorities, &policy.overlays, Timestamp::MIN)
    }

    fn renamed(renames: &Renames) -> Vec<(String, usize)> {
        let alerts = renames.reported_alerts().into_iter();
        alerts.map(|alert| (alert.identity.subject, alert.evidence.len())).collect()
    }

    #[test]
    fn approved_name_that_is_gone_and_listed_in_other_case_is_renamed() {
        let (mut renames, set) = (Renames::default(), set(APPROVED));
        let look_at = |renames: &mut Renames, dossier: &Dossier, set: &PolicySnapshot| {
            renames.forget(&dossier.name);
            if let Some(spelling) = spelling(dossier, set) {
                renames.keep(&dossier.name, spelling);
            }
        };
        let old = |status| listed("io.github.acme/Tool", status);
        let new = |status| listed("io.github.Acme/tool", status);
        look_at(&mut renames, &old(Status::Active), &set);
        look_at(&mut renames, &new(Status::Active), &set);
        assert_eq!(renamed(&renames), [], "both are listed");
        look_at(&mut renames, &old(Status::Deleted), &set);
        assert_eq!(renamed(&renames), [("io.github.acme/Tool".to_owned(), 1)]);
        look_at(&mut renames, &new(Status::Deleted), &set);
        assert_eq!(renamed(&renames), [], "neither is listed");
        let mut renames = Renames::default();
        look_at(&mut renames, &new(Status::Active), &set);
        assert_eq!(
            renamed(&renames),
            [("io.github.acme/Tool".to_owned(), 1)],
            "it was never listed"
        );
        let both = self::set(
            "servers: [{name: io.github.acme/Tool, approval: {state: approved, reviewed: 2026-02-01}}, \
             {name: io.github.Acme/tool, approval: {state: approved, reviewed: 2026-02-01}}]",
        );
        look_at(&mut renames, &new(Status::Active), &both);
        assert_eq!(renamed(&renames), [], "a reviewer wrote both");
    }

    #[test]
    fn name_below_a_wildcard_that_is_gone_and_listed_in_other_case_is_renamed() {
        let set = set(
            "servers: [{name: io.github.acme/*, approval: {state: approved, reviewed: 2026-02-01}}]",
        );
        let mut renames = Renames::default();
        for (name, status) in [
            ("io.github.acme/tool", Status::Deleted),
            ("io.github.Acme/tool", Status::Active),
            ("io.github.Acme/other", Status::Active),
        ] {
            let dossier = listed(name, status);
            if let Some(spelling) = spelling(&dossier, &set) {
                renames.keep(&dossier.name, spelling);
            }
        }
        assert_eq!(renamed(&renames), [("io.github.acme/tool".to_owned(), 1)]);
    }
}
