//! The decisions of a reviewer: they are written into the overlay files, which a person commits.

use super::decide_args::{AffirmArguments, ApproveArguments, Output, RefuseArguments};
use super::decision::{Subject, affirmation, approval, require_seen, still_hidden};
use super::error::{CliError, Exit};
use super::names::{names, not_listed};
use super::overlay_file::write;
use super::overlay_folder::Overlays;
use super::print::err;
use super::review::sheet_of;
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{Clock, ReviewSheet};
use crate::model::{Digest, Timestamp};
use crate::overlay::{NamePattern, State};

/// Approves what a review sheet showed.
pub(super) async fn approve(
    settings: Settings,
    arguments: &ApproveArguments,
) -> Result<Exit, CliError> {
    let ApproveArguments { name, seen, output, .. } = arguments;
    let Read { subject, sheet, overlays, now } = read(settings, name, *seen, output).await?;
    let before = overlays.rule_of(&subject);
    let decision = approval(&subject, &sheet, arguments, before, now)?;
    write(&overlays, &decision, output)?;
    still_hidden(&sheet).iter().for_each(|warning| err(&format!("warning: {warning}")));
    Ok(Exit::Done)
}

/// Renews an approval for what a review sheet showed.
pub(super) async fn affirm(
    settings: Settings,
    arguments: &AffirmArguments,
) -> Result<Exit, CliError> {
    let AffirmArguments { name, seen, by, output } = arguments;
    let Read { subject, sheet, overlays, now } = read(settings, name, *seen, output).await?;
    let before = overlays.rule_of(&subject);
    write(&overlays, &affirmation(&subject, &sheet, by, before, now)?, output)?;
    Ok(Exit::Done)
}

/// The sheet that a person read, and the overlays that it rests on.
struct Read {
    subject: Subject,
    sheet: ReviewSheet,
    overlays: Overlays,
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
    let now = Clock::system().max(sheet.as_of);
    let overlays = Overlays::read_whole(&settings, now)?;
    overlays.require_rules_of(&sheet)?;
    Ok(Read { subject, sheet, overlays, now })
}

/// Denies or suspends servers, whatever they contain.
pub(super) async fn refuse(
    settings: Settings,
    state: State,
    arguments: &RefuseArguments,
) -> Result<Exit, CliError> {
    let RefuseArguments { name, by, reason, output } = arguments;
    let subject = Subject::parse(name, output.upstream.as_deref())?;
    let unlisted = unlisted(&settings, &subject).await;
    let now = Clock::system();
    let mut decision = subject.decision(state, by, now);
    decision.reason = Some(reason.clone());
    write(&Overlays::read(&settings, now), &decision, output)?;
    if let Some(unlisted) = unlisted {
        err(&format!("warning: {unlisted}"));
    }
    Ok(Exit::Done)
}

/// Returns a warning about a name that no upstream lists. A denial may precede what it denies, and needs no store.
async fn unlisted(settings: &Settings, subject: &Subject) -> Option<CliError> {
    let NamePattern::Exact(name) = &subject.name else { return None };
    let target = Target::open_known(settings).ok()?;
    let names = names(&target).await.ok()?;
    let is_known = names.is_empty() || names.iter().any(|known| known == name.as_str());
    (!is_known).then(|| not_listed(name.as_str(), name.as_str(), &names))
}
