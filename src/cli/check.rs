use std::collections::BTreeSet;

use super::error::{CliError, Exit};
use super::print;
use super::serve::listeners;
use super::target::Target;
use crate::config::{Settings, Upstream, read_upstreams};
use crate::daemon::{
    Clock, LoadedOverlays, known_names, load_overlays, open_source, open_webhooks, open_witnesses,
    starter_warning,
};
use crate::lint::{Finding, Source, has_errors};
use crate::model::{Name, reason};
use crate::overlay::Coverage;

/// Lints what people write, and says which statements select nothing.
pub(super) async fn check(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let mut findings = Vec::new();
    let ids: Option<Vec<String>> = match read_upstreams(&settings.upstreams) {
        Ok(upstreams) => {
            findings.extend(upstreams.iter().filter_map(|upstream| access(upstream, &settings)));
            Some(upstreams.into_iter().map(|upstream| upstream.id).collect())
        }
        Err(found) => {
            findings.extend(found);
            // Whether an overlay names an upstream that exists cannot be told now.
            None
        }
    };
    findings.extend(served(&settings, ids.as_deref()));
    // Without a store there is no last good set: what is in the folder is what is judged.
    match load_overlays(&settings, ids.as_deref(), None, Clock::system(), false)? {
        Err(found) => findings.extend(found),
        Ok(overlays) => {
            findings.extend(starter_warning(&overlays.set));
            findings.extend(unmatched(&settings, &overlays).await?);
            findings.extend(overlays.findings);
        }
    }
    print::findings(&findings, json);
    Ok(if has_errors(&findings) { Exit::Findings } else { Exit::Done })
}

/// What would keep `serve` from starting, and views that can show nothing.
fn served(settings: &Settings, ids: Option<&[String]>) -> Vec<Finding> {
    let place = Source::new(settings.file.to_string_lossy(), "").start();
    let refused = listeners(settings).err().map(|error| {
        Finding::error(&place, reason(&error), "`serve` refuses to start as long as this is so")
    });
    let unknown = settings.views.iter().flat_map(|view| {
        let limits = view.upstreams.iter().flatten();
        limits.filter(|id| ids.is_some_and(|ids| !ids.contains(id))).map(|id| {
            let found = format!("the view `{}` names `{id}`, which is no upstream", view.name);
            Finding::warning(&place, found, "the name of a file in the upstreams folder")
        })
    });
    let opened = [open_witnesses(settings).err(), open_webhooks(settings).err()];
    let unopened = opened.into_iter().flatten().map(|error| {
        Finding::error(&place, reason(&error), "`serve` refuses to start as long as this is so")
    });
    refused.into_iter().chain(unopened).chain(unknown).collect()
}

/// What keeps an enabled upstream from being reached as its file and the settings say.
fn access(upstream: &Upstream, settings: &Settings) -> Option<Finding> {
    let failure = upstream.enabled.then(|| open_source(upstream, &settings.egress).err())??;
    let file = settings.upstreams.join(format!("{}.toml", upstream.id));
    let place = Source::new(file.to_string_lossy(), "").start();
    Some(Finding::error(&place, reason(&failure), "mend the file or the setting it names"))
}

/// Statements that select nothing of what is mirrored, where that is known.
async fn unmatched(
    settings: &Settings,
    overlays: &LoadedOverlays,
) -> Result<Vec<Finding>, CliError> {
    let names: Option<BTreeSet<Name>> = match Target::open(settings) {
        Ok(Target::Store(offline)) => known_names(&offline.store.snapshot()?)?,
        Ok(Target::Daemon(operator)) => {
            let names: Option<Vec<String>> = operator.get(&["names"], &[]).await?;
            names.map(|names| names.iter().filter_map(|name| Name::parse(name).ok()).collect())
        }
        // There is no store yet to compare names with.
        Err(_) => None,
    };
    let mut coverage = Coverage::of(&overlays.set);
    Ok(match names {
        None => Vec::new(),
        Some(names) => {
            names.iter().for_each(|name| coverage.see(name));
            coverage.warnings()
        }
    })
}
