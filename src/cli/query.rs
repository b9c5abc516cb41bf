use super::client::Operator;
use super::error::{CliError, Exit};
use super::print;
use super::status_text;
use super::target::{Target, open_store};
use crate::config::Settings;
use crate::daemon::StatusReport;
use crate::store::Verification;

pub(super) async fn status(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let report: StatusReport = match Target::open(&settings)? {
        Target::Store(offline) => {
            let mut report = crate::daemon::status(
                &offline.store.snapshot()?,
                &offline.current_policy,
                &offline.upstreams,
                &offline.clock,
            )?;
            report.store.limits = settings.disk;
            report
        }
        Target::Daemon(operator) => operator.get(&["status"], &[]).await?,
    };
    status_text::print(&report, json);
    Ok(Exit::Done)
}

pub(super) async fn verify(settings: Settings, file: bool, json: bool) -> Result<Exit, CliError> {
    let (verification, repaired): (Verification, bool) = match open_store(&settings)? {
        Some(mut store) => {
            let intact = !file || store.check_file()?;
            (store.snapshot()?.verify()?, !intact)
        }
        None if file => return Err(CliError::DaemonRuns),
        None => (Operator::of(&settings).get(&["verify"], &[]).await?, false),
    };
    print::verification(&verification, file, repaired, json);
    Ok(if verification.is_sound() && !repaired { Exit::Done } else { Exit::Findings })
}
