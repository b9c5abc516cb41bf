//! The decisions of a reviewer: they are written into the overlay files, which a person commits.

use super::afterwards::{left_behind, still_hidden, without_facts};
use super::decide_args::{AffirmArguments, ApproveArguments, Output, RefuseArguments};
use super::decision::{Subject, affirmation, approval, require_seen};
use super::denied::covers_nothing;
use super::error::{CliError, Exit};
use super::overlay_file::{lock, write};
use super::overlay_folder::Overlays;
use super::present::present;
use super::print::err;
use super::review::sheet_of;
use crate::config::{FolderLock, Settings};
use crate::daemon::ReviewSheet;
use crate::model::{Digest, Timestamp};
use crate::overlay::State;
use crate::overlay::edit::Decision;

/// Approves what a review sheet showed.
pub(super) async fn approve(
    settings: Settings,
    arguments: &ApproveArguments,
) -> Result<Exit, CliError> {
    let ApproveArguments { name, seen, output, .. } = arguments;
    let Read { subject, sheet, overlays, lock, now } = read(settings, name, *seen, output).await?;
    let before = overlays.rule_of(&subject);
    let decision = approval(&subject, &sheet, arguments, before, now)?;
    write(&overlays, &decision, output, lock)?.print(output)?;
    warn_of_left_behind(&sheet, &decision, &overlays);
    let facts = without_facts(&sheet, &decision);
    facts.iter().for_each(|warning| err(&format!("warning: {warning}")));
    still_hidden(&sheet).iter().for_each(|warning| err(&format!("warning: {warning}")));
    Ok(Exit::Done)
}

/// Renews an approval for what a review sheet showed.
pub(super) async fn affirm(
    settings: Settings,
    arguments: &AffirmArguments,
) -> Result<Exit, CliError> {
    let AffirmArguments { name, seen, by, output } = arguments;
    let Read { subject, sheet, overlays, lock, now } = read(settings, name, *seen, output).await?;
    let before = overlays.rule_of(&subject);
    let decision = affirmation(&subject, &sheet, by, before, now)?;
    write(&overlays, &decision, output, lock)?.print(output)?;
    warn_of_left_behind(&sheet, &decision, &overlays);
    Ok(Exit::Done)
}

/// Warns of versions that were served by `follow`, and that the decision leaves behind.
fn warn_of_left_behind(sheet: &ReviewSheet, decision: &Decision, overlays: &Overlays) {
    let warnings = left_behind(sheet, decision, &overlays.reading.rules);
    warnings.iter().for_each(|warning| err(&format!("warning: {warning}")));
}

/// The sheet that a person read, and the overlays that it rests on.
struct Read {
    subject: Subject,
    sheet: ReviewSheet,
    overlays: Overlays,
    lock: Option<FolderLock>,
    now: Timestamp,
}

async fn read(
    settings: Settings,
    text: &str,
    seen: Digest,
    output: &Output,
) -> Result<Read, CliError> {
    let subject = Subject::parse(text, output.upstream.as_deref())?;
    let sheet = sheet_of(&settings, text).await?;
    require_seen(text, &sheet, seen)?;
    let now = present(&settings).await.max(sheet.as_of);
    let lock = lock(&settings, output).await?;
    let overlays = Overlays::read_whole(&settings, now)?;
    overlays.require_rules_of(&sheet)?;
    Ok(Read { subject, sheet, overlays, lock, now })
}

/// Denies or suspends servers, whatever they contain.
pub(super) async fn refuse(
    settings: Settings,
    state: State,
    arguments: &RefuseArguments,
) -> Result<Exit, CliError> {
    let RefuseArguments { name, by, reason, output } = arguments;
    let subject = Subject::parse(name, output.upstream.as_deref())?;
    let now = present(&settings).await;
    let mut decision = subject.decision(state, by, now);
    decision.reason = Some(reason.clone());
    let lock = lock(&settings, output).await?;
    write(&Overlays::read(&settings, now), &decision, output, lock)?.print(output)?;
    // A question to a daemon that does not answer must not delay a denial.
    if let Some(warning) = covers_nothing(settings, &decision, now).await {
        err(&format!("warning: {warning}"));
    }
    Ok(Exit::Done)
}
