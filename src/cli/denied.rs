//! The entries that a denial covers now, for a warning if there are none.

use super::explain::explained;
use super::names::{names, not_listed};
use super::target::Target;
use crate::config::Settings;
use crate::lint::Source;
use crate::model::{EscapedWhole, Name, Timestamp, Version, reason};
use crate::overlay::edit::Decision;
use crate::overlay::{Context, NamePattern, OverlaySet, VersionPattern, read};

/// The names of a wildcard whose versions are looked at: a denial is urgent, and each name is a request.
const MOST_NAMES: usize = 100;

/// Returns a warning about a denial that covers nothing that is stored. It may precede what it denies, and needs no
/// store.
pub(super) async fn covers_nothing(
    settings: &Settings,
    decision: &Decision,
    now: Timestamp,
) -> Option<String> {
    let target = Target::open(settings).ok()?;
    let names = names(&target).await.ok().filter(|names| !names.is_empty())?;
    if let NamePattern::Exact(name) = &decision.name
        && names.iter().all(|known| known != name.as_str())
    {
        return Some(reason(&not_listed(name.as_str(), name.as_str(), &names)));
    }
    // The reader of the rule says what it denies, whatever the spelling.
    let context = Context { terms: settings.terms, now, upstreams: None };
    let text = format!("servers:\n{}", decision.item_text());
    let set = OverlaySet::from(read(&[Source::new("", text)], &context));
    let selector = set.rules().first()?.selector();
    let names: Vec<Name> = names.iter().filter_map(|name| Name::parse(name).ok()).collect();
    let covered = names.iter().filter(|name| set.rules_for(name).all().next().is_some());
    let covered: Vec<&Name> = covered.take(MOST_NAMES + 1).collect();
    let selector = EscapedWhole(&selector);
    if covered.is_empty() {
        return Some(format!(
            "no upstream lists a server of `{selector}`; it hides what comes later"
        ));
    }
    let selects_all = decision.versions == VersionPattern::Any && decision.upstream.is_none();
    if selects_all || covered.len() > MOST_NAMES {
        return None;
    }
    for name in covered {
        let found = explained(&target, name, None).await.ok()?;
        let versions = found.iter().flat_map(|explanation| &explanation.versions);
        let mut versions = versions
            .filter_map(|found| Some((Version::parse(&found.version).ok()?, &found.upstream)));
        let rules = set.rules_for(name);
        if versions.any(|(version, upstream)| rules.hiding(&version, upstream).is_some()) {
            return None;
        }
    }
    Some(format!("no version of `{selector}` is stored; it hides what comes later"))
}
