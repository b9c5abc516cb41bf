//! Decides what follows from each reading of the overlay folder: a pure step.
//!
//! A file counts when two readings of it are equal: an editor writes in several steps, and a
//! half-written file may be a valid but different policy. Denials wait for their own file only, the
//! lint of the set for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Folder;
use crate::lint::Source;
use crate::model::Timestamp;

/// Readings after which the set is linted although a file is written to all the time.
const SETTLED_WITHIN: u32 = 20;
/// Days begin and end on a full hour in UTC and in every time zone that a date is judged in, so a
/// refused set can only become good then.
const HOUR: Duration = Duration::from_hours(1);

/// The last reading of the folder, and what was made of it.
#[derive(Debug)]
pub(super) struct State {
    folder: Folder,
    /// Successive readings that differed.
    unsettled: u32,
    /// The files that differed in the last two readings.
    changing: BTreeSet<String>,
    linted: Linted,
    is_linting: bool,
    /// Settled files whose denials were applied before the lint.
    hidden: Vec<Arc<Source>>,
}

/// The inputs that the current overlays follow from.
#[derive(Debug, Default)]
struct Linted {
    folder: Folder,
    upstreams: Vec<String>,
    /// For a refused set: the hour in which it was linted.
    hour: Option<i64>,
}

/// The effects of a reading, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// The files whose denials apply now.
    pub(super) hide: Vec<Arc<Source>>,
    /// The folder to lint.
    pub(super) lint: Option<Folder>,
    /// True if the next reading must follow soon.
    pub(super) is_unsettled: bool,
}

impl State {
    /// Begins with the overlays that a start loaded; `None` if there was nothing to load.
    pub(super) fn new(
        loaded: Option<(Folder, Vec<String>)>,
        refused: bool,
        now: Timestamp,
    ) -> Self {
        let (folder, upstreams) = loaded.unwrap_or_default();
        let hour = refused.then(|| hour(now));
        Self {
            folder: folder.clone(),
            unsettled: 0,
            changing: BTreeSet::new(),
            linted: Linted { folder, upstreams, hour },
            is_linting: false,
            hidden: Vec::new(),
        }
    }

    /// Takes a reading of the folder.
    pub(super) fn read(&mut self, folder: Folder, upstreams: &[String], now: Timestamp) -> Step {
        let hide = self.newly_settled(&folder);
        self.hidden.extend(hide.iter().cloned());
        let before = by_file(&self.folder.sources);
        let changing = folder.sources.iter().filter(|source| !has(&before, source));
        self.changing = changing.map(|source| source.file.clone()).collect();
        let is_settled = folder == self.folder;
        self.unsettled = if is_settled { 0 } else { self.unsettled + 1 };
        self.folder = folder;
        let is_due = is_settled || self.unsettled >= SETTLED_WITHIN;
        let lint = (is_due && !self.is_linting && self.is_outdated(upstreams, now)).then(|| {
            (self.is_linting, self.unsettled) = (true, 0);
            self.folder.clone()
        });
        Step { hide, lint, is_unsettled: !is_settled }
    }

    /// Takes the end of a lint; returns the settled files that it did not see, whose denials apply on
    /// top of it.
    pub(super) fn linted(
        &mut self,
        folder: Folder,
        upstreams: Vec<String>,
        refused: bool,
        now: Timestamp,
    ) -> Vec<Arc<Source>> {
        let (seen, present) = (by_file(&folder.sources), by_file(&self.folder.sources));
        self.hidden.retain(|source| has(&present, source) && !has(&seen, source));
        self.linted = Linted { folder, upstreams, hour: refused.then(|| hour(now)) };
        self.hidden.clone()
    }

    /// Begins work that excludes a lint; returns false if there is some under way.
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.is_linting, true)
    }

    /// Takes the end of everything that follows a lint; the next one may begin.
    pub(super) fn finish(&mut self) {
        self.is_linting = false;
    }

    /// Returns true if the last two readings of the file were equal.
    pub(super) fn is_settled(&self, source: &Source) -> bool {
        !self.changing.contains(&source.file)
    }

    /// Returns the files that read the same twice, and that neither a lint nor an earlier step took.
    fn newly_settled(&self, folder: &Folder) -> Vec<Arc<Source>> {
        let (before, linted) =
            (by_file(&self.folder.sources), by_file(&self.linted.folder.sources));
        let settled = folder.sources.iter().filter(|source| {
            has(&before, source) && !has(&linted, source) && !self.hidden.contains(source)
        });
        settled.cloned().collect()
    }

    fn is_outdated(&self, upstreams: &[String], now: Timestamp) -> bool {
        self.folder != self.linted.folder
            || upstreams != self.linted.upstreams
            || self.linted.hour.is_some_and(|linted| linted != hour(now))
    }
}

fn has(files: &BTreeMap<&str, &Arc<Source>>, source: &Arc<Source>) -> bool {
    files.get(source.file.as_str()).is_some_and(|file| *file == source)
}

fn by_file(sources: &[Arc<Source>]) -> BTreeMap<&str, &Arc<Source>> {
    sources.iter().map(|source| (source.file.as_str(), source)).collect()
}

fn hour(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn folder(files: &[(&str, &str)]) -> Folder {
        let sources = files.iter().map(|(file, text)| Source::new(*file, *text)).collect();
        Folder { sources, ..Folder::default() }
    }

    fn state(files: &[(&str, &str)], refused: bool) -> State {
        State::new(Some((folder(files), Vec::new())), refused, NOW)
    }

    fn hides(step: &Step) -> Vec<&str> {
        step.hide.iter().map(|source| source.text.as_str()).collect()
    }

    /// P26.
    #[test]
    fn denial_does_not_wait_for_another_file_that_is_written_all_the_time() {
        let mut state = state(&[("busy", "0")], false);
        let first = state.read(folder(&[("busy", "1"), ("deny", "d")]), &[], NOW);
        assert_eq!(
            (hides(&first), first.lint.is_some(), first.is_unsettled),
            (vec![], false, true)
        );
        let second = state.read(folder(&[("busy", "2"), ("deny", "d")]), &[], NOW);
        assert_eq!((hides(&second), second.lint.is_some()), (vec!["d"], false));
        let third = state.read(folder(&[("busy", "3"), ("deny", "d")]), &[], NOW);
        assert_eq!(hides(&third), Vec::<&str>::new(), "it is hidden already");
    }

    #[test]
    fn set_is_linted_although_a_file_never_settles() {
        let mut state = state(&[], false);
        let lints = |text: u32, state: &mut State| {
            state.read(folder(&[("busy", &text.to_string())]), &[], NOW).lint.is_some()
        };
        let linted: Vec<u32> = (1..30).filter(|text| lints(*text, &mut state)).collect();
        assert_eq!(linted, [SETTLED_WITHIN]);
    }

    #[test]
    fn denial_that_settles_during_a_lint_outlasts_its_result() {
        let mut state = state(&[], false);
        let changed = folder(&[("a", "1")]);
        state.read(changed.clone(), &[], NOW);
        let lint = state.read(changed, &[], NOW).lint.expect("a lint");
        let more = folder(&[("a", "1"), ("deny", "d")]);
        state.read(more.clone(), &[], NOW);
        let step = state.read(more.clone(), &[], NOW);
        assert_eq!((hides(&step), step.lint.is_some()), (vec!["d"], false), "one lint at a time");
        let on_top = state.linted(lint, Vec::new(), false, NOW);
        assert_eq!(on_top.len(), 1);
        state.finish();
        let lint = state.read(more.clone(), &[], NOW).lint.expect("the lint of the rest");
        assert_eq!(state.linted(lint, Vec::new(), false, NOW), []);
    }

    /// The daemon must not lint a folder that does not change, refused or not.
    #[test]
    fn unchanged_folder_is_linted_again_only_in_the_next_hour_of_a_refused_set() {
        let files = [("a", "1")];
        for refused in [false, true] {
            let mut state = state(&files, refused);
            let mut lints = |now| state.read(folder(&files), &[], now).lint.is_some();
            assert!(!lints(NOW) && !lints(NOW.plus(Duration::from_secs(60))));
            assert_eq!(lints(NOW.plus(HOUR)), refused);
        }
    }

    #[test]
    fn changed_upstreams_lint_the_set_again() {
        let mut state = state(&[("a", "1")], false);
        assert!(state.read(folder(&[("a", "1")]), &["new".to_owned()], NOW).lint.is_some());
    }
}
