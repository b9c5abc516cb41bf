use super::client::Operator;
use super::error::{CliError, Exit};
use super::print;
use super::status_text;
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{Clock, StatusReport};
use crate::store::{Store, StoreError, Verification};

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
    let (verification, repaired): (Verification, bool) =
        match Store::open(&settings.data, Clock::system()) {
            Ok(mut store) => {
                let intact = !file || store.check_file()?;
                (store.snapshot()?.verify()?, !intact)
            }
            Err(StoreError::Locked { .. }) if file => return Err(CliError::DaemonRuns),
            Err(StoreError::Locked { .. }) => {
                (Operator::of(&settings).get(&["verify"], &[]).await?, false)
            }
            Err(error) => return Err(error.into()),
        };
    print::verification(&verification, file, repaired, json);
    Ok(if verification.is_sound() && !repaired { Exit::Done } else { Exit::Findings })
}
