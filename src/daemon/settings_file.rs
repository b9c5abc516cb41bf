//! Follows the settings file of a running daemon.
//!
//! Nearly everything depends on the settings, and a daemon that has replaced only some of them is one that no test has
//! seen. So other settings mean another start: they are checked beside the running daemon as far as that is possible, and
//! then it stops and starts again in the same process, with the listeners that it has. Settings that do not start are
//! given up for the earlier ones, and are not tried again before the file changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::config::Settings;
use crate::files::Identity;
use crate::lint::{Finding, summarize};
use crate::model::Digest;

/// The settings file, as a daemon that uses an earlier reading of it sees it.
#[derive(Debug)]
pub struct SettingsFile {
    in_use: Arc<Settings>,
    /// The data folder in use; another one has another store, which would replace everything that is served.
    data: Option<Identity>,
    seen: Mutex<Seen>,
    offered: watch::Sender<Option<Arc<Settings>>>,
}

/// The result of the last looks.
#[derive(Debug, Default)]
struct Seen {
    digest: Option<Digest>,
    refused: Option<Refused>,
}

/// Settings that cannot be used.
#[derive(Debug)]
struct Refused {
    digest: Option<Digest>,
    reason: String,
    /// True if they are not tried again before the file changes: a daemon did not start with them, and another attempt
    /// would stop the one that runs.
    is_final: bool,
}

impl SettingsFile {
    pub(super) fn new(in_use: Arc<Settings>) -> Self {
        let data = Identity::of(&in_use.data).ok();
        Self { in_use, data, seen: Mutex::default(), offered: watch::Sender::new(None) }
    }

    /// Waits for other settings that are without errors.
    pub async fn next(&self) -> Arc<Settings> {
        let mut offered = self.offered.subscribe();
        let found = offered.wait_for(Option::is_some).await;
        match found.map(|found| found.clone()) {
            Ok(Some(settings)) => settings,
            // The sender is a field, so it outlives this call.
            _ => std::future::pending().await,
        }
    }

    /// Returns the keys of the file that have other values in other settings.
    #[must_use]
    pub fn different(&self, other: &Settings) -> String {
        let keys = self.in_use.reading.different(&other.reading);
        keys.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Gives up settings that cannot be used. They are offered again at the next look, unless that `is_final`.
    pub fn refuse(&self, settings: &Settings, reason: String, is_final: bool) {
        let refused = Refused { digest: settings.reading.digest, reason, is_final };
        self.seen().refused = Some(refused);
        self.offered.send_replace(None);
    }

    /// Looks at the file, and offers other settings at the second look that finds them: the file may be half-written.
    /// Returns the reasons why what it says is not in use.
    pub(super) fn look(&self) -> Vec<String> {
        let file = self.in_use.file.display().to_string();
        let mut seen = self.seen();
        match self.in_use.reread() {
            Ok(None) => *seen = Seen::default(),
            Ok(Some(other)) if !self.has_same_data(&other) => {
                *seen = Seen::default();
                return vec![self.refuse_data(&other).to_string()];
            }
            Ok(Some(other)) => {
                let is_settled = seen.digest == other.reading.digest && seen.digest.is_some();
                seen.digest = other.reading.digest;
                let refused =
                    seen.refused.take().filter(|refused| refused.digest == other.reading.digest);
                let is_final = refused.as_ref().is_some_and(|refused| refused.is_final);
                seen.refused = refused;
                if is_settled && !is_final {
                    self.offered.send_replace(Some(Arc::new(other)));
                }
            }
            Err(findings) => {
                *seen = Seen::default();
                return vec![summarize(&findings)];
            }
        }
        let named = |Refused { reason, .. }: &Refused| match reason.strip_prefix(&file) {
            // The place in it stands before the reason.
            Some(_) => reason.clone(),
            None => format!("{file} cannot be used: {reason}"),
        };
        seen.refused.as_ref().map(named).into_iter().collect()
    }

    /// Returns true if other settings lead to the data folder in use, by whatever path.
    fn has_same_data(&self, other: &Settings) -> bool {
        Identity::of(&other.data).ok() == self.data
    }

    fn refuse_data(&self, other: &Settings) -> Finding {
        let (wanted, used) = (other.data.display(), self.in_use.data.display());
        let found = format!(
            "`data` leads to {wanted}, which is not the folder in use, {used}; it cannot change while the daemon runs"
        );
        let allowed = "stop the daemon, move the folder, and start it again; the earlier settings stay in use, and \
                       commands find the daemon with `--data` and its folder";
        Finding::error(&other.place("data"), found, allowed)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use futures_util::FutureExt;

    use super::*;
    use crate::config::Locations;

    fn file_in_use(path: &Path) -> SettingsFile {
        let settings = Settings::load(path, false, Locations::default()).expect("settings");
        SettingsFile::new(Arc::new(settings))
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("written");
    }

    #[test]
    fn other_settings_are_offered_at_the_second_look_and_the_same_ones_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vidimus.toml");
        let file = file_in_use(&path);
        assert_eq!(file.look(), [] as [&str; 0], "an absent file is as it was");
        let offered = || file.next().now_or_never().map(|next| next.namespace.clone());
        assert_eq!(offered(), None);
        write(&path, "# a comment decides nothing\n");
        assert_eq!([file.look(), file.look()], [[] as [&str; 0], []]);
        assert_eq!(offered(), None);
        write(&path, "namespace = \"com.example\"\n");
        assert_eq!(file.look(), [] as [&str; 0]);
        assert_eq!(offered(), None, "it may be half-written");
        write(&path, "namespace = \"com.example.registry\"\n");
        assert_eq!(file.look(), [] as [&str; 0]);
        assert_eq!(offered(), None, "it changes all the time");
        assert_eq!(file.look(), [] as [&str; 0]);
        assert_eq!(offered().as_deref(), Some("com.example.registry"));
    }

    #[test]
    fn file_with_errors_or_that_is_gone_is_a_reason_and_is_never_offered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vidimus.toml");
        write(&path, "namespace = \"com.example\"\n");
        let file = file_in_use(&path);
        write(&path, "namespaec = \"com.example\"\nlistne = 1\n");
        let reasons = [file.look(), file.look()].concat();
        assert!(reasons[0].contains("unknown key"), "{reasons:?}");
        assert!(reasons[0].contains("and 1 more"), "{reasons:?}");
        fs::remove_file(&path).expect("removed");
        assert!(file.look()[0].contains("cannot be read"));
        // A look that waits for what writes into it would be the last one.
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("it runs").success());
        assert!(file.look()[0].contains("not a regular file"));
        assert_eq!(file.next().now_or_never(), None);
    }

    #[test]
    fn settings_that_did_not_start_are_not_offered_again_before_the_file_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vidimus.toml");
        let file = file_in_use(&path);
        for (is_final, wanted) in [(false, true), (true, false)] {
            write(&path, "namespace = \"com.example\"\n");
            let _ = (file.look(), file.look());
            let offered = file.next().now_or_never().expect("other settings");
            file.refuse(&offered, "the address is in use".to_owned(), is_final);
            let reasons = file.look();
            assert!(reasons[0].contains("the address is in use"), "{reasons:?}");
            assert_eq!(file.next().now_or_never().is_some(), wanted, "{is_final}");
        }
        write(&path, "namespace = \"com.example.other\"\n");
        assert_eq!([file.look(), file.look()], [[] as [&str; 0], []]);
        assert!(file.next().now_or_never().is_some());
    }
}
