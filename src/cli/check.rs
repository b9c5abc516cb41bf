use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use super::args::FileKind;
use super::error::{CliError, Exit};
use super::ownership::mentioned;
use super::prepared::{DATA_FOLDER, check_data, check_exposure};
use super::print;
use super::refused::refused_by_daemon;
use super::target::Target;
use crate::advisory::{self, read_own};
use crate::api::{PRIVATE_KEY, exposed_key};
use crate::config::{
    self, FeedOrigin, Locations, Settings, Upstream, read_file, read_upstream, read_upstreams,
};
use crate::daemon::{
    Clock, LoadedOverlays, RuleEffect, Screenings, StatusReport, check_trust,
    descriptors_within_reach, fitting_connections, known_names, lint_own, lint_scans,
    load_overlays, open_source, open_sources, open_webhooks, rule_effects, starter_warning,
};
use crate::lint::{Finding, Source, has_errors, json_schema};
use crate::model::{Name, Timestamp, reason};
use crate::overlay::{self, Context, Coverage, read};
use crate::scan::{self, read_scan};
use crate::store::may_write;

/// Prints the JSON Schema of a kind of file.
pub(super) fn print_schema(kind: FileKind) -> Exit {
    let [settings, upstream] = config::file_formats();
    let format = match kind {
        FileKind::Overlay => overlay::file_format(),
        FileKind::Advisory => advisory::file_format(),
        FileKind::Evidence => scan::file_format(),
        FileKind::Upstream => upstream,
        FileKind::Settings => settings,
    };
    print::as_json(&json_schema(&format));
    Exit::Done
}

/// Lints what people write, and finds rules that do not have the effect that they state.
pub(super) async fn check(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let mut findings = Vec::new();
    let ids: Option<Vec<String>> = match read_upstreams(&settings.upstreams) {
        Ok(upstreams) => {
            findings.extend(upstreams.iter().filter_map(|upstream| access(upstream, &settings)));
            Some(upstreams.into_iter().map(|upstream| upstream.id).collect())
        }
        Err(found) => {
            findings.extend(found);
            // The upstreams that an overlay may name are not known now.
            None
        }
    };
    findings.extend(data_folder(&settings));
    findings.extend(served(&settings, ids.as_deref()));
    // Only the files of the folder count here; a last good set would hide their errors.
    let target = Target::open(&settings).ok();
    let now = now(target.as_ref()).await;
    match load_overlays(&settings, ids.as_deref(), None, now, false)? {
        Err(found) => findings.extend(found),
        Ok(overlays) => {
            findings.extend(refused_by_daemon(&settings, target.as_ref()).await);
            findings.extend(starter_warning(&overlays.set));
            findings.extend(overlays.set.overruled());
            findings.extend(overlays.set.idle_waivers());
            findings.extend(empty_folder(&settings, &overlays));
            findings.extend(wrong_pins(&overlays, target.as_ref()).await);
            findings.extend(match compare_with_names(&settings, &overlays, target).await {
                Err(error @ (CliError::NoSocket { .. } | CliError::Unreachable { .. })) => {
                    // What was found in the files is worth knowing all the same.
                    let found = format!("names were not compared: {}", reason(&error));
                    vec![Finding::warning(&settings.place("data"), found, "")]
                }
                compared => compared?,
            });
            findings.extend(overlays.findings);
        }
    }
    findings.extend(lint_own(&settings.advisories));
    findings.extend(lint_scans(&settings.evidence, now));
    print::findings(&findings, json);
    Ok(if has_errors(&findings) { Exit::Findings } else { Exit::Done })
}

/// Warns of a folder without files: it approves nothing, and a daemon takes one that became empty for a lost mount.
fn empty_folder(settings: &Settings, overlays: &LoadedOverlays) -> Option<Finding> {
    let place = Source::new(settings.overlays.to_string_lossy(), "").start();
    let allowed = "a daemon that had overlays keeps the last valid set and raises `overlays-refused`; \
                   to serve nothing, keep one file with `servers: []`";
    overlays.is_empty().then(|| Finding::warning(&place, "the folder has no overlay file", allowed))
}

/// Finds pins that the present owners do not have, as far as lookups know them.
async fn wrong_pins(overlays: &LoadedOverlays, target: Option<&Target>) -> Vec<Finding> {
    let Some(target) = target else { return Vec::new() };
    // A daemon of an older release does not know the route.
    let known = mentioned(target).await.unwrap_or_default();
    known.iter().filter_map(|known| known.wrong_pin(&overlays.set)).collect()
}

/// Returns the time by which a daemon or the store decides; the system's before there is either.
async fn now(target: Option<&Target>) -> Timestamp {
    match target {
        Some(Target::Store(offline)) => offline.clock.now(),
        Some(Target::Daemon(operator)) => {
            let status: Result<StatusReport, CliError> = operator.get(&["status"], &[]).await;
            status.map_or_else(|_| Clock::system(), |status| status.now)
        }
        None => Clock::system(),
    }
}

const NO_START: &str = "`serve` refuses to start until this is corrected";

/// Finds what would keep `serve` from starting, and views that can show nothing.
fn served(settings: &Settings, ids: Option<&[String]>) -> Vec<Finding> {
    let place = Source::new(settings.file.to_string_lossy(), "").start();
    let refused = check_exposure(settings).err().map(|error| match error {
        CliError::Findings(findings) => findings,
        error => {
            let place = match error {
                CliError::Exposed { .. } => settings.place("listen"),
                _ => settings.place("ops_listen"),
            };
            vec![Finding::error(&place, reason(&error), NO_START)]
        }
    });
    let refused = refused.unwrap_or_default();
    let exposed = settings.public.tls.as_ref().and_then(exposed_key);
    let exposed = exposed.map(|found| Finding::warning(&place, found, PRIVATE_KEY));
    let unknown = settings.views.iter().flat_map(|view| {
        let limits = view.upstreams.iter().flatten();
        limits.filter(|id| ids.is_some_and(|ids| !ids.contains(id))).map(|id| {
            let found = format!("the view `{}` names `{id}`, which is not an upstream", view.name);
            Finding::warning(&place, found, "the name of a file in the upstreams folder")
        })
    });
    let opened =
        [open_sources(settings).err(), open_webhooks(settings).err(), check_trust(settings).err()];
    let unopened =
        opened.into_iter().flatten().map(|error| Finding::error(&place, reason(&error), NO_START));
    let limited = limits(settings).chain(absent_feeds(settings));
    let limited = limited.map(|(found, allowed)| Finding::warning(&place, found, allowed));
    refused.into_iter().chain(exposed).chain(unopened).chain(unknown).chain(limited).collect()
}

/// Finds a data folder that is none, or that cannot be written.
fn data_folder(settings: &Settings) -> Option<Finding> {
    if let Err(found) = check_data(settings) {
        return Some(found);
    }
    let refused = may_write(&settings.data).err()?;
    let place = settings.place("data");
    let folder = settings.data.display();
    let found = format!("this user may not write the data folder {folder}: {refused}");
    // Another user may run the daemon.
    let is_of_user = refused.kind() == ErrorKind::PermissionDenied;
    let found =
        if is_of_user { Finding::warning } else { Finding::error }(&place, found, DATA_FOLDER);
    Some(found)
}

/// Finds feeds of advisories on the disk that are not there.
fn absent_feeds(settings: &Settings) -> impl Iterator<Item = (String, String)> {
    settings.advisory_feeds.iter().filter_map(|feed| match &feed.origin {
        FeedOrigin::Path(path) if !path.exists() => Some((
            format!("the feed `{}` is read from {}, which is not there", feed.name, path.display()),
            "the path of an archive or a folder".to_owned(),
        )),
        FeedOrigin::Path(_) | FeedOrigin::Url(_) => None,
    })
}

/// Finds settings that give connections less than they say.
fn limits(settings: &Settings) -> impl Iterator<Item = (String, String)> {
    let public = &settings.public;
    let (files, wanted) = (descriptors_within_reach(), public.limits.connections);
    let fitting = fitting_connections(files);
    let unfit = (wanted > fitting).then(|| {
        (
            format!("{wanted} `connections` with at most {files} open files"),
            format!("at most {fitting} are accepted; raise the limit (`LimitNOFILE=` of a service, `ulimit -Hn`)"),
        )
    });
    let unnamed = (public.behind_tls_proxy && public.trusted_proxies.is_empty()).then(|| {
        (
            "`behind_tls_proxy` without `trusted_proxies`".to_owned(),
            "list the addresses of the proxy; otherwise all its clients have the limits of one"
                .to_owned(),
        )
    });
    unfit.into_iter().chain(unnamed)
}

/// Finds what keeps an enabled upstream from being reached as its file and the settings say.
fn access(upstream: &Upstream, settings: &Settings) -> Option<Finding> {
    let failure = upstream.enabled.then(|| open_source(upstream, &settings.egress).err())??;
    let file = settings.upstreams.join(format!("{}.toml", upstream.id));
    let place = Source::new(file.to_string_lossy(), "").start();
    Some(Finding::error(&place, reason(&failure), "correct the file or the setting that it names"))
}

/// Compares the rules with the names that are mirrored. Without a store it says that this was not done.
async fn compare_with_names(
    settings: &Settings,
    overlays: &LoadedOverlays,
    target: Option<Target>,
) -> Result<Vec<Finding>, CliError> {
    let (names, effects) = match target {
        Some(Target::Store(offline)) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.latest());
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            let effects = rule_effects(&snapshot, policy, &screenings, now, |_| true)?;
            (known_names(&snapshot)?, effects)
        }
        Some(Target::Daemon(operator)) => {
            let names: Option<Vec<String>> = operator.get(&["names"], &[]).await?;
            let names = names.map(|names| {
                names.iter().filter_map(|name| Name::parse(name).ok()).collect::<BTreeSet<Name>>()
            });
            // A daemon of an older release does not know the route.
            (names, operator.get(&["rules"], &[]).await.unwrap_or_default())
        }
        // There is no store yet.
        None => (None, Vec::new()),
    };
    let Some(names) = names else {
        if check_data(settings).is_err() {
            return Ok(Vec::new());
        }
        let place = Source::new(settings.data.to_string_lossy(), "").start();
        let found = "names were not checked: no upstream has been synchronised into this folder";
        let allowed = "run `vidimus sync` or `vidimus serve` once, and check again";
        return Ok(vec![Finding::warning(&place, found, allowed)]);
    };
    let mut coverage = Coverage::of(&overlays.set);
    names.iter().for_each(|name| coverage.see(name));
    let mut findings = coverage.warnings();
    let mut by_selector: BTreeMap<&str, Vec<&RuleEffect>> = BTreeMap::new();
    for effect in &effects {
        by_selector.entry(&effect.selector).or_default().push(effect);
    }
    for rule in overlays.set.rules() {
        let place = rule.place.to_string();
        // The daemon may know the folder by another path.
        let place_in_folder = in_folder(settings, &place);
        let selector = rule.selector();
        let same = by_selector.get(selector.as_str()).into_iter().flatten();
        let mut same = same.filter(|effect| effect.place.ends_with(&place_in_folder));
        let Some(effect) = same.next() else { continue };
        let is_of_rule = |finding: &Finding| finding.place.to_string() == place;
        if effect.quarantined.is_some() {
            // No upstream lists the name, and the reason says more.
            findings.retain(|finding| !is_of_rule(finding));
        } else if findings.iter().any(is_of_rule) {
            continue;
        }
        let surprise = effect.surprise();
        findings
            .extend(surprise.map(|(found, allowed)| Finding::warning(&rule.place, found, allowed)));
    }
    Ok(findings)
}

/// Returns a place as it is below the folder of overlays.
fn in_folder(settings: &Settings, place: &str) -> String {
    let folder = settings.overlays.to_string_lossy();
    let below = place.strip_prefix(&*folder).unwrap_or(place);
    format!("/{}", below.trim_start_matches('/'))
}

/// Lints one file by itself.
pub(super) async fn check_file(
    settings: &Settings,
    file: &Path,
    json: bool,
) -> Result<Exit, CliError> {
    let findings = match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml") if is_below(file, &settings.advisories) => match read_file(file) {
            Ok(source) => read_own(&[source]).1,
            Err(findings) => findings,
        },
        Some("yaml" | "json") if is_below(file, &settings.evidence) => match read_file(file) {
            Ok(source) => read_scan(&source).err().unwrap_or_default(),
            Err(findings) => findings,
        },
        Some("yaml") => {
            let target = Target::open(settings).ok();
            lint_overlay(settings, file, now(target.as_ref()).await)
        }
        Some("toml") if file.file_name() == settings.file.file_name() => {
            Settings::load(file, true, Locations::default()).err().unwrap_or_default()
        }
        Some("toml") => read_upstream(file).err().unwrap_or_default(),
        _ => return Err(CliError::UnknownFile(file.to_owned())),
    };
    print::findings(&findings, json);
    Ok(if has_errors(&findings) { Exit::Findings } else { Exit::Done })
}

fn is_below(file: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(file).zip(whole(folder)).is_some_and(|(file, folder)| file.starts_with(folder))
}

fn lint_overlay(settings: &Settings, file: &Path, now: Timestamp) -> Vec<Finding> {
    let context = Context { terms: settings.terms, now, upstreams: None };
    match read_file(file) {
        Ok(source) => read(&[source], &context).findings,
        Err(findings) => findings,
    }
}
