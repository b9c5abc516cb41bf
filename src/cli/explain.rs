use super::content::one_line;
use super::error::{CliError, Exit};
use super::list::by_version;
use super::names::{names, unknown};
use super::ownership::print_namespace;
use super::packages::print_package;
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::curation::{
    DEFAULT_VIEW, EntryState, Explanation, GateAnswer, PackageReport, UnappliedChange,
    UnappliedState, VersionExplanation,
};
use crate::daemon::{Screenings, explain_name};
use crate::model::{Escaped, Name, Timestamp};

/// Explains `NAME` or `NAME@VERSION`.
pub(super) async fn explain(
    settings: Settings,
    text: &str,
    verbose: bool,
    json: bool,
) -> Result<Exit, CliError> {
    let (name, version) = split_version(text);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let target = Target::open(&settings)?;
    let Some(explanation) = explained(&target, &parsed, version).await? else {
        return Err(unknown(text, name, &names(&target).await?));
    };
    if json {
        as_json(&explanation);
    } else {
        print_explanation(&explanation, verbose);
    }
    Ok(Exit::Done)
}

/// Splits `NAME@VERSION`; a name has no `@`.
pub(super) fn split_version(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)))
}

/// Explains the versions of a name, or one of them; `None` if no upstream lists it.
pub(super) async fn explained(
    target: &Target,
    name: &Name,
    version: Option<&str>,
) -> Result<Option<Explanation>, CliError> {
    match target {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            Ok(explain_name(&snapshot, policy, &screenings, now, name, version)?)
        }
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> =
                version.map(|version| ("version", version)).into_iter().collect();
            operator.find(&["explain", name.as_str()], &query).await
        }
    }
}

fn print_explanation(explanation: &Explanation, verbose: bool) {
    out(&Escaped(&explanation.name).to_string());
    for block in blocks(&explanation.versions) {
        print_block(&block, verbose);
    }
    for change in &explanation.not_applied {
        out(&format!("  {}", one_line(&unapplied(change))));
    }
    match &explanation.ownership {
        Some(ownership) if verbose => print_namespace(ownership),
        Some(ownership) => {
            let (namespace, why) = (Escaped(&ownership.namespace), Escaped(&ownership.why));
            out(&format!("ownership of {namespace}: {}, {why}", ownership.verdict));
        }
        None => {}
    }
}

/// Returns what an upstream says of a version, and why that has no effect.
pub(super) fn unapplied(change: &UnappliedChange) -> String {
    let UnappliedChange { upstream, version, says, state } = change;
    let says = says.as_deref().unwrap_or("is otherwise than it is stored");
    let why = match state {
        UnappliedState::OnHold => {
            format!("on hold for a person; `vidimus sync --show {upstream}` lists the change set")
        }
        UnappliedState::Discarded { at, by, reason } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
            let reason = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("discarded{by}{at}{reason}")
        }
    };
    format!("upstream {upstream} says that {version} {says}: {why}")
}

/// Groups versions that are judged alike, the greatest first.
fn blocks(versions: &[VersionExplanation]) -> Vec<Vec<&VersionExplanation>> {
    let mut blocks: Vec<Vec<&VersionExplanation>> = Vec::new();
    let mut versions: Vec<&VersionExplanation> = versions.iter().collect();
    versions.sort_by(|left, right| by_version(&right.version, &left.version));
    for version in versions {
        match blocks.iter_mut().find(|block| is_judged_alike(block[0], version)) {
            Some(block) => block.push(version),
            None => blocks.push(vec![version]),
        }
    }
    blocks
}

fn is_judged_alike(one: &VersionExplanation, other: &VersionExplanation) -> bool {
    let facts = |of: &VersionExplanation| {
        (of.upstream.clone(), of.state, of.views.clone(), of.tier, of.owner.clone())
    };
    let more = |of: &VersionExplanation| {
        (of.classification.clone(), of.labels.clone(), of.rewritten.is_some(), of.successor.clone())
    };
    let failures = |of: &VersionExplanation| -> Vec<(String, String)> {
        failed(of).map(|answer| (answer.gate.clone(), answer.evidence.clone())).collect()
    };
    let packages = |of: &VersionExplanation| -> Vec<_> {
        let facts = |package: &PackageReport| {
            (package.floating, package.identifier.clone(), package.provenance.clone())
        };
        of.packages.iter().map(facts).collect()
    };
    packages(one) == packages(other)
        && facts(one) == facts(other)
        && more(one) == more(other)
        && one.advisories == other.advisories
        && one.scans == other.scans
        && failures(one) == failures(other)
}

/// Returns the gates that hide a version.
pub(super) fn failed(version: &VersionExplanation) -> impl Iterator<Item = &GateAnswer> {
    version.gates.iter().filter(|answer| answer.outcome == "failed")
}

/// Prints how one version stands: its state, the gates that hide it, and what the upstream says of it.
pub(super) fn print_version(version: &VersionExplanation) {
    print_block(&[version], false);
}

fn print_block(block: &[&VersionExplanation], verbose: bool) {
    let first = block[0];
    let versions: Vec<String> =
        block.iter().map(|version| Escaped(&version.version).to_string()).collect();
    let state = match first.state {
        EntryState::Served => "served".to_owned(),
        hidden => format!("hidden: {hidden}"),
    };
    let facts = facts(first);
    let facts = if facts.is_empty() { String::new() } else { format!(" ({facts})") };
    out(&format!("  {} from {}: {state}{facts}", versions.join(", "), first.upstream));
    for answer in failed(first) {
        out(&format!("      {}: {}", answer.gate, one_line(&answer.evidence)));
    }
    for version in block {
        print_status(version);
        if let Some(change) = &version.not_applied {
            out(&format!("      {}", one_line(&unapplied(change))));
        }
    }
    // The first one stands in the line of its gate.
    for unmet in first.unmet_conditions.iter().skip(1).filter(|_| verbose) {
        out(&format!("      conditions met: {}", Escaped(unmet)));
    }
    // One that hides it stands in the line of its gate.
    let known = usize::from(first.state == EntryState::Advisory);
    for advisory in first.advisories.iter().skip(known) {
        out(&format!("      advisory: {}", Escaped(advisory)));
    }
    for scan in &first.scans {
        out(&format!("      scan: {}", Escaped(scan)));
    }
    if let Some(successor) = &first.successor {
        out(&format!("      use {} instead", Escaped(successor)));
    }
    if let Some(other) = &first.rewritten {
        out(&format!(
            "      the upstream sends other content now, {other}; what was first received stays"
        ));
    }
    let is_known = |package: &&PackageReport| {
        verbose
            || package.floating.is_some()
            || package.provenance.is_some()
            || package.artefacts.iter().any(|file| file.before.is_some())
    };
    for package in first.packages.iter().filter(is_known) {
        print_package(package, verbose);
    }
    if !verbose {
        return;
    }
    for version in block {
        let digest = version.digest.as_deref().unwrap_or("no digest");
        out(&format!("    {}: {digest}", Escaped(&version.version)));
        for answer in &version.gates {
            out(&format!(
                "      {:<7}  {}: {}",
                answer.outcome,
                answer.gate,
                Escaped(&answer.evidence)
            ));
        }
    }
}

/// Prints what the upstream says of a version that is not active.
fn print_status(version: &VersionExplanation) {
    let Some(status) = &version.upstream_status else { return };
    let since = status.status_changed_at.as_ref();
    let since = since.and_then(|since| Timestamp::parse(since).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    let message = status.status_message.as_ref();
    let message = message.map(|message| format!(": {}", one_line(message))).unwrap_or_default();
    out(&format!(
        "      {} is {} upstream{since}{message}",
        Escaped(&version.version),
        status.status
    ));
}

/// Returns what an overlay says about a version, and where it is served.
pub(super) fn facts(version: &VersionExplanation) -> String {
    let passed = version.gates.iter().filter(|answer| answer.outcome == "passed").count();
    let facts = [
        version.tier.map(|tier| format!("tier {tier}")),
        version.classification.clone(),
        version.owner.as_ref().map(|owner| format!("owner {}", Escaped(owner))),
        (!version.labels.is_empty())
            .then(|| format!("labels {}", Escaped(&version.labels.join(", ")))),
        version.served.then(|| match version.views.as_slice() {
            [] => "in no view".to_owned(),
            [view] if view == DEFAULT_VIEW => String::new(),
            views => format!("views {}", views.join(", ")),
        }),
        version.served.then(|| format!("{} passed", counted(passed as u64, "gate", "gates"))),
    ];
    facts.into_iter().flatten().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}
