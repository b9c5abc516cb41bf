use super::error::{CliError, Exit};
use super::print;
use super::target::Target;
use crate::config::{Settings, read_upstreams};
use crate::daemon::{Clock, load_overlays, starter_warning, unmatched};
use crate::lint::{Finding, has_errors};

/// Lints what people write, and says which statements select nothing.
pub(super) async fn check(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let mut findings = Vec::new();
    let upstreams = read_upstreams(&settings.upstreams).unwrap_or_else(|found| {
        findings.extend(found);
        Vec::new()
    });
    let ids: Vec<String> = upstreams.iter().map(|upstream| upstream.id.clone()).collect();
    let mut notes = Vec::new();
    // Without a store there is no last good set: what is in the folder is what is judged.
    match load_overlays(&settings, &ids, None, Clock::system(), false)? {
        Err(found) => findings.extend(found),
        Ok(in_force) => {
            findings.extend(starter_warning(&in_force));
            match Target::open(&settings) {
                Ok(Target::Store(offline)) => {
                    let snapshot = offline.store.snapshot()?;
                    findings.extend(unmatched(&snapshot, &in_force.set)?.unwrap_or_default());
                }
                Ok(Target::Daemon(operator)) => {
                    let known: Option<Vec<String>> = operator.get(&["unmatched"], &[]).await?;
                    notes.extend(known.unwrap_or_default());
                }
                // Names cannot be compared with a store that is not there yet.
                Err(_) => {}
            }
            findings.extend(in_force.findings);
        }
    }
    Ok(conclude(&findings, &notes, json))
}

fn conclude(findings: &[Finding], notes: &[String], json: bool) -> Exit {
    print::findings(findings, notes, json);
    match has_errors(findings) {
        true => Exit::Findings,
        false => Exit::Done,
    }
}
