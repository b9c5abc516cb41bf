use std::fs::{File, OpenOptions, remove_file};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use crate::config::Settings;
use crate::daemon::Clock;
use crate::store::{Backup, Restored, Store, StoreError, restore};

/// Copies the store into a new file; a daemon that uses it makes the copy.
pub(super) async fn back_up(settings: Settings, file: &Path, json: bool) -> Result<Exit, CliError> {
    let backup = match Store::open(&settings.data, Clock::system()) {
        Ok(store) => store.back_up(file)?,
        Err(StoreError::Locked { .. }) => {
            if file.exists() {
                return Err(of_file(file, io::ErrorKind::AlreadyExists.into()));
            }
            let made: Backup = Operator::of(&settings).post(&["ops", "backup"], &[]).await?;
            take(&made.file, file).map_err(|source| of_file(file, source))?;
            Backup { file: file.to_owned(), ..made }
        }
        Err(error) => return Err(error.into()),
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
    let restored = restore(file, &settings.data, Clock::system())?;
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
