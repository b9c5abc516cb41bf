//! The set of overlays that a running daemon refused, for a folder in which `check` itself finds no error.

use super::error::CliError;
use super::target::Target;
use crate::config::Settings;
use crate::daemon::StatusReport;
use crate::lint::{Finding, Source};

/// Returns an error if the daemon refused the set, with its reason. The daemon knows the set before, and this command does
/// not: a folder that became empty is refused.
pub(super) async fn refused_by_daemon(
    settings: &Settings,
    target: Option<&Target>,
) -> Option<Finding> {
    let Some(Target::Daemon(operator)) = target else { return None };
    let answered: Result<StatusReport, CliError> = operator.get(&["status"], &[]).await;
    let overlays = answered.ok()?.overlays;
    if overlays.state != "refused" {
        return None;
    }
    let reason = overlays.findings.first().map(|finding| format!(": {finding}"));
    let place = Source::new(settings.overlays.to_string_lossy(), "").start();
    let found = format!(
        "the daemon refused the set, and the last valid one stays in use{}",
        reason.unwrap_or_default()
    );
    let allowed = "correct what it names; it reads the folder again within seconds";
    Some(Finding::error(&place, found, allowed))
}
