//! The state machine of the screening: decides the next work from events.

use std::collections::BTreeSet;

use crate::model::Name;

/// An event that the screening reacts to.
#[derive(Debug)]
pub(super) enum Event {
    /// The policy changed, or a protected name did.
    Protection,
    /// Names came or changed.
    Touched(BTreeSet<Name>),
    /// Which names are served, or what was acknowledged, changed.
    Alerts,
    /// True if an upstream may still claim names for the first time.
    Settling(bool),
    /// Time passed.
    Tick,
    /// The protected subjects were read and have changed.
    IndexChanged,
    /// The protected subjects were read and are unchanged.
    IndexUnchanged,
    /// The protected subjects are not known yet: an internal upstream has to be mirrored first.
    IndexAwaited,
}

/// The work to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Read the protected subjects, and compare with them from now on.
    pub(super) index: bool,
    pub(super) compare: Comparing,
    /// Raise and resolve alerts, and publish which matches are acknowledged.
    pub(super) report: bool,
}

/// The names to compare.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Comparing {
    #[default]
    Nothing,
    /// Those of these names that a wildcard may admit: the frequent names are not known yet.
    Provisionally(BTreeSet<Name>),
    Names(BTreeSet<Name>),
    Everything,
}

/// The pending work.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each kind of work is pending independently")]
pub(super) struct State {
    is_settling: bool,
    /// Without an index nothing is compared, raised or resolved.
    has_index: bool,
    index: bool,
    everything: bool,
    names: BTreeSet<Name>,
    report: bool,
}

impl State {
    /// Returns the state at the start: everything is pending.
    pub(super) fn new() -> Self {
        Self {
            is_settling: true,
            has_index: false,
            index: true,
            everything: true,
            names: BTreeSet::new(),
            report: false,
        }
    }

    /// Applies an event, and returns the work to do.
    pub(super) fn step(&mut self, event: Event) -> Work {
        match event {
            Event::Protection => self.index = true,
            Event::Touched(names) => self.names.extend(names),
            Event::Alerts => self.report = true,
            Event::Settling(is_settling) => self.is_settling = is_settling,
            Event::IndexChanged => (self.has_index, self.everything) = (true, true),
            Event::IndexUnchanged => self.has_index = true,
            Event::IndexAwaited => self.has_index = false,
            Event::Tick => {}
        }
        self.next()
    }

    fn next(&mut self) -> Work {
        let index = std::mem::take(&mut self.index);
        if index {
            // The index decides which names have to be compared.
            return Work { index, ..Work::default() };
        }
        if !self.has_index {
            self.everything = true;
            self.names.clear();
            return Work::default();
        }
        let names = std::mem::take(&mut self.names);
        let compare = match (self.is_settling, self.everything) {
            (true, _) => {
                // Frequent names are counted after the last first sync.
                self.everything = true;
                Comparing::Provisionally(names)
            }
            (false, true) => {
                self.everything = false;
                Comparing::Everything
            }
            (false, false) => Comparing::Names(names),
        };
        let compare = match compare {
            Comparing::Provisionally(names) | Comparing::Names(names) if names.is_empty() => {
                Comparing::Nothing
            }
            compare => compare,
        };
        self.report |= matches!(compare, Comparing::Names(_) | Comparing::Everything);
        let report = !self.is_settling && std::mem::take(&mut self.report);
        Work { index: false, compare, report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> BTreeSet<Name> {
        texts.iter().map(|text| Name::parse(text).expect("a name")).collect()
    }

    /// Returns a state without pending work, after the last first sync.
    fn settled() -> State {
        let mut state = State::new();
        assert!(state.step(Event::Settling(false)).index);
        let first = state.step(Event::IndexChanged);
        assert_eq!(first, Work { index: false, compare: Comparing::Everything, report: true });
        assert_eq!(state.step(Event::Tick), Work::default());
        state
    }

    #[test]
    fn nothing_is_compared_or_reported_without_index() {
        let mut state = State::new();
        assert!(state.step(Event::Settling(false)).index);
        for event in
            [Event::IndexAwaited, Event::Touched(names(&["a.b/c"])), Event::Alerts, Event::Tick]
        {
            assert_eq!(state.step(event), Work::default());
        }
        assert!(state.step(Event::Protection).index);
        let first = state.step(Event::IndexChanged);
        assert_eq!(first, Work { index: false, compare: Comparing::Everything, report: true });
    }

    #[test]
    fn awaited_index_stops_comparing() {
        let mut state = settled();
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexAwaited), Work::default());
        assert_eq!(state.step(Event::Touched(names(&["a.b/c"]))), Work::default());
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexUnchanged).compare, Comparing::Everything);
    }

    #[test]
    fn touched_name_is_compared_and_reported() {
        let mut state = settled();
        let work = state.step(Event::Touched(names(&["a.b/c"])));
        assert_eq!(work.compare, Comparing::Names(names(&["a.b/c"])));
        assert!(work.report);
    }

    #[test]
    fn first_sync_compares_provisionally_and_reports_nothing() {
        let mut state = settled();
        let work = state.step(Event::Settling(true));
        assert_eq!(work, Work::default());
        let work = state.step(Event::Touched(names(&["a.b/c"])));
        assert_eq!(work.compare, Comparing::Provisionally(names(&["a.b/c"])));
        assert!(!work.report);
        let work = state.step(Event::Settling(false));
        assert_eq!(work, Work { index: false, compare: Comparing::Everything, report: true });
    }

    #[test]
    fn unchanged_index_compares_nothing_again() {
        let mut state = settled();
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexUnchanged), Work::default());
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexChanged).compare, Comparing::Everything);
    }

    #[test]
    fn acknowledgement_during_first_sync_is_reported_afterwards() {
        let mut state = settled();
        state.step(Event::Settling(true));
        assert!(!state.step(Event::Alerts).report);
        assert!(state.step(Event::Settling(false)).report);
    }
}
