use std::io::{IsTerminal, Write, stdout};

use super::client::Operator;
use super::content::{Line, change_lines, content_lines, dates_line, drift_lines};
use super::error::{CliError, Exit};
use super::explain::{print_version, split_version};
use super::print::{as_json, counted, escaped_json, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{
    Screenings, Shown, VersionDifference, is_anything_known, show_entry, version_difference,
};
use crate::model::{Escaped, EscapedWhole, Name};

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
    change_lines(changes).for_each(|line| out(&format!("  {}", EscapedWhole(&line.text))));
}

fn print_shown(shown: &Shown) {
    let Shown { name, version, upstream, .. } = shown;
    out(&format!("{name} {} from {}", Escaped(version), Escaped(upstream)));
    match &shown.content {
        Some(content) => print_lines(&content_lines(content)),
        None => out("  it is in quarantine; `--raw` prints the received bytes"),
    }
    print_lines(&shown.dates.iter().map(dates_line).collect::<Vec<_>>());
    if let Some(digest) = &shown.explanation.digest {
        out(&format!("  digest        {digest}"));
    }
    print_version(&shown.explanation);
    if let Some(drift) = &shown.drift {
        print_lines(&drift_lines(drift));
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

/// Prints lines, each text whole: a person decides about it, and an entry is bounded.
fn print_lines(lines: &[Line]) {
    for Line { label, text, .. } in lines {
        out(&format!("  {label:<13} {}", EscapedWhole(text)));
    }
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
