//! The time by which a decision is written.

use std::time::Duration;

use tokio::time::timeout;

use super::client::Operator;
use super::error::CliError;
use crate::config::Settings;
use crate::daemon::{Clock, StatusReport};
use crate::model::Timestamp;

/// The time that a daemon has to answer: a denial must not wait for one that never does.
const MOST_WAITING: Duration = Duration::from_secs(1);

/// Returns the time of the running daemon, by which it judges what is written; that of the system if none answers soon.
pub(super) async fn present(settings: &Settings) -> Timestamp {
    let operator = Operator::of(settings);
    let asked = timeout(MOST_WAITING, operator.get(&["status"], &[])).await;
    let answered: Option<Result<StatusReport, CliError>> = asked.ok();
    match answered {
        Some(Ok(status)) => status.now,
        _ => Clock::system(),
    }
}
