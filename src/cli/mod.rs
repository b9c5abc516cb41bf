//! The commands.
//!
//! Those that read ask whoever holds the store: the running daemon over its operations address,
//! or, when there is none, the file itself. Both paths end in the same functions of
//! [`crate::daemon`], so they cannot disagree.

mod alerts;
mod args;
mod check;
mod client;
mod error;
mod lookalikes;
mod print;
mod progress;
mod prove;
mod query;
mod serve;
mod sync;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use indicatif::MultiProgress;

use args::{AlertAction, Arguments, Command, LookalikeAction};
use error::{CliError, Exit};

use crate::config::Settings;
use crate::daemon::HeldDecision;
use crate::telemetry::{self, LogFormat};

/// Runs the command line and returns the exit code: 0 done, 1 findings or refusal, 2 usage,
/// 3 unreachable or failed.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    // The storage engine panics over pages that no crash of ours leaves; whoever meets that must
    // learn what to do.
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(arguments)));
    match ran.unwrap_or(Err(CliError::Panicked)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            print::error(&error);
            error.exit().into()
        }
    }
}

fn run(arguments: Arguments) -> Result<Exit, CliError> {
    let settings = settings(&arguments)?;
    let bars = MultiProgress::new();
    let format = LogFormat::or_suitable(arguments.log);
    if matches!(arguments.command, Command::Serve) {
        telemetry::start(format, &bars);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    let exit = runtime.block_on(dispatch(arguments, settings, format, bars));
    // Blocking work that is under way ends with its transaction; nothing waits for more.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    exit
}

fn settings(arguments: &Arguments) -> Result<Settings, CliError> {
    let (file, named) = arguments.configuration();
    Settings::load(&file, named, arguments.locations()).map_err(CliError::Findings)
}

async fn dispatch(
    arguments: Arguments,
    settings: Settings,
    format: LogFormat,
    bars: MultiProgress,
) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Serve => {
            let drawn = format == LogFormat::Text;
            serve::serve(settings, drawn.then_some(&bars)).await
        }
        Command::Sync { release: Some(set), .. } => {
            sync::decide(settings, &set, HeldDecision::Release).await
        }
        Command::Sync { discard: Some(set), .. } => {
            sync::decide(settings, &set, HeldDecision::Discard).await
        }
        Command::Sync { full, dry_run, json, .. } => {
            sync::sync(settings, full, dry_run, json).await
        }
        Command::Check { json } => check::check(settings, json).await,
        Command::List { all, quarantined, json } => {
            query::list(settings, all, quarantined, json).await
        }
        Command::Explain { name, json } => query::explain(settings, &name, json).await,
        Command::Alerts {
            action: Some(AlertAction::Ack { id, seen, by, reason }), json, ..
        } => alerts::acknowledge(settings, &id, seen, (&by, &reason), json).await,
        Command::Alerts { action: Some(AlertAction::Undelivered), json, .. } => {
            alerts::undelivered(settings, json).await
        }
        Command::Alerts { action: Some(AlertAction::Redeliver { webhook }), json, .. } => {
            alerts::redeliver(settings, webhook.as_deref(), json).await
        }
        Command::Alerts { action: None, all, json } => alerts::list(settings, all, json).await,
        Command::Prove { namespace, pin, json } => {
            prove::prove(settings, &namespace, pin, json).await
        }
        Command::Lookalikes { action: Some(LookalikeAction::Why { name }), json, .. } => {
            lookalikes::why(settings, &name, json).await
        }
        Command::Lookalikes { action: None, since, level, json } => {
            lookalikes::list(settings, since.as_deref(), level, json).await
        }
        Command::Status { json } => query::status(settings, json).await,
        Command::Verify { file, json } => query::verify(settings, file, json).await,
    }
}
