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
    /// Other upstreams than before may still claim names for the first time.
    Settling { is_known: bool },
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
    Names(BTreeSet<Name>),
    Everything,
}

/// The pending work.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each kind of work is pending independently")]
pub(super) struct State {
    /// Before it is known which upstreams settle, nothing is compared, raised or resolved.
    knows_settling: bool,
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
            knows_settling: false,
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
            // The frequent names are counted over the upstreams that have settled.
            Event::Settling { is_known } => {
                (self.knows_settling, self.everything) = (is_known, true);
            }
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
        if !self.has_index || !self.knows_settling {
            self.everything = true;
            self.names.clear();
            return Work::default();
        }
        let names = std::mem::take(&mut self.names);
        let compare = if std::mem::take(&mut self.everything) {
            Comparing::Everything
        } else if names.is_empty() {
            Comparing::Nothing
        } else {
            Comparing::Names(names)
        };
        self.report |= compare != Comparing::Nothing;
        Work { index: false, compare, report: std::mem::take(&mut self.report) }
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
        assert!(state.step(Event::Settling { is_known: true }).index);
        let first = state.step(Event::IndexChanged);
        assert_eq!(first, Work { index: false, compare: Comparing::Everything, report: true });
        assert_eq!(state.step(Event::Tick), Work::default());
        state
    }

    #[test]
    fn nothing_is_compared_or_reported_without_index() {
        let mut state = State::new();
        assert!(state.step(Event::Settling { is_known: true }).index);
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

    /// P25.
    #[test]
    fn first_sync_of_one_upstream_silences_no_other() {
        let mut state = settled();
        // The frequent names are counted again, without that upstream.
        let everything = Work { index: false, compare: Comparing::Everything, report: true };
        assert_eq!(state.step(Event::Settling { is_known: true }), everything);
        let work = state.step(Event::Touched(names(&["a.b/c"])));
        assert_eq!(work.compare, Comparing::Names(names(&["a.b/c"])));
        assert!(work.report);
        assert!(state.step(Event::Alerts).report);
    }

    #[test]
    fn nothing_is_compared_before_it_is_known_which_upstreams_settle() {
        let mut state = State::new();
        assert!(state.step(Event::Tick).index);
        for event in [Event::IndexChanged, Event::Touched(names(&["a.b/c"])), Event::Alerts] {
            assert_eq!(state.step(event), Work::default());
        }
        let everything = Work { index: false, compare: Comparing::Everything, report: true };
        assert_eq!(state.step(Event::Settling { is_known: true }), everything);
    }

    #[test]
    fn unchanged_index_compares_nothing_again() {
        let mut state = settled();
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexUnchanged), Work::default());
        assert!(state.step(Event::Protection).index);
        assert_eq!(state.step(Event::IndexChanged).compare, Comparing::Everything);
    }
}
