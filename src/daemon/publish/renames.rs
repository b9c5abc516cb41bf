use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::curation::Dossier;
use crate::model::{Name, Status};
use crate::overlay::OverlaySet;

/// A name that is approved, or that differs from an approved one in letter case only.
#[derive(Debug)]
pub(super) struct Spelling {
    /// True if an upstream lists it and did not delete it.
    is_alive: bool,
    /// The approved names in other letter case, each with the place of its rule, unless it is approved itself.
    approved: Vec<(Name, String)>,
}

impl Spelling {
    /// Returns `None` for a name that no approval spells out, in whichever case.
    pub(super) fn of(dossier: &Dossier, set: &OverlaySet) -> Option<Self> {
        let name = &dossier.name;
        let mut approved: Vec<(Name, String)> = set
            .approved_in_any_case(name)
            .map(|(approved, rule)| (approved.clone(), rule.place.to_string()))
            .collect();
        if approved.is_empty() {
            return None;
        }
        if approved.iter().any(|(approved, _)| approved == name) {
            approved.clear();
        }
        let mut heads = dossier.rows.iter().map(|row| row.content.head);
        let is_alive = heads.any(|head| !head.missing && head.status != Status::Deleted);
        Some(Self { is_alive, approved })
    }
}

/// Approved names, and names that differ from one of them in letter case only.
#[derive(Debug, Default)]
pub(super) struct Renames(BTreeMap<Name, Spelling>);

impl Renames {
    pub(super) fn forget(&mut self, name: &Name) {
        self.0.remove(name);
    }

    pub(super) fn keep(&mut self, name: &Name, spelling: Spelling) {
        self.0.insert(name.clone(), spelling);
    }

    /// Returns the names with an approved one in other letter case.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        let differing = self.0.iter().filter(|(_, spelling)| !spelling.approved.is_empty());
        differing.map(|(name, _)| name)
    }

    /// Returns one alert for each approved name that is gone while it is listed in other letter case.
    pub(super) fn reported_alerts(&self) -> Vec<ReportedAlert> {
        let is_alive = |name: &Name| self.0.get(name).is_some_and(|spelling| spelling.is_alive);
        let mut renamed: BTreeMap<&Name, (BTreeSet<Evidence>, BTreeSet<Figure>)> = BTreeMap::new();
        for (to, Spelling { approved, .. }) in self.0.iter().filter(|(to, _)| is_alive(to)) {
            for (from, place) in approved.iter().filter(|(from, _)| !is_alive(from)) {
                let item = Evidence::Renamed { from: from.to_string(), to: to.to_string() };
                let (items, places) = renamed.entry(from).or_default();
                items.insert(item);
                places.insert(Figure::Rule { place: place.clone() });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curation::tests::fixtures::{listed, overlays};
    use crate::model::Timestamp;

    const APPROVED: &str =
        "servers: [{name: io.github.acme/Tool, approval: {state: approved, reviewed: 2026-02-01}}]";

    fn set(yaml: &str) -> OverlaySet {
        overlays(yaml, Timestamp::parse("2026-06-01T00:00:00Z").expect("a time"))
    }

    fn renamed(renames: &Renames) -> Vec<(String, usize)> {
        let alerts = renames.reported_alerts().into_iter();
        alerts.map(|alert| (alert.identity.subject, alert.evidence.len())).collect()
    }

    #[test]
    fn approved_name_that_is_gone_and_listed_in_other_case_is_renamed() {
        let (mut renames, set) = (Renames::default(), set(APPROVED));
        let look_at = |renames: &mut Renames, dossier: &Dossier, set: &OverlaySet| {
            renames.forget(&dossier.name);
            if let Some(spelling) = Spelling::of(dossier, set) {
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
}
