//! The commands.
//!
//! Those that read ask the running daemon over its operations address, since it alone holds the store; without a
//! daemon they open the file themselves. Both paths end in the same functions of [`crate::daemon`], so they cannot
//! disagree.

mod advisories;
mod afterwards;
mod alert_args;
mod alerts;
mod args;
mod backup;
mod check;
mod client;
mod clock;
mod content;
mod covered;
mod decide;
mod decide_args;
mod decision;
mod demo;
mod denied;
mod error;
mod explain;
mod history;
mod history_args;
mod history_text;
mod hold;
mod linked;
mod list;
mod list_args;
mod lookalikes;
mod markdown;
mod names;
mod overlay_file;
mod overlay_folder;
mod ownership;
mod packages;
mod pattern;
mod plan;
mod plan_text;
mod prepared;
mod present;
mod print;
mod process;
mod progress;
mod query;
mod queue;
mod refused;
mod replacement;
mod review;
mod review_args;
mod running;
mod serve;
mod sheet;
mod sheet_markdown;
mod show;
mod starting;
mod status_text;
mod stopping;
mod surroundings;
mod sync;
mod system;
mod target;
mod token;
mod visible;
mod written;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use indicatif::MultiProgress;

use alert_args::{ClockAction, LookalikeAction};
use args::{Arguments, Command};
use error::{CliError, Exit};
use hold::Choice;
use list_args::ListArguments;
use process::{Workers, outlive_large_files};
use stopping::{BEFORE_START, Stopping, step};

use crate::config::Settings;
use crate::overlay::State;
use crate::sync::HoldDecision;
use crate::telemetry::{self, LogFormat};

/// Returns the definition of the command line, from which its documentation is generated.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command line and returns the exit code: 0 done, 1 findings or refusal, 2 usage,
/// 3 unreachable or failed.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return print::usage(&error),
        Err(help) => help.exit(),
    };
    // The storage engine panics over pages that no crash of ours leaves; the operator must learn what to do.
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match run(arguments) {
        Ok(exit) => exit,
        Err(error) => {
            print::error(&error);
            error.exit()
        }
    }));
    ran.unwrap_or_else(|_| {
        print::error(&CliError::Panicked);
        CliError::Panicked.exit()
    })
    .into()
}

fn run(arguments: Arguments) -> Result<Exit, CliError> {
    if let Command::Check { schema: Some(kind), .. } = arguments.command {
        // An editor asks for it while the settings may be wrong.
        return Ok(check::print_schema(kind));
    }
    let bars = MultiProgress::new();
    let format = LogFormat::or_suitable(arguments.log);
    let logs = matches!(arguments.command, Command::Serve | Command::Demo);
    // The log panics without a thread.
    let workers = Workers::find(logs)?;
    // Until the end: what waits is written then.
    let _log = logs.then(|| telemetry::start(format, &bars));
    let runtime = workers.start()?;
    let exit = runtime.block_on(obey(arguments, format, bars));
    // Blocking work that is under way ends with its transaction; nothing waits for more.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    exit
}

/// Reads the settings and does what the command says; a signal is obeyed before anything is read.
async fn obey(
    arguments: Arguments,
    format: LogFormat,
    bars: MultiProgress,
) -> Result<Exit, CliError> {
    outlive_large_files();
    let stopping = match arguments.command {
        Command::Serve => Stopping::listen(true),
        Command::Demo => Stopping::listen(false),
        _ => Stopping::default(),
    };
    let ((file, named), locations) = (arguments.configuration(), arguments.locations());
    let asks_a_daemon =
        !matches!(arguments.command, Command::Serve | Command::Demo | Command::Check { .. });
    let refused = if asks_a_daemon { CliError::Settings } else { CliError::Findings };
    let loading = step(move || Settings::load(&file, named, locations).map_err(refused));
    let Some(settings) = stopping.unless_stopped(loading, BEFORE_START).await else {
        return Ok(Exit::Done);
    };
    Box::pin(dispatch(arguments, settings?, format, (bars, stopping))).await
}

async fn dispatch(
    arguments: Arguments,
    settings: Settings,
    format: LogFormat,
    (bars, stopping): (MultiProgress, Stopping),
) -> Result<Exit, CliError> {
    let (file, named) = arguments.configuration();
    let configured = || Settings::load(&file, named, arguments.configured_locations());
    let configured_overlays = match &arguments.command {
        Command::Plan(_) => Some(configured().map_err(CliError::Findings)?.overlays),
        _ => None,
    };
    match arguments.command {
        Command::Serve => {
            let drawn = format == LogFormat::Text;
            Box::pin(serve::serve(settings, drawn.then_some(&bars), stopping)).await
        }
        Command::Sync { show: Some(set), only, json, .. } => {
            hold::show(settings, &set, only.as_deref(), json).await
        }
        Command::Sync {
            release,
            discard,
            only,
            seen: Some(seen),
            by: Some(by),
            reason: Some(reason),
            ..
        } if release.is_some() || discard.is_some() => {
            let decision =
                if release.is_some() { HoldDecision::Release } else { HoldDecision::Discard };
            let set = &release.or(discard).unwrap_or_default();
            hold::decide(settings, Choice { decision, set, only, seen, by, reason }).await
        }
        Command::Sync { full, dry_run, json, .. } => {
            sync::sync(settings, full, dry_run, json).await
        }
        Command::Demo => Box::pin(demo::demo(settings, &bars, stopping)).await,
        Command::Check { file: Some(file), json, .. } => {
            check::check_file(&settings, &file, json).await
        }
        Command::Check { file: None, json, .. } => check::check(settings, json).await,
        Command::List(ListArguments { at: Some(at), pattern, json, .. }) => {
            history::list_at(settings, &at, pattern.as_deref(), json).await
        }
        Command::List(arguments) => list::list(settings, &arguments).await,
        Command::Show(arguments) => show::show(settings, &arguments).await,
        Command::History(arguments) => history::history(settings, &arguments).await,
        Command::Changes(arguments) => history::changes(settings, &arguments).await,
        Command::Review(arguments) => match &arguments.name {
            Some(name) => review::sheet(settings, name, &arguments).await,
            None => queue::queue(settings, arguments).await,
        },
        Command::Plan(options) => {
            let current = configured_overlays.unwrap_or_else(|| settings.overlays.clone());
            plan::plan(settings, current, &options).await
        }
        Command::Explain { name, json, .. } if name.contains('*') => {
            pattern::explain(settings, &name, json).await
        }
        Command::Approve(arguments) => decide::approve(settings, &arguments).await,
        Command::Affirm(arguments) => decide::affirm(settings, &arguments).await,
        Command::Deny(arguments) => decide::refuse(settings, State::Denied, &arguments).await,
        Command::Suspend(arguments) => decide::refuse(settings, State::Suspended, &arguments).await,
        Command::Explain { name, verbose, json } => {
            explain::explain(settings, &name, verbose, json).await
        }
        Command::Alerts { action: Some(action), json, .. } => {
            alerts::act(settings, action, json).await
        }
        Command::Alerts { action: None, kind, all, json } => {
            alerts::list(settings, kind, all, json).await
        }
        Command::Ownership { namespaces, all, pin, json } => {
            ownership::check(settings, &ownership::Query { namespaces, all, pin, json }).await
        }
        Command::Packages { name, json } => {
            packages::packages(settings, name.as_deref(), json).await
        }
        Command::Lookalikes { action: Some(LookalikeAction::Why { name }), json, .. } => {
            lookalikes::why(settings, &name, json).await
        }
        Command::Lookalikes { action: None, since, level, json } => {
            lookalikes::list(settings, since.as_deref(), level, json).await
        }
        Command::Advisories { action: Some(action), json, .. } => {
            advisories::act(settings, action, json).await
        }
        Command::Advisories { action: None, id: Some(id), json } => {
            advisories::show(settings, &id, json).await
        }
        Command::Advisories { action: None, id: None, json } => {
            advisories::list(settings, json).await
        }
        Command::Token { action, json } => token::act(settings, action, json).await,
        Command::Status { json } => query::status(settings, json).await,
        Command::Clock { action: ClockAction::Accept { time, by, reason }, json } => {
            clock::accept(settings, time, &by, &reason, json).await
        }
        Command::Backup { file, json } => backup::back_up(settings, &file, json).await,
        Command::Restore { file, json } => backup::restored(&settings, &file, json),
        Command::Verify { file, json } => query::verify(settings, file, json).await,
    }
}
