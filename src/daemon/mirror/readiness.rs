use std::collections::BTreeSet;

/// A report of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    /// It answered: with a page, a name, or that it does not know a name.
    Answer,
    /// Every name that overlays list was requested once, or its time is over.
    NamesAttempted,
    FullSync,
}

/// Decides when enough is known for a first generation. Clients take an empty list and a 404 as facts,
/// so none is sent before an upstream answered, nor before the names that overlays list were
/// requested from each upstream.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    answered: bool,
    done: BTreeSet<String>,
    enough: bool,
}

impl Readiness {
    /// Starts with the state in the store: an earlier process may have learned enough.
    pub(super) fn starting(enough: bool) -> Self {
        Self { enough, ..Self::default() }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.enough
    }

    /// Returns true if an upstream answered, now or in an earlier process.
    pub(super) fn is_answered(&self) -> bool {
        self.answered || self.enough
    }

    /// Records a report of an upstream while reports of `expected` ones are needed; returns true if it
    /// was the last one missing.
    pub(super) fn receive(
        &mut self,
        upstream: &str,
        reported: Reported,
        expected: &[String],
    ) -> bool {
        let before = self.enough;
        self.answered |= matches!(reported, Reported::Answer | Reported::FullSync);
        if matches!(reported, Reported::NamesAttempted | Reported::FullSync) {
            self.done.insert(upstream.to_owned());
        }
        self.enough |= self.answered && expected.iter().all(|id| self.done.contains(id));
        self.enough != before
    }

    /// Records that no upstream will report.
    pub(super) fn stop_waiting(&mut self) {
        self.enough = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Reported::{Answer, FullSync, NamesAttempted};
    use super::*;

    #[rstest::rstest]
    #[case::nothing(&[], false)]
    #[case::attempts_without_an_answer(&[("a", NamesAttempted), ("b", NamesAttempted)], false)]
    #[case::one_of_two(&[("a", FullSync)], false)]
    #[case::answers_without_the_attempts(&[("a", Answer), ("b", Answer)], false)]
    #[case::one_answer_and_all_attempts(&[("a", Answer), ("a", NamesAttempted), ("b", NamesAttempted)], true)]
    #[case::full_sync_is_both(&[("b", NamesAttempted), ("a", FullSync)], true)]
    #[case::removed_upstream(&[("c", FullSync), ("a", NamesAttempted)], false)]
    fn first_generation_waits_for_an_answer_and_an_attempt_at_each(
        #[case] reported: &[(&str, Reported)],
        #[case] enough: bool,
    ) {
        let expected = ["a".to_owned(), "b".to_owned()];
        let mut known = Readiness::default();
        let mut changes = 0;
        for (upstream, reported) in reported {
            changes += usize::from(known.receive(upstream, *reported, &expected));
        }
        assert_eq!(known.is_enough(), enough);
        assert_eq!(changes, usize::from(enough), "the change is reported once");
    }

    #[test]
    fn store_that_knows_enough_waits_for_nothing() {
        let mut known = Readiness::starting(true);
        assert!(known.is_enough());
        assert!(!known.receive("a", FullSync, &[]), "enough was known before");
    }
}
