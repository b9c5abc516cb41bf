//! The entries that a denial covers now, for a warning if there are none.

use std::time::Duration;

use tokio::time::timeout;

use super::explain::explained;
use super::names::{names, not_listed};
use super::target::{Offline, Target};
use crate::config::Settings;
use crate::curation::EntryState;
use crate::daemon::try_blocking;
use crate::lint::Source;
use crate::model::{EscapedWhole, Name, Timestamp, Version, reason};
use crate::overlay::edit::Decision;
use crate::overlay::{Context, NamePattern, OverlaySet, VersionPattern, read};

/// The time for the question. The denial is written already, and a person waits for the end of the command.
const MOST_TIME: Duration = Duration::from_secs(3);
/// The names of a wildcard whose versions are looked at: each of them is a request.
const MOST_NAMES: usize = 20;

/// Returns a warning about a denial that covers nothing that is stored. It may precede what it denies, and needs no
/// store; a store or a daemon that does not answer in time gives no warning.
pub(super) async fn covers_nothing(
    settings: Settings,
    decision: &Decision,
    now: Timestamp,
) -> Option<String> {
    timeout(MOST_TIME, uncovering(settings, decision, now)).await.ok().flatten()
}

async fn uncovering(settings: Settings, decision: &Decision, now: Timestamp) -> Option<String> {
    // The reader of the rule says what it denies, whatever the spelling.
    let context = Context { terms: settings.terms, now, upstreams: None };
    let text = format!("servers:\n{}", decision.item_text());
    let set = OverlaySet::from(read(&[Source::new("", text)], &context));
    let selector = set.rules().first()?.selector();
    let selector = EscapedWhole(&selector);
    let target = try_blocking(move || Target::open(&settings)).await.ok()?.ok()?;
    let listed = names(&target).await.ok().filter(|names| !names.names.is_empty())?;
    let known = listed.names.iter().filter_map(|name| Name::parse(name).ok());
    let covered = known.filter(|name| set.rules_for(name).all().next().is_some());
    let mut covered: Vec<Name> = covered.take(MOST_NAMES + 1).collect();
    let selects_all = decision.versions == VersionPattern::Any && decision.upstream.is_none();
    if covered.len() > MOST_NAMES || selects_all && !covered.is_empty() {
        return None;
    }
    let is_listed = !covered.is_empty();
    if let (NamePattern::Exact(name), false) = (&decision.name, is_listed) {
        covered.push(name.clone());
    }
    let mut is_quarantined = false;
    for name in covered {
        let rules = set.rules_for(&name);
        for Stored { version, upstream, quarantined } in stored(&target, &name).await? {
            let hides = |version: &Version| rules.hiding(version, &upstream).is_some();
            if !version.as_ref().is_none_or(hides) {
                continue;
            }
            if !quarantined {
                return None;
            }
            is_quarantined = true;
        }
    }
    Some(match &decision.name {
        _ if is_quarantined => {
            format!("`{selector}` is stored in quarantine only; it hides what comes later")
        }
        NamePattern::Exact(name) if !is_listed => {
            reason(&not_listed(name.as_str(), name.as_str(), &listed))
        }
        _ if !is_listed => {
            format!("no upstream lists a server of `{selector}`; it hides what comes later")
        }
        _ => format!("no version of `{selector}` is stored; it hides what comes later"),
    })
}

/// A version that is stored.
struct Stored {
    /// `None` for a row in quarantine whose version cannot be used.
    version: Option<Version>,
    upstream: String,
    quarantined: bool,
}

/// Returns the versions of a name that are stored; `None` if that cannot be said.
async fn stored(target: &Target, name: &Name) -> Option<Vec<Stored>> {
    let offline = match target {
        Target::Store(offline) => offline,
        Target::Daemon(_) => {
            let versions = explained(target, name, None).await.ok()?.map(|found| found.versions);
            let versions = versions.unwrap_or_default().into_iter().map(|found| Stored {
                version: Version::parse(&found.version).ok(),
                upstream: found.upstream,
                quarantined: found.state == EntryState::Quarantined,
            });
            return Some(versions.collect());
        }
    };
    stored_offline(offline, name)
}

/// Returns them without an evaluation, which would compare the name with each protected one.
fn stored_offline(offline: &Offline, name: &Name) -> Option<Vec<Stored>> {
    let (snapshot, _) = offline.known().ok()?;
    let dossier = snapshot.dossier(name, offline.policy()).ok()?;
    if !dossier.damaged.is_empty() {
        return None;
    }
    let rows = dossier.rows.into_iter().map(|row| Stored {
        version: Some(row.version),
        upstream: row.upstream.to_string(),
        quarantined: false,
    });
    let refused = dossier.quarantined.into_iter().map(|row| Stored {
        version: Version::parse(&row.version).ok(),
        upstream: row.upstream,
        quarantined: true,
    });
    Some(rows.chain(refused).collect())
}
