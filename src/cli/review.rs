use super::client::{Operator, unprocessable};
use super::content::{Line, one_line};
use super::error::{CliError, Exit};
use super::explain::split_version;
use super::names::{names, not_listed};
use super::print::{as_json, out};
use super::review_args::ReviewArguments;
use super::sheet::{Section, Title, renewed, sections};
use super::sheet_markdown::markdown;
use super::target::{Offline, Target};
use crate::config::Settings;
use crate::daemon::{NoSheet, ReviewSheet, Screenings, review_sheet};
use crate::model::{Escaped, EscapedWhole, Name, reason};

/// Prints the review sheet of `NAME`, `NAME@VERSION` or `NAME@RANGE`.
pub(super) async fn sheet(
    settings: Settings,
    text: &str,
    arguments: &ReviewArguments,
) -> Result<Exit, CliError> {
    let sheet = sheet_of(&settings, text).await?;
    if arguments.json {
        as_json(&sheet);
    } else if arguments.markdown {
        out(markdown(&sheet).trim_end());
    } else {
        print_sheet(&sheet);
    }
    Ok(Exit::Done)
}

/// Returns the review sheet of `NAME`, `NAME@VERSION` or `NAME@RANGE`.
pub(super) async fn sheet_of(settings: &Settings, text: &str) -> Result<ReviewSheet, CliError> {
    let (name, versions) = split_version(text);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let target = Target::open(settings)?;
    let sheet = match &target {
        Target::Store(offline) => read(offline, &parsed, versions)?,
        Target::Daemon(operator) => ask(operator, &parsed, versions).await?,
    };
    match sheet {
        Some(sheet) => Ok(sheet),
        None => Err(not_listed(text, name, &names(&target).await?)),
    }
}

fn read(
    offline: &Offline,
    name: &Name,
    versions: Option<&str>,
) -> Result<Option<ReviewSheet>, CliError> {
    let (snapshot, now) = offline.known()?;
    let screenings = Screenings::offline();
    match review_sheet(&snapshot, offline.policy(), &screenings, now, (name, versions)) {
        Err(NoSheet::Store(error)) => Err(error.into()),
        Err(refused) => Err(CliError::Declined(reason(&refused))),
        Ok(sheet) => Ok(sheet),
    }
}

async fn ask(
    operator: &Operator,
    name: &Name,
    versions: Option<&str>,
) -> Result<Option<ReviewSheet>, CliError> {
    let query: Vec<(&str, &str)> =
        versions.map(|versions| ("versions", versions)).into_iter().collect();
    unprocessable(operator.find(&["reviews", name.as_str()], &query).await)
}

/// Prints a sheet, each text whole: a person decides about it.
fn print_sheet(sheet: &ReviewSheet) {
    let asked = sheet.asked.as_ref().map(|asked| format!("@{asked}")).unwrap_or_default();
    out(&format!("{}{}, data of {}", sheet.name, EscapedWhole(&asked), sheet.as_of));
    for Section { title, lines } in sections(sheet) {
        match title {
            Title::Words(words) => out(&format!("  {words}")),
            Title::Version { version, upstream } => {
                out(&format!("  {} from {}", Escaped(&version), Escaped(&upstream)));
            }
        }
        for Line { label, text, is_question } in lines {
            let find_out = if is_question { "find out: " } else { "" };
            out(&format!("    {label:<14} {find_out}{}", one_line(&text)));
        }
    }
    out(&format!("  digest of this sheet: {}", sheet.digest));
    if let Some(renewed) = renewed(sheet) {
        out(&format!("  {renewed}"));
    }
    out(&format!("  {}", EscapedWhole(&sheet.command)));
}
