//! Edits of the overlays, planned before they are loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::actions::{NAMES, edit_overlays};
use super::daemon::Loop;
use super::world::World;
use crate::config::read_overlays;
use crate::daemon::publish::Turn;
use crate::daemon::query::plan_listing;
use crate::daemon::{OverlayFile, Plan, PlannedEffect, PlannedView, Proposal, ProposedChange};
use crate::model::{Digest, Shown, Timestamp};
use crate::store::Snapshot;

/// The loops that answer an edit. Verification is not among them: what it finds later is no part of a plan.
const LOOPS: [Loop; 4] = [Loop::Policy, Loop::Denials, Loop::Screening, Loop::Publish];
const MOST_TURNS: usize = 400;

/// Entries with an effect in a view, as (view, name, version).
type Effects = BTreeMap<PlannedEffect, BTreeSet<(String, String, String)>>;
/// The digests of what the ledgers show, by (view, name, version).
type Served = BTreeMap<(String, String, String), Digest>;

/// Counts that show that the edits had every effect.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) effects: BTreeMap<PlannedEffect, usize>,
    pub(super) loaded: usize,
    pub(super) refused: usize,
}

impl World {
    /// Edits the overlays, plans the edit, loads it, and panics if anything else comes of it.
    pub(super) fn check_plan(&mut self, planned: &mut Planned) {
        self.disk.mend();
        if self.daemon.is_none() {
            self.start();
        }
        assert!(self.drain(), "the loops rest on a disk without faults");
        self.settle();
        let before = self.ledgers();
        edit_overlays(self);
        self.edit_other_rules();
        let services = &self.daemon.as_ref().expect("it runs").services;
        let snapshot = services.store.snapshot().expect("a snapshot");
        let now = services.clock.now();
        let files = read_overlays(&services.settings.overlays);
        let proposal = Proposal {
            overlays: files.sources.iter().map(OverlayFile::from).collect(),
            folder: None,
            base: None,
        };
        let judged = proposal.judge(&services.settings, &services.current_policy(), now);
        let Ok(change) = judged else {
            planned.refused += 1;
            self.settle();
            assert!(self.is_refused(), "a set that is not planned is refused");
            return;
        };
        let wanted = effects(&snapshot, &change, now);
        self.settle();
        assert!(!self.is_refused(), "a set that is planned is loaded");
        let end = self.daemon.as_ref().expect("it runs").services.clock.now();
        if effects(&snapshot, &change, end) != wanted {
            // Time alone changed the answer meanwhile.
            return;
        }
        let found = difference(&before, &self.ledgers());
        assert_eq!(found, wanted, "what was loaded differs from what was planned");
        planned.loaded += 1;
        for (effect, entries) in found {
            *planned.effects.entry(effect).or_default() += entries.len();
        }
        self.remember_rules();
    }

    /// Writes a file of rules that approve and deny nothing.
    fn edit_other_rules(&mut self) {
        let mut rules = Vec::new();
        for _ in 0..self.dice.below(4) {
            let (name, other) = (self.dice.pick(&NAMES), self.dice.pick(&NAMES));
            let (namespace, _) = name.split_once('/').expect("a name");
            rules.push(match self.dice.below(5) {
                0 | 1 if name != other => format!("{{name: {name}, successor: {other}}}"),
                2 => format!("{{name: {namespace}/*, conditions: {{remotes: {{hosts: ['*.corp.example']}}}}}}"),
                3 => format!("{{name: {name}, classification: regulated}}"),
                _ => format!("{{name: {namespace}.*/*, on_drift: suspend}}"),
            });
        }
        let text = format!("servers: [{}]\n", rules.join(", "));
        fs::write(self.folder.path().join("overlays/d.yaml"), &text).expect("a file");
        self.note(format!("other rules: {text}"));
        self.texts.insert(text, Vec::new());
    }

    fn is_refused(&self) -> bool {
        self.daemon.as_ref().expect("it runs").services.current_policy().overlays.refused
    }

    /// Lets the loops that answer an edit take turns until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            let (elapsed, mut wake) = (self.elapsed, None);
            let mut is_busy = false;
            for which in LOOPS {
                let daemon = self.daemon.as_mut().expect("it runs");
                let turn = daemon.turn(which, elapsed, false, &mut self.owners);
                match turn.expect("a disk without faults") {
                    Turn::Busy => is_busy = true,
                    Turn::Until(at) => wake = Some(at),
                    Turn::Idle => {}
                }
            }
            match wake {
                _ if is_busy => {}
                Some(at) if at > elapsed => self.advance(at.saturating_sub(elapsed)),
                _ => return,
            }
        }
        panic!("the loops never rest");
    }

    fn ledgers(&self) -> Served {
        let services = &self.daemon.as_ref().expect("it runs").services;
        let snapshot = services.store.snapshot().expect("a snapshot");
        let mut served = Served::new();
        for view in services.policy().view_names() {
            for entry in snapshot.ledger(view).expect("a ledger") {
                let ((name, version), record) = entry.expect("a record");
                if record.shown == Shown::Visible {
                    let key = (view.to_owned(), name.to_string(), version.to_string());
                    served.insert(key, record.digest);
                }
            }
        }
        served
    }
}

fn difference(before: &Served, after: &Served) -> Effects {
    let mut found = Effects::new();
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let effect = match (before.get(key), after.get(key)) {
            (None, _) => PlannedEffect::Visible,
            (_, None) => PlannedEffect::Hidden,
            (before, after) if before != after => PlannedEffect::Described,
            _ => continue,
        };
        found.entry(effect).or_default().insert(key.clone());
    }
    found
}

fn effects(snapshot: &Snapshot, change: &ProposedChange, now: Timestamp) -> Effects {
    let ProposedChange { before, after, .. } = change;
    let plan = plan_listing(snapshot, before, after, now, usize::MAX, &|| false).expect("a plan");
    let Plan { groups, visible, content, hidden, described, views, .. } = plan;
    let mut found = Effects::new();
    let mut distinct: BTreeMap<PlannedEffect, BTreeSet<(String, String)>> = BTreeMap::new();
    for group in &groups {
        assert_eq!(group.count, group.entries.len() as u64);
        for entry in &group.entries {
            let key = (entry.name.clone(), entry.version.clone());
            distinct.entry(group.effect).or_default().insert(key.clone());
            for view in &entry.views {
                let key = (view.clone(), key.0.clone(), key.1.clone());
                // A ledger has digests of what is shown; they do not tell content from description.
                let seen = match group.effect {
                    PlannedEffect::Content => PlannedEffect::Described,
                    effect => effect,
                };
                let is_new = found.entry(seen).or_default().insert(key);
                assert!(is_new, "an entry has one cause in a view: {entry:?}");
            }
        }
    }
    let count = |effect| distinct.get(&effect).map_or(0, |entries| entries.len() as u64);
    let effects = [
        PlannedEffect::Visible,
        PlannedEffect::Content,
        PlannedEffect::Hidden,
        PlannedEffect::Described,
    ];
    assert_eq!([visible, content, hidden, described], effects.map(count));
    let of_view = |view: &PlannedView| view.visible + view.content + view.hidden + view.described;
    let of_views: u64 = views.iter().map(of_view).sum();
    assert_eq!(of_views, found.values().map(|entries| entries.len() as u64).sum::<u64>());
    found
}
