//! Change sets on hold: a person looks at one, and later releases or discards it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::upstream::Key;
use super::world::World;
use crate::daemon::{HoldReport, change_set_on_hold};
use crate::model::{Actor, Head};
use crate::store::Store;
use crate::sync::{DecisionRequest, HoldDecision};

/// Shows the change set on hold of one upstream, or its changes to one name.
pub(super) fn look_at_hold(world: &mut World) {
    let (id, _) = world.dice.pick(&world.sources);
    let Some(daemon) = &world.daemon else { return };
    let Ok(snapshot) = daemon.services.store.snapshot() else { return };
    let Ok(Some(whole)) = change_set_on_hold(&snapshot, id, None) else { return };
    let names: Vec<&str> = whole.changes.iter().map(|listed| listed.change.name.as_str()).collect();
    let only = world.dice.pick(&names).to_owned();
    let only = world.dice.chance(30).then_some(only);
    let Ok(Some(shown)) = change_set_on_hold(&snapshot, id, only.as_deref()) else { return };
    world.note(format!("a person looks at {} changes on hold of {id}", shown.changes.len()));
    world.shown_holds.insert(id, shown);
}

/// Releases or discards what was shown, perhaps a while ago.
pub(super) fn decide_hold(world: &mut World) {
    let shown: Vec<(&'static str, HoldReport)> =
        world.shown_holds.iter().map(|(id, shown)| (*id, shown.clone())).collect();
    let Some(daemon) = &world.daemon else { return };
    if shown.is_empty() {
        return;
    }
    let services = Arc::clone(&daemon.services);
    let (id, shown) = world.dice.pick(&shown);
    let is_release = world.dice.chance(75);
    let decision = if is_release { HoldDecision::Release } else { HoldDecision::Discard };
    let request = DecisionRequest {
        decision,
        id: shown.id.clone(),
        seen: shown.shown,
        only: shown.only.clone(),
        by: "alice".into(),
        reason: "looked".into(),
        actor: Actor::DataFolder,
    };
    let before = heads(&services.store);
    let decided = services.decide_hold(id, &request);
    let after = heads(&services.store);
    world.shown_holds.remove(id);
    world.note(format!("{} of the set on hold of {id}: {decided:?}", decision.word()));
    let (Some(before), Some(after)) = (before, after) else { return };
    let may_change = is_release && !matches!(decided, Ok(Err(_)));
    let covered: BTreeSet<(String, Key)> = shown
        .changes
        .iter()
        .filter(|_| may_change)
        .map(|listed| {
            let change = &listed.change;
            (id.to_owned(), (change.name.clone(), change.version.clone()))
        })
        .collect();
    let mut keys = before.keys().chain(after.keys());
    let wider = keys.find(|key| before.get(*key) != after.get(*key) && !covered.contains(*key));
    assert_eq!(wider, None, "a decision changed what was not shown");
    if may_change {
        world.tally.released += 1;
    }
}

/// Returns every stored head.
fn heads(store: &Store) -> Option<BTreeMap<(String, Key), Head>> {
    let snapshot = store.snapshot().ok()?;
    let mut heads = BTreeMap::new();
    for stored in snapshot.heads().ok()? {
        let stored = stored.ok()?;
        let key = (stored.name.to_string(), stored.version.to_string());
        heads.insert((stored.upstream.clone(), key), stored.head);
    }
    Some(heads)
}
