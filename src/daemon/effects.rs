//! Logs rules that do not have the effect that they state, some time after a policy became current.
//!
//! A rule that serves nothing may only wait for its first lookup or comparison. It is looked at again at growing
//! intervals, and logged once for each policy, when nothing of it waits any more.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::query::{RuleEffect, rule_effects};
use super::runtime::blocking;
use super::services::Services;
use crate::curation::PolicySnapshot;
use crate::model::Escaped;
use crate::overlay::{Approval, NamePattern, Rule, VersionPattern};
use crate::store::StoreError;

/// The times after a new policy at which its rules are looked at, each after the one before.
const AFTER: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(10),
];

/// Logs until `stop`.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn log_rule_effects(
    services: Arc<Services>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut policies = services.policy.subscribe();
    let mut ready = services.ready.subscribe();
    tokio::select! {
        // The sender is a field of the services, so it is not dropped.
        _ = ready.wait_for(|ready| *ready) => {}
        () = stop.cancelled() => return Ok(()),
    }
    let mut before: Option<Arc<PolicySnapshot>> = None;
    'policies: loop {
        let policy = Arc::clone(&policies.borrow_and_update().snapshot);
        let earlier = before.replace(policy);
        let mut logged = BTreeSet::new();
        for wait in AFTER {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Ok(()) = policies.changed() => continue 'policies,
                () = tokio::time::sleep(wait) => {}
            }
            let (reader, earlier) = (Arc::clone(&services), earlier.clone());
            let effects = blocking(move || effects(&reader, earlier.as_deref())).await?;
            let (waiting, settled): (Vec<_>, Vec<_>) = effects
                .into_iter()
                .filter(|effect| effect.serves == 0)
                .partition(|effect| effect.waiting > 0);
            for message in settled.iter().filter_map(RuleEffect::message) {
                if logged.insert(message.clone()) {
                    warn!(rule = %Escaped(&message), "a rule does not have the effect that it states");
                }
            }
            if waiting.is_empty() {
                break;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = policies.changed() => {}
        }
    }
}

/// Counts the effects of rules that `earlier` did not have; those of the others were logged when they were new.
fn effects(
    services: &Services,
    earlier: Option<&PolicySnapshot>,
) -> Result<Vec<RuleEffect>, StoreError> {
    let (policy, screenings) = (services.policy(), services.screenings());
    let (snapshot, now) = (services.store.snapshot()?, services.clock.latest());
    let known: HashSet<Decision<'_>> =
        earlier.into_iter().flat_map(|policy| policy.overlays.rules()).map(decision).collect();
    let is_new = |rule: &Rule| !known.contains(&decision(rule));
    rule_effects(&snapshot, &policy, &screenings, now, is_new)
}

type Decision<'r> = (&'r NamePattern, &'r VersionPattern, Option<&'r str>, Option<&'r Approval>);

/// Returns what a rule decides, wherever it stands.
fn decision(rule: &Rule) -> Decision<'_> {
    (&rule.name, &rule.versions, rule.upstream.as_deref(), rule.approval.as_ref())
}
