use std::collections::BTreeSet;

/// What an upstream was heard to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answered with something: a page, a name, or that it does not know a name.
    Answer,
    /// Every name that overlays spell out was asked for once, or had its time.
    NamesAttempted,
    WholeWalk,
}

/// Decides when enough was heard for a first generation. An empty list and a 404 are statements. We
/// make none before an upstream has made one, nor before the names that overlays spell out had
/// their attempt at each of them.
#[derive(Debug, Default)]
pub(super) struct KnownSoFar {
    answered: bool,
    done: BTreeSet<String>,
    enough: bool,
}

impl KnownSoFar {
    /// Starts with what the store says: an earlier process may have heard enough.
    pub(super) fn starting(enough: bool) -> Self {
        Self { enough, ..Self::default() }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.enough
    }

    /// Takes note of what an upstream said while these are expected to; returns whether that was
    /// the last thing missing.
    pub(super) fn hear(&mut self, upstream: &str, heard: Heard, expected: &[String]) -> bool {
        let before = self.enough;
        self.answered |= matches!(heard, Heard::Answer | Heard::WholeWalk);
        if matches!(heard, Heard::NamesAttempted | Heard::WholeWalk) {
            self.done.insert(upstream.to_owned());
        }
        self.enough |= self.answered && expected.iter().all(|id| self.done.contains(id));
        self.enough != before
    }

    /// Takes note that there is no upstream to hear from.
    pub(super) fn hear_nothing_more(&mut self) {
        self.enough = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Heard::{Answer, NamesAttempted, WholeWalk};
    use super::*;

    #[rstest::rstest]
    #[case::nothing(&[], false)]
    #[case::attempts_without_an_answer(&[("a", NamesAttempted), ("b", NamesAttempted)], false)]
    #[case::one_of_two(&[("a", WholeWalk)], false)]
    #[case::answers_without_the_attempts(&[("a", Answer), ("b", Answer)], false)]
    #[case::one_answer_and_all_attempts(&[("a", Answer), ("a", NamesAttempted), ("b", NamesAttempted)], true)]
    #[case::a_run_is_both(&[("b", NamesAttempted), ("a", WholeWalk)], true)]
    #[case::of_an_upstream_that_is_gone(&[("c", WholeWalk), ("a", NamesAttempted)], false)]
    fn a_generation_waits_for_an_answer_and_an_attempt_at_each(
        #[case] heard: &[(&str, Heard)],
        #[case] enough: bool,
    ) {
        let expected = ["a".to_owned(), "b".to_owned()];
        let mut known = KnownSoFar::default();
        let mut told = 0;
        for (upstream, heard) in heard {
            told += usize::from(known.hear(upstream, *heard, &expected));
        }
        assert_eq!(known.is_enough(), enough);
        assert_eq!(told, usize::from(enough), "it is told once");
    }

    #[test]
    fn a_store_that_knows_enough_waits_for_nothing() {
        let mut known = KnownSoFar::starting(true);
        assert!(known.is_enough());
        assert!(!known.hear("a", WholeWalk, &[]), "nothing became known by it");
    }
}
