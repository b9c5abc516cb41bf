use std::io::{IsTerminal, Write, stdout};

use super::client::Operator;
use super::error::{CliError, Exit};
use super::explain::{print_version, split_version};
use super::print::{as_json, counted, escaped_json, out};
use super::target::Target;
use crate::config::Settings;
use crate::curation::{EntryContent, InputContent, PackageContent, RemoteContent};
use crate::daemon::{
    Screenings, Shown, VersionDifference, is_anything_known, show_entry, version_difference,
};
use crate::model::{Escaped, Name};

/// Other versions that are listed; `vidimus list` has them all.
const MAX_OTHERS: usize = 20;

/// Shows `NAME` or `NAME@VERSION`: the content, how it stands, and the other versions.
pub(super) async fn show(
    settings: Settings,
    text: &str,
    raw: bool,
    diff: &[String],
    json: bool,
) -> Result<Exit, CliError> {
    let (name, version) = split_version(text);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let target = Target::open_known(&settings)?;
    if let [from, to] = diff {
        let difference = compare(&target, &parsed, (from, to)).await?;
        if json {
            as_json(&difference);
        } else {
            print_difference(&difference);
        }
        return Ok(Exit::Done);
    }
    let shown = read(&target, &parsed, version, raw).await?;
    match &shown.raw {
        Some(bytes) if raw => print_raw(bytes),
        _ if json => as_json(&shown),
        _ => print_shown(&shown),
    }
    Ok(Exit::Done)
}

async fn read(
    target: &Target,
    name: &Name,
    version: Option<&str>,
    raw: bool,
) -> Result<Shown, CliError> {
    let unknown = || CliError::Unknown(with_version(name, version));
    match target {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.now());
            if !is_anything_known(&snapshot)? {
                return Err(CliError::NothingKnown);
            }
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            let shown = show_entry(&snapshot, policy, &screenings, now, (name, version), raw)?;
            shown.ok_or_else(unknown)
        }
        Target::Daemon(operator) => {
            let query = [("raw", if raw { "true" } else { "false" })];
            let mut path = vec!["entries", name.as_str()];
            path.extend(version);
            answered(operator, &path, &query, unknown).await
        }
    }
}

async fn compare(
    target: &Target,
    name: &Name,
    (from, to): (&str, &str),
) -> Result<VersionDifference, CliError> {
    let unknown = || CliError::Unknown(format!("{name} in the versions {from} and {to}"));
    match target {
        Target::Store(offline) => {
            let snapshot = offline.store.snapshot()?;
            let found = version_difference(&snapshot, offline.policy(), name, (from, to))?;
            found.ok_or_else(unknown)
        }
        Target::Daemon(operator) => {
            let path = ["differences", name.as_str()];
            answered(operator, &path, &[("from", from), ("to", to)], unknown).await
        }
    }
}

async fn answered<T: serde::de::DeserializeOwned>(
    operator: &Operator,
    path: &[&str],
    query: &[(&str, &str)],
    unknown: impl Fn() -> CliError,
) -> Result<T, CliError> {
    match operator.get(path, query).await {
        Err(CliError::Refused { status: 404, .. }) => Err(unknown()),
        Err(CliError::Refused { status: 503, .. }) => Err(CliError::NothingKnown),
        answered => answered,
    }
}

fn with_version(name: &Name, version: Option<&str>) -> String {
    version.map_or_else(|| name.to_string(), |version| format!("{name}@{version}"))
}

/// Writes the received bytes; on a terminal the same JSON without characters that could steer it.
fn print_raw(bytes: &str) {
    if stdout().is_terminal() {
        out(&escaped_json(bytes));
    } else {
        let _ = stdout().write_all(bytes.as_bytes());
    }
}

fn print_difference(difference: &VersionDifference) {
    let VersionDifference { name, from, to, changes } = difference;
    out(&format!("{name}: {} to {}", Escaped(from), Escaped(to)));
    if changes.is_empty() {
        out("  no difference");
    }
    changes.iter().for_each(|change| out(&format!("  {change}")));
}

fn print_shown(shown: &Shown) {
    let Shown { name, version, upstream, .. } = shown;
    out(&format!("{name} {} from {}", Escaped(version), Escaped(upstream)));
    match &shown.content {
        Some(content) => print_content(content),
        None => out("  it is in quarantine; `--raw` prints the received bytes"),
    }
    if let Some(dates) = &shown.dates {
        out(&format!(
            "  published     {} (the publisher's date), first seen {}, counts from {}",
            dates.published, dates.first_seen, dates.counts_from
        ));
    }
    if let Some(digest) = &shown.explanation.digest {
        out(&format!("  digest        {digest}"));
    }
    print_version(&shown.explanation);
    if let Some(drift) = &shown.drift {
        out(&format!("  drift         the upstream sends {} now", drift.received));
        drift.changes.iter().for_each(|change| out(&format!("                {change}")));
    }
    if let Some(ownership) = &shown.ownership {
        let (namespace, why) = (Escaped(&ownership.namespace), Escaped(&ownership.why));
        out(&format!("  ownership     {namespace} is {}: {why}", ownership.verdict));
    }
    for resemblance in &shown.resemblances {
        out(&format!("  resembles     {}", Escaped(resemblance)));
    }
    print_others(shown);
}

fn print_content(content: &EntryContent) {
    let line = |label: &str, text: &str| out(&format!("  {label:<13} {}", Escaped(text)));
    if let Some(title) = &content.title {
        line("title", title);
    }
    line("description", &content.description);
    if let Some(website) = &content.website {
        line("website", website);
    }
    if let Some(repository) = &content.repository {
        let id = repository.id.as_ref().map(|id| format!(" (id {id})")).unwrap_or_default();
        let folder = repository.subfolder.as_ref();
        let folder = folder.map(|folder| format!(", folder {folder}")).unwrap_or_default();
        line("repository", &format!("{}{id}{folder}", repository.url));
    }
    content.packages.iter().for_each(print_package);
    content.remotes.iter().for_each(|remote| print_remote("remote", remote));
    if content.packages.is_empty() && content.remotes.is_empty() {
        out("  it names neither packages nor remotes");
    }
    if !content.other_members.is_empty() {
        line("other members", &content.other_members.join(", "));
    }
}

fn print_package(package: &PackageContent) {
    let PackageContent { registry_type, identifier, version, exact, .. } = package;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let exact = if *exact { "exact" } else { "not exact: it may name other content later" };
    let mut text = format!("{registry_type} {identifier}{version} ({exact})");
    for (label, value) in [
        ("from", &package.registry_base_url),
        ("SHA-256", &package.file_sha256),
        ("run with", &package.runtime_hint),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(", {label} {value}"));
        }
    }
    out(&format!("  package       {}", Escaped(&text)));
    package.inputs.iter().for_each(print_input);
    if package.transport.transport != "stdio" || !package.transport.inputs.is_empty() {
        print_remote("  reached by", &package.transport);
    }
}

fn print_remote(label: &str, remote: &RemoteContent) {
    let url = remote.url.as_deref().unwrap_or("no URL");
    let text = format!("{} {url}", remote.transport);
    out(&format!("  {label:<13} {}", Escaped(&text)));
    remote.inputs.iter().for_each(print_input);
}

fn print_input(input: &InputContent) {
    let name = if input.name.is_empty() { "(without a name)" } else { &input.name };
    let kind = input.place.as_str();
    let secret = if input.secret { " secret" } else { "" };
    let required = if input.required { ", required" } else { "" };
    let value = input.value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
    let about = input.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    let text = format!("{kind}{secret} {name}{value}{required}{about}");
    out(&format!("                {}", Escaped(&text)));
}

fn print_others(shown: &Shown) {
    if shown.others.is_empty() {
        return;
    }
    out("  other versions");
    for other in shown.others.iter().take(MAX_OTHERS) {
        let published = other.published.map(|at| format!(", published {}", at.day()));
        let upstream = if other.upstream == shown.upstream {
            String::new()
        } else {
            format!(" from {}", Escaped(&other.upstream))
        };
        let published = published.unwrap_or_default();
        out(&format!("    {}{upstream}: {}{published}", Escaped(&other.version), other.state));
    }
    if let Some(more) = shown.others.len().checked_sub(MAX_OTHERS).filter(|more| *more > 0) {
        let more = counted(more as u64, "more version", "more versions");
        out(&format!("    and {more}; `vidimus list --all {}` lists them", shown.name));
    }
}
