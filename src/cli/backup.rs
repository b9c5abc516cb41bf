use std::fs::{File, OpenOptions, remove_file};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::open_store;
use crate::config::Settings;
use crate::daemon::Clock;
use crate::store::{Backup, Restored, StoreError, restore};

/// Copies the store into a new file; a daemon that uses it makes the copy.
pub(super) async fn back_up(settings: Settings, file: &Path, json: bool) -> Result<Exit, CliError> {
    check_new(file)?;
    let backup = if let Some(store) = open_store(&settings)? {
        store.back_up(file)?
    } else {
        let made: Backup = Operator::of(&settings).post(&["ops", "backup"], &[]).await?;
        take(&made.file, file).map_err(|source| of_file(file, source))?;
        Backup { file: file.to_owned(), ..made }
    };
    if json {
        as_json(&backup);
    } else {
        let Backup { file, rows, bytes } = backup;
        out(&format!(
            "{}: {}, {:.1} MB, read back",
            file.display(),
            counted(rows, "row", "rows"),
            mega(bytes)
        ));
    }
    Ok(Exit::Done)
}

/// Refuses a path that is no new file in an existing folder, before anything is copied.
fn check_new(file: &Path) -> Result<(), CliError> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let problem = if file.symlink_metadata().is_ok() {
        "it exists already; name a new file"
    } else if !folder.is_dir() {
        "the folder that it is in is absent; make it, or name another one"
    } else {
        return Ok(());
    };
    Err(CliError::Declined(format!("{} is not written: {problem}", file.display())))
}

/// Moves the copy that a daemon made out of the data folder, also to another disk. What cannot be moved is removed.
fn take(made: &Path, file: &Path) -> io::Result<()> {
    let copied = copy_to(made, file);
    remove_file(made)?;
    copied
}

fn copy_to(made: &Path, file: &Path) -> io::Result<()> {
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let copied = File::open(made).and_then(|mut made| io::copy(&mut made, &mut target));
    let copied = copied.and_then(|_| target.sync_all());
    if copied.is_err() {
        // Half a copy must not be taken for one.
        let _ = remove_file(file);
    }
    copied
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn of_file(path: &Path, source: io::Error) -> CliError {
    CliError::File { path: path.to_owned(), source }
}

/// Puts a copy in the place of the store.
pub(super) fn restored(settings: &Settings, file: &Path, json: bool) -> Result<Exit, CliError> {
    let restored = restore(file, &settings.data, Clock::system()).map_err(|error| match error {
        StoreError::Locked { path } => CliError::Declined(format!(
            "a daemon, or another command, uses the store {}; stop the daemon before you restore",
            path.display()
        )),
        error => error.into(),
    })?;
    if json {
        as_json(&restored);
        return Ok(Exit::Done);
    }
    let Restored { entries, before } = restored;
    out(&format!(
        "restored {}; followers of this registry will read it again",
        counted(entries, "entry", "entries")
    ));
    if let Some(before) = before {
        out(&format!(
            "the store before is {}; remove it when you do not need it",
            before.display()
        ));
    }
    Ok(Exit::Done)
}
