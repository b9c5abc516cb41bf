use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::plan_text::{Style, exposed, lines, refused, warned};
use super::print::{self, as_json, out};
use super::target::Target;
use crate::config::{Folder, Settings, read_overlays};
use crate::daemon::{
    MAX_PROPOSAL_BYTES, MAX_SET_BYTES, OverlayFile, Plan, PlanAnswer, PlanError, Proposal,
};
use crate::lint::{Finding, Source, has_errors};

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// The folder to compare with, such as that of the base branch of a pull request
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Fail if more entries than this become visible or get other content
    #[arg(long, value_name = "N")]
    allow_visible: Option<u64>,
    /// Print Markdown for a comment
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// A plan as it is printed for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'p> {
    #[serde(flatten)]
    plan: &'p Plan,
    /// Warnings of the proposed set.
    warnings: &'p [Finding],
    /// The number of entries that may become visible or get other content.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_visible: Option<u64>,
    /// True if more do.
    is_refused: bool,
}

/// Plans the change to the folder of the settings: from that of `--base`, or from the current policy, whose folder is
/// `current`.
pub(super) async fn plan(
    settings: Settings,
    current: PathBuf,
    options: &PlanArguments,
) -> Result<Exit, CliError> {
    if let Some(base) = &options.base {
        refuse_same_folder(base, &settings.overlays)?;
    }
    let proposed = read_overlays(&settings.overlays);
    let base = options.base.as_ref().map(|folder| read_overlays(folder));
    for folder in base.iter().chain([&proposed]) {
        if has_errors(&folder.findings) {
            print_findings(&folder.findings, options);
            return Ok(Exit::Findings);
        }
    }
    let files = |folder: &Folder| folder.sources.iter().map(OverlayFile::from).collect();
    let proposal = Proposal {
        overlays: files(&proposed),
        folder: Some(settings.overlays.clone()),
        base: base.as_ref().map(files),
    };
    let PlanAnswer { findings, plan } = answer(&settings, current, proposal).await?;
    let sources = proposed.sources.iter().chain(base.iter().flat_map(|base| &base.sources));
    let sources: Vec<Arc<Source>> = sources.cloned().collect();
    let findings = findings.into_iter().map(|finding| finding.in_files(&sources));
    let Some(plan) = plan else {
        print_findings(&findings.collect::<Vec<_>>(), options);
        return Ok(Exit::Findings);
    };
    let warnings: Vec<Finding> = proposed.findings.iter().cloned().chain(findings).collect();
    let allowed = options.allow_visible;
    let exceeded = allowed.filter(|allowed| plan.exposed > *allowed);
    if options.json {
        let is_refused = exceeded.is_some();
        as_json(&Printed { plan: &plan, warnings: &warnings, allow_visible: allowed, is_refused });
    } else {
        let style = if options.markdown { Style::Markdown } else { Style::Text };
        let lines = lines(&plan, style, allowed);
        lines.iter().chain(&warned(&warnings, style)).for_each(|line| out(line));
    }
    match exceeded {
        Some(allowed) => Err(CliError::TooVisible { exposed: exposed(&plan), allowed }),
        None => Ok(Exit::Done),
    }
}

/// Refuses to compare a folder with itself. A pull request whose folder of overlays is a symbolic link to that of its base
/// would seem to change nothing.
fn refuse_same_folder(base: &Path, proposed: &Path) -> Result<(), CliError> {
    match (base.canonicalize(), proposed.canonicalize()) {
        (Ok(base), Ok(proposed)) if base == proposed => Err(CliError::SameFolder(base)),
        // A folder that cannot be read is a finding.
        _ => Ok(()),
    }
}

async fn answer(
    settings: &Settings,
    current: PathBuf,
    proposal: Proposal,
) -> Result<PlanAnswer, CliError> {
    // With both sets given, the configured folder may be absent, as where a pull request is checked.
    let target = if proposal.base.is_some() || current == settings.overlays {
        Target::open_last_good(settings)?
    } else {
        Target::open(&Settings { overlays: current, ..settings.clone() })?
    };
    match target {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            let current = &offline.current_policy;
            match PlanAnswer::of(proposal, settings, current, &snapshot, now, &|| false) {
                Err(PlanError::Store(error)) => Err(error.into()),
                Err(cancelled @ PlanError::Cancelled) => {
                    Err(CliError::Declined(cancelled.to_string()))
                }
                Ok(answer) => Ok(answer),
            }
        }
        Target::Daemon(operator) => {
            let document = serde_json::to_vec(&proposal).unwrap_or_default();
            let sizes = [
                ("a set of overlays has", proposal.set_bytes(), MAX_SET_BYTES),
                ("the plan is a request of", document.len(), MAX_PROPOSAL_BYTES),
            ];
            if let Some((what, bytes, most)) =
                sizes.into_iter().find(|(_, bytes, most)| bytes > most)
            {
                return Err(CliError::LargeProposal { what, bytes, most });
            }
            operator.post_document(&["plan"], document).await
        }
    }
}

fn print_findings(findings: &[Finding], options: &PlanArguments) {
    if options.markdown {
        refused(findings).iter().for_each(|line| out(line));
    } else {
        print::findings(findings, options.json);
    }
}
