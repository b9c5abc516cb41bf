//! The overlay files that take a decision: which ones they are, their new texts, and their replacement.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::decide_args::Output;
use super::error::CliError;
use super::linked::{is_link, takes};
use super::overlay_folder::{Change, Overlays};
use super::written::Written;
use crate::config::{FolderLock, ReplaceError, Settings, lock_folder, replace_file};
use crate::lint::Source;
use crate::model::reason;
use crate::overlay::NamePattern;
use crate::overlay::edit::{Decision, Refusal, edit};

/// The time that a command waits for those that write before it. Reading the largest folder takes a second or two.
const MOST_WAITING: Duration = Duration::from_secs(20);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// The new files that are tried for a denial, by number behind the name.
const MOST_NEW_FILES: usize = 100;

/// Locks the overlay folder until the decision is written: one that another command writes meanwhile may contradict it
/// from another file. `None` if nothing will be written, or if there is no folder.
pub(super) async fn lock(
    settings: &Settings,
    output: &Output,
) -> Result<Option<FolderLock>, CliError> {
    let mut waited = Duration::ZERO;
    while !output.stdout && settings.overlays.is_dir() {
        match lock_folder(&settings.overlays) {
            Err(ReplaceError::Busy { .. }) if waited < MOST_WAITING => {
                tokio::time::sleep(BETWEEN_TRIES).await;
                waited += BETWEEN_TRIES;
            }
            locked => return Ok(Some(locked?)),
        }
    }
    Ok(None)
}

/// Writes a decision into its files, and unlocks the folder. What is to be printed is returned: a terminal that stalls must
/// not keep others from deciding.
pub(super) fn write(
    overlays: &Overlays,
    decision: &Decision,
    output: &Output,
    lock: Option<FolderLock>,
) -> Result<Written, CliError> {
    let (changes, warnings) = settle(overlays, decision, output)?;
    if output.stdout {
        if let [first, second, ..] = changes.as_slice() {
            return Err(CliError::Declined(format!(
                "equal rules with this selection stand in {} and {}, and `--stdout` prints one file: leave it out, or \
                 remove one of the rules",
                first.after.file, second.after.file
            )));
        }
        return Ok(Written { changes, warnings, failure: None });
    }
    let mut failure = None;
    let mut written: Vec<Change> = Vec::new();
    for change in changes {
        let old = change.before.as_ref().map(|before| before.text.as_str());
        let replaced =
            replace_file(lock.as_ref(), Path::new(&change.after.file), old, &change.after.text);
        match replaced {
            Ok(()) => written.push(change),
            Err(source) if written.is_empty() => return Err(source.into()),
            Err(source) => {
                let files: Vec<&str> =
                    written.iter().map(|change| change.after.file.as_str()).collect();
                let written = files.join(" and ");
                failure = Some(CliError::PartlyWritten { written, source });
                break;
            }
        }
    }
    drop(lock);
    Ok(Written { changes: written, warnings, failure })
}

/// Returns the files that a decision changes, with the warnings about the set. A denial that its file cannot take stands
/// in a file of its own.
fn settle(
    overlays: &Overlays,
    decision: &Decision,
    output: &Output,
) -> Result<(Vec<Change>, Vec<String>), CliError> {
    let file = output.file.as_deref();
    let takes = |change: &Change| takes(decision, output, &change.after.file);
    let judged = |changes: Vec<Change>| {
        changes.iter().try_for_each(takes)?;
        let warnings = overlays.judge(&changes)?;
        Ok((changes, warnings))
    };
    let is_broken = |file: &Path| {
        overlays.source_at(file).is_some_and(|source| overlays.had_error(&source.file))
    };
    let refused = match changes(overlays, decision, file).and_then(judged) {
        Err(refused) if decision.approval.state.hides() && file.is_none_or(is_broken) => refused,
        settled => return settled,
    };
    let why = match &refused {
        CliError::Edit(refusal) => match &**refusal {
            Refusal::Manual { place, why, .. } => format!("{place}: {why}"),
            Refusal::Invalid(_) => return Err(refused),
        },
        CliError::Findings(findings) => match findings.first() {
            Some(finding) => finding.to_string(),
            None => reason(&refused),
        },
        CliError::Replace(ReplaceError::Link { path, target }) => {
            format!("{} is a symbolic link to {}", path.display(), target.display())
        }
        _ => return Err(refused),
    };
    let Some(path) = free_path(overlays, &decision.name) else { return Err(refused) };
    let own = edited(overlays, decision, None, path).map(|change| vec![change]);
    let Ok((changes, mut warnings)) = own.and_then(judged) else { return Err(refused) };
    warnings.insert(0, format!("the decision stands in a file of its own, since {why}"));
    Ok((changes, warnings))
}

/// Returns the path of a file for rules about a name that does not exist.
fn free_path(overlays: &Overlays, name: &NamePattern) -> Option<String> {
    let whole = file_name(name);
    let stem = whole.trim_end_matches(".yaml");
    let numbered = (2..MOST_NEW_FILES).map(|number| format!("{stem}--{number}.yaml"));
    let paths = std::iter::once(whole.clone()).chain(numbered);
    let mut paths = paths.map(|name| overlays.root.join(name));
    let free = paths.find(|path| path.symlink_metadata().is_err())?;
    Some(free.to_string_lossy().into_owned())
}

fn changes(
    overlays: &Overlays,
    decision: &Decision,
    file: Option<&Path>,
) -> Result<Vec<Change>, CliError> {
    let mut sources: Vec<&Arc<Source>> = Vec::new();
    for rule in decision.rules_in(&overlays.reading.rules) {
        // A denial is added to the file that is named, since the link is not written.
        if file.is_some() && decision.approval.state.hides() && is_link(&rule.place.source.file) {
            continue;
        }
        if !sources.contains(&&rule.place.source) {
            sources.push(&rule.place.source);
        }
        let named = file.and_then(|file| overlays.source_at(file));
        if file.is_some() && named.is_none_or(|named| *named != rule.place.source) {
            return Err(CliError::Declined(format!(
                "the rule with this selection stands at {}, and not in the file of `--file`; leave `--file` out",
                rule.place
            )));
        }
    }
    if !sources.is_empty() {
        return edited_where_possible(overlays, decision, sources);
    }
    let before = match file {
        Some(file) => overlays.source_at(file).cloned(),
        None => file_about(overlays, &decision.name).cloned(),
    };
    let path = match (&before, file) {
        (Some(source), _) => source.file.clone(),
        (None, Some(file)) => new_file(overlays, file)?,
        (None, None) => {
            let path = overlays.root.join(file_name(&decision.name));
            path.to_string_lossy().into_owned()
        }
    };
    let before = before.or_else(|| overlays.known(&path));
    Ok(vec![edited(overlays, decision, before, path)?])
}

/// Returns the changes of the files that have the rule. A denial leaves out a symbolic link, and a file that an error keeps
/// from being edited, if another file takes it.
fn edited_where_possible(
    overlays: &Overlays,
    decision: &Decision,
    sources: Vec<&Arc<Source>>,
) -> Result<Vec<Change>, CliError> {
    let (mut changes, mut links, mut left_out) = (Vec::new(), Vec::new(), None);
    for source in sources {
        match edited(overlays, decision, Some(Arc::clone(source)), source.file.clone()) {
            Err(refused @ CliError::Edit(_))
                if decision.approval.state.hides() && overlays.had_error(&source.file) =>
            {
                left_out = Some(refused);
            }
            Ok(change) if decision.approval.state.hides() && is_link(&change.after.file) => {
                links.push(change);
            }
            change => changes.push(change?),
        }
    }
    match left_out {
        _ if changes.is_empty() && !links.is_empty() => Ok(links),
        Some(refused) if changes.is_empty() => Err(refused),
        _ => Ok(changes),
    }
}

fn edited(
    overlays: &Overlays,
    decision: &Decision,
    before: Option<Arc<Source>>,
    path: String,
) -> Result<Change, CliError> {
    let source = before.clone().unwrap_or_else(|| Source::new(path.as_str(), ""));
    let text = edit(&source, decision, &overlays.context())
        .map_err(|refusal| CliError::Edit(Box::new(refusal)))?;
    Ok(Change { before, after: Source::new(path, text) })
}

/// Returns the first file with a rule about exactly this name.
fn file_about<'o>(overlays: &'o Overlays, name: &NamePattern) -> Option<&'o Arc<Source>> {
    let rule = overlays.reading.rules.iter().find(|rule| rule.name == *name)?;
    Some(&rule.place.source)
}

/// Returns the path of a new file, which has to be in the folder; the folder is judged with it later.
fn new_file(overlays: &Overlays, file: &Path) -> Result<String, CliError> {
    let allowed = || {
        let name = file.file_stem().unwrap_or_default();
        let inside = overlays.root.join(name).with_extension("yaml");
        CliError::Declined(format!(
            "{} is not a file `*.yaml` in a folder of {}; overlays are read from there: write `--file {}`",
            file.display(),
            overlays.root.display(),
            inside.display()
        ))
    };
    let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(allowed)?;
    let is_yaml = file.extension().is_some_and(|extension| extension == "yaml");
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (parent, root) = (parent.canonicalize(), overlays.root.canonicalize());
    let (Ok(parent), Ok(root)) = (parent, root) else { return Err(allowed()) };
    let below = parent.strip_prefix(&root).map_err(|_| allowed())?;
    let path = overlays.root.join(below).join(name);
    let path = path.to_str().filter(|_| is_yaml).ok_or_else(allowed)?;
    Ok(path.to_owned())
}

/// Returns the name of a file for rules about a name.
fn file_name(name: &NamePattern) -> String {
    let text = name.to_string().replace('/', "--").replace('*', "all");
    // The folder takes a file with a dot in front for one of an editor.
    let text = text.trim_start_matches('.');
    format!("{text}.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.example/wiki", "com.example--wiki.yaml")]
    #[case("com.example.*/*", "com.example.all--all.yaml")]
    #[case("*", "all.yaml")]
    fn file_is_named_after_the_servers_that_its_rules_are_about(
        #[case] name: &str,
        #[case] wanted: &str,
    ) {
        assert_eq!(file_name(&NamePattern::parse(name).expect("a name")), wanted);
    }
}
