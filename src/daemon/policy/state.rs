//! Decides what follows from each reading of the overlay folder: a pure step.
//!
//! A file counts when two readings of it are equal: an editor writes in several steps, and a
//! half-written file may be a valid but different policy. Denials wait for their own file only. The
//! lint of the set waits for all of them, but not for long: then a file that is still being written
//! counts as it was before.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Folder;
use crate::lint::Source;
use crate::model::Timestamp;
use crate::store::LastGood;

/// Readings after which the set is linted although a file is written to all the time.
const SETTLED_WITHIN: u32 = 20;
/// Days begin and end on a full hour in UTC and in every time zone that a date is judged in, so a
/// refused set can only become good then.
const HOUR: Duration = Duration::from_hours(1);

/// The last reading of the folder, and what was made of it.
#[derive(Debug)]
pub(super) struct State {
    folder: Folder,
    /// Each file as it last read the same twice.
    settled: Files,
    /// Successive readings that differed.
    unsettled: u32,
    /// True if the last two readings were equal: then all files have settled.
    is_calm: bool,
    linted: Linted,
    is_linting: bool,
    /// Texts whose denials apply, and that no lint has seen.
    applied: Vec<Arc<Source>>,
    /// Those of them that the lint under way knows.
    passed: usize,
}

type Files = BTreeMap<String, Arc<Source>>;

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
    pub(super) lint: Option<Lint>,
    /// True if the next reading must follow soon.
    pub(super) is_unsettled: bool,
}

/// The input of a lint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lint {
    pub(super) folder: Folder,
    /// Texts whose denials apply already: they outlast files that broke or went since.
    pub(super) applied: Vec<Arc<Source>>,
}

impl Lint {
    /// Returns the last good set with the texts whose denials apply already.
    pub(super) fn with_applied(&self, last_good: &LastGood) -> LastGood {
        let denying = last_good.denying.iter().chain(&self.applied).cloned().collect();
        LastGood { denying, ..last_good.clone() }
    }
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
            settled: by_file(&folder),
            unsettled: 0,
            is_calm: false,
            linted: Linted { folder, upstreams, hour },
            is_linting: false,
            applied: Vec::new(),
            passed: 0,
        }
    }

    /// Takes a reading of the folder.
    pub(super) fn read(&mut self, folder: Folder, upstreams: &[String], now: Timestamp) -> Step {
        let is_settled = folder == self.folder;
        // The third of equal readings settles nothing.
        let hide = if is_settled && self.is_calm { Vec::new() } else { self.settle(&folder) };
        self.applied.extend(hide.iter().cloned());
        self.unsettled = if is_settled { 0 } else { self.unsettled + 1 };
        (self.folder, self.is_calm) = (folder, is_settled);
        if is_settled && !is_one_value(&self.folder, &self.linted.folder) {
            self.share_texts();
        }
        self.follow(hide, upstreams, now)
    }

    /// Takes the absence of a reading: the file system would have notified of a change.
    pub(super) fn unchanged(&mut self, upstreams: &[String], now: Timestamp) -> Step {
        self.follow(Vec::new(), upstreams, now)
    }

    fn follow(&mut self, hide: Vec<Arc<Source>>, upstreams: &[String], now: Timestamp) -> Step {
        let is_due = self.is_calm || self.unsettled >= SETTLED_WITHIN;
        let lint = if is_due && !self.is_linting { self.outdated(upstreams, now) } else { None };
        if lint.is_some() {
            (self.is_linting, self.unsettled) = (true, 0);
            self.passed = self.applied.len();
        }
        let lint = lint.map(|folder| Lint { folder, applied: self.applied.clone() });
        Step { hide, lint, is_unsettled: !self.is_calm }
    }

    /// Lets equal texts that were read at two times be one value, so that each look does not compare all of them.
    fn share_texts(&mut self) {
        if self.folder == self.linted.folder {
            self.linted.folder = self.folder.clone();
        }
    }

    /// Takes the end of a lint; returns the texts that it did not know, whose denials apply on top of it. A text that was
    /// replaced since still does: only the next lint can tell a denial that was taken back from a file that broke.
    pub(super) fn linted(
        &mut self,
        folder: Folder,
        upstreams: Vec<String>,
        refused: bool,
        now: Timestamp,
    ) -> Vec<Arc<Source>> {
        self.applied.drain(..std::mem::take(&mut self.passed));
        self.linted = Linted { folder, upstreams, hour: refused.then(|| hour(now)) };
        self.applied.clone()
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
    pub(super) fn is_settled(&self, source: &Arc<Source>) -> bool {
        has(&self.settled, source)
    }

    /// Takes the files that read the same twice, and forgets those that are absent twice. Returns the ones with a
    /// content that the last lint did not see.
    fn settle(&mut self, folder: &Folder) -> Vec<Arc<Source>> {
        let (before, linted) = (borrowed(&self.folder), borrowed(&self.linted.folder));
        let now: BTreeSet<&str> =
            folder.sources.iter().map(|source| source.file.as_str()).collect();
        self.settled
            .retain(|file, _| now.contains(file.as_str()) || before.contains_key(file.as_str()));
        let twice = folder.sources.iter().filter(|source| is_in(&before, source));
        let newly = twice.filter(|source| !has(&self.settled, source)).cloned().collect::<Vec<_>>();
        for source in &newly {
            self.settled.insert(source.file.clone(), Arc::clone(source));
        }
        newly.into_iter().filter(|source| !is_in(&linted, source)).collect()
    }

    /// Returns the folder to lint if the current overlays do not follow from it: a file that is being written counts
    /// as it was before.
    fn outdated(&self, upstreams: &[String], now: Timestamp) -> Option<Folder> {
        let folder = if self.is_calm {
            Cow::Borrowed(&self.folder)
        } else {
            let mut sources: Vec<_> = self.settled.values().cloned().collect();
            sources.sort_by(|left, right| Path::new(&left.file).cmp(Path::new(&right.file)));
            Cow::Owned(Folder { sources, findings: self.folder.findings.clone() })
        };
        let is_outdated = !self.applied.is_empty()
            || *folder != self.linted.folder
            || upstreams != self.linted.upstreams
            || self.linted.hour.is_some_and(|linted| linted != hour(now));
        is_outdated.then(|| folder.into_owned())
    }
}

fn is_one_value(left: &Folder, right: &Folder) -> bool {
    let mut both = left.sources.iter().zip(&right.sources);
    left.sources.len() == right.sources.len() && both.all(|(left, right)| Arc::ptr_eq(left, right))
}

fn has(files: &Files, source: &Arc<Source>) -> bool {
    files.get(&source.file).is_some_and(|file| file == source)
}

fn borrowed(folder: &Folder) -> BTreeMap<&str, &Arc<Source>> {
    folder.sources.iter().map(|source| (source.file.as_str(), source)).collect()
}

fn is_in(files: &BTreeMap<&str, &Arc<Source>>, source: &Arc<Source>) -> bool {
    files.get(source.file.as_str()).is_some_and(|file| *file == source)
}

fn by_file(folder: &Folder) -> Files {
    folder.sources.iter().map(|source| (source.file.clone(), Arc::clone(source))).collect()
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
    fn set_is_linted_although_a_file_never_settles_and_without_its_half_written_texts() {
        let mut state = state(&[("busy", "0")], false);
        let mut read = |text: u32| {
            let files = [("busy", text.to_string()), ("new", "n".to_owned())];
            let files = files.each_ref().map(|(file, text)| (*file, text.as_str()));
            Some((text, state.read(folder(&files), &[], NOW).lint?.folder))
        };
        let linted: Vec<(u32, Folder)> = (1..30).filter_map(&mut read).collect();
        assert_eq!(linted, [(SETTLED_WITHIN, folder(&[("busy", "0"), ("new", "n")]))]);
    }

    /// P26.
    #[test]
    fn denial_that_applies_outlasts_a_lint_while_its_file_is_written_again() {
        let mut state = state(&[], false);
        let (lint, denial) = (folder(&[("a", "1")]), folder(&[("a", "1"), ("deny", "d")]));
        state.read(lint.clone(), &[], NOW);
        let lint = state.read(lint, &[], NOW).lint.expect("a lint");
        state.read(denial.clone(), &[], NOW);
        assert_eq!(hides(&state.read(denial, &[], NOW)), ["d"]);
        state.read(folder(&[("a", "1"), ("deny", "half")]), &[], NOW);
        let on_top = state.linted(lint.folder, Vec::new(), false, NOW);
        assert_eq!(on_top.iter().map(|source| &*source.text).collect::<Vec<_>>(), ["d"]);
    }

    #[test]
    fn denial_that_is_taken_back_before_any_lint_ends_with_the_next_one() {
        let mut state = state(&[("a", "1")], false);
        for _ in 0..2 {
            state.read(folder(&[("a", "d")]), &[], NOW);
            state.begin();
        }
        state.finish();
        state.read(folder(&[("a", "1")]), &[], NOW);
        let lint = state.read(folder(&[("a", "1")]), &[], NOW).lint.expect("a lint");
        assert_eq!(state.linted(lint.folder, Vec::new(), false, NOW), []);
        state.finish();
        assert_eq!(state.read(folder(&[("a", "1")]), &[], NOW).lint, None);
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
        let on_top = state.linted(lint.folder, Vec::new(), false, NOW);
        assert_eq!(on_top.len(), 1);
        state.finish();
        let lint = state.read(more.clone(), &[], NOW).lint.expect("the lint of the rest");
        assert_eq!(lint.applied, on_top);
        assert_eq!(state.linted(lint.folder, Vec::new(), false, NOW), []);
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

    /// A mounted folder is swapped as one while its files are read one after the other.
    #[test]
    fn reading_that_is_half_of_a_swapped_folder_is_not_linted() {
        let mut state = state(&[("a", "1"), ("b", "1")], false);
        let swapped = || folder(&[("a", "2"), ("b", "2"), ("c", "2")]);
        let torn = state.read(folder(&[("a", "1"), ("b", "2")]), &[], NOW);
        assert_eq!((torn.lint, torn.is_unsettled), (None, true));
        assert_eq!(state.read(swapped(), &[], NOW).lint, None);
        let lint = state.read(swapped(), &[], NOW).lint.expect("a lint");
        assert_eq!(lint.folder, swapped());
    }

    #[test]
    fn changed_upstreams_lint_the_set_again_although_the_folder_is_not_read() {
        let mut state = state(&[("a", "1")], false);
        state.read(folder(&[("a", "1")]), &[], NOW);
        assert_eq!(state.unchanged(&[], NOW), Step::default());
        assert!(state.unchanged(&["new".to_owned()], NOW).lint.is_some());
    }

    #[test]
    fn refused_set_that_is_not_read_again_is_linted_in_the_next_hour() {
        let mut state = state(&[("a", "1")], true);
        state.read(folder(&[("a", "1")]), &[], NOW);
        assert_eq!(state.unchanged(&[], NOW).lint, None);
        assert!(state.unchanged(&[], NOW.plus(HOUR)).lint.is_some());
    }
}
