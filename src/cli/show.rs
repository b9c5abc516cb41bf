use std::io::{IsTerminal, Write, stdout};

use clap::Args;

use super::content::{Line, change_lines, content_lines, dates_line, drift_lines, one_line};
use super::error::{CliError, Exit};
use super::explain::{explained, print_version, split_version};
use super::names::{names, unknown};
use super::print::{as_json, counted, escaped_json, out};
use super::target::Target;
use super::visible::visible;
use crate::config::Settings;
use crate::daemon::{
    Screenings, ShowRequest, Shown, VersionDifference, show_entry, version_difference,
};
use crate::model::{Digest, Escaped, Name};

/// Other versions that are listed; `vidimus list` has them all.
const MAX_OTHERS: usize = 20;

/// The arguments of `vidimus show`.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// A server, or one version of it
    #[arg(value_name = "NAME[@VERSION]", value_parser = visible())]
    pub name: String,
    /// The upstream to read from; without it the one that the name belongs to comes first
    #[arg(long, value_name = "ID")]
    pub upstream: Option<String>,
    /// Another stored content of the version, such as the one that the upstream sends now
    #[arg(long, value_name = "DIGEST", conflicts_with = "diff")]
    pub content: Option<Digest>,
    /// The received bytes
    #[arg(long, conflicts_with_all = ["diff", "json"])]
    pub raw: bool,
    /// The members in which two versions differ, by JSON pointer
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub diff: Vec<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Shows `NAME` or `NAME@VERSION`: the content, how it stands, and the other versions.
pub(super) async fn show(settings: Settings, arguments: &ShowArguments) -> Result<Exit, CliError> {
    let (name, version) = split_version(&arguments.name);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let target = Target::open(&settings)?;
    if let [from, to] = arguments.diff.as_slice() {
        let of = (&parsed, arguments.upstream.as_deref());
        let difference = compare(&target, of, (from, to)).await?;
        if arguments.json {
            as_json(&difference);
        } else {
            print_difference(&difference);
        }
        return Ok(Exit::Done);
    }
    let request = ShowRequest {
        name: &parsed,
        version,
        upstream: arguments.upstream.as_deref(),
        content: arguments.content,
        with_raw: arguments.raw,
    };
    let shown = read(&target, request).await?;
    match &shown.raw {
        Some(bytes) if arguments.raw => print_raw(bytes),
        _ if arguments.json => as_json(&shown),
        _ => print_shown(&shown),
    }
    Ok(Exit::Done)
}

async fn read(target: &Target, request: ShowRequest<'_>) -> Result<Shown, CliError> {
    let shown = match target {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            show_entry(&snapshot, policy, &screenings, now, request)?
        }
        Target::Daemon(operator) => {
            let content = request.content.map(|digest| digest.to_string());
            let mut query = vec![("raw", if request.with_raw { "true" } else { "false" })];
            query.extend(request.upstream.map(|upstream| ("upstream", upstream)));
            query.extend(content.as_ref().map(|content| ("content", content.as_str())));
            let mut path = vec!["entries", request.name.as_str()];
            path.extend(request.version);
            operator.find(&path, &query).await?
        }
    };
    if let Some(shown) = shown {
        return Ok(shown);
    }
    let names = names(target).await?;
    Err(unknown(&described(request), request.name.as_str(), &names))
}

async fn compare(
    target: &Target,
    (name, upstream): (&Name, Option<&str>),
    (from, to): (&str, &str),
) -> Result<VersionDifference, CliError> {
    let difference = match target {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.latest());
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            let of = (name, upstream);
            version_difference(&snapshot, policy, &screenings, now, of, (from, to))?
        }
        Target::Daemon(operator) => {
            let path = ["differences", name.as_str()];
            let mut query = vec![("from", from), ("to", to)];
            query.extend(upstream.map(|upstream| ("upstream", upstream)));
            operator.find(&path, &query).await?
        }
    };
    if let Some(difference) = difference {
        return Ok(difference);
    }
    let listed = explained(target, name, None).await?;
    let is_missing = |asked: &&str| {
        let versions = listed.iter().flat_map(|listed| &listed.versions);
        let mut of_asked = versions.filter(|listed| listed.version == **asked);
        !of_asked.any(|listed| upstream.is_none_or(|upstream| listed.upstream == upstream))
    };
    let missing: Vec<&str> = [from, to].into_iter().filter(is_missing).collect();
    let upstream = upstream.map(|upstream| format!(" of {upstream}")).unwrap_or_default();
    let versions = listed.as_ref().map(|_| format!("@{}", missing.join(" and ")));
    let text = format!("{name}{}{upstream}", versions.unwrap_or_default());
    Err(unknown(&text, name.as_str(), &names(target).await?))
}

fn described(request: ShowRequest<'_>) -> String {
    let ShowRequest { name, version, upstream, content, .. } = request;
    let version = version.map(|version| format!("@{version}")).unwrap_or_default();
    let upstream = upstream.map(|upstream| format!(" of {upstream}")).unwrap_or_default();
    let content = content.map(|digest| format!(" with the content {digest}")).unwrap_or_default();
    format!("{name}{version}{upstream}{content}")
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
    let VersionDifference { name, from, from_upstream, to, to_upstream, changes, .. } = difference;
    let (from, to) = (Escaped(from), Escaped(to));
    let (from_upstream, to_upstream) = (Escaped(from_upstream), Escaped(to_upstream));
    out(&format!("{name}: {from} from {from_upstream} to {to} from {to_upstream}"));
    if changes.is_empty() {
        out("  no difference");
    }
    change_lines(changes).for_each(|line| out(&format!("  {}", one_line(&line.text))));
}

fn print_shown(shown: &Shown) {
    let Shown { name, version, upstream, .. } = shown;
    out(&format!("{name} {} from {}", Escaped(version), Escaped(upstream)));
    match &shown.content {
        Some(content) => print_lines(&content_lines(content)),
        None => out("  it is in quarantine; `--raw` prints the received bytes"),
    }
    print_lines(&shown.dates.iter().map(dates_line).collect::<Vec<_>>());
    if let Some(digest) = &shown.received {
        out(&format!("  digest        {digest}"));
        let evaluated = shown.explanation.digest.as_ref();
        if let Some(evaluated) = evaluated.filter(|evaluated| **evaluated != digest.to_string()) {
            out(&format!("                another content is evaluated: {evaluated}"));
        }
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
        out(&format!("  resembles     {}", one_line(resemblance)));
    }
    print_others(shown);
}

/// Prints lines, each text whole: a person decides about it, and an entry is bounded.
fn print_lines(lines: &[Line]) {
    for Line { label, text, .. } in lines {
        out(&format!("  {label:<13} {}", one_line(text)));
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
