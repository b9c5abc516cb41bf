//! Keeps the denials of a refused set in force while its files break or go.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::lint::Source;
use crate::overlay::{Context, Reading, Rule, parse};

/// Denials that no file gives legibly any more.
pub(super) struct Denying {
    sources: Vec<Arc<Source>>,
    pub(super) reading: Reading,
}

impl Denying {
    /// Selects the texts of files that are broken or gone now. A whole file speaks for itself.
    pub(super) fn of(
        before: &[Arc<Source>],
        whole: &BTreeSet<&str>,
        context: &Context<'_>,
    ) -> Self {
        let outlasting = before.iter().filter(|source| !whole.contains(source.file.as_str()));
        let sources: Vec<_> = outlasting.cloned().collect();
        let reading = parse(&sources, context);
        Self { sources, reading }
    }

    /// Returns these texts, and those of the refused set with further denials, to keep for the next set.
    pub(super) fn with(mut self, sources: &[Arc<Source>], refused: &Reading) -> Vec<Arc<Source>> {
        let known: HashSet<_> = denials(&self.reading).collect();
        let further = denials(refused).filter(|denial| !known.contains(denial));
        let files: BTreeSet<&str> = further.map(|(file, _)| file).collect();
        let further = sources.iter().filter(|source| files.contains(source.file.as_str()));
        self.sources.extend(further.cloned());
        self.sources
    }
}

fn denials(reading: &Reading) -> impl Iterator<Item = (&str, impl Eq + std::hash::Hash)> {
    let hiding = reading.rules.iter().filter(|rule| rule.hides());
    hiding.map(|rule| (rule.place.source.file.as_str(), Rule::selection(rule)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::overlay::{OverlaySet, Terms};

    const DENIED: &str = "servers: [{name: com.a/x, approval: {state: denied}}]";
    const BROKEN: &str = "servers: [{nmae: com.a/x}]";

    /// Judges refused sets with these texts of one file in turn, and returns the number of denials on top of the last.
    fn outlasting(texts: &[Option<&str>]) -> usize {
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let mut denying = Vec::new();
        let mut number = 0;
        for text in texts {
            let sources: Vec<_> = text.iter().map(|text| Source::new("a", *text)).collect();
            let whole = text.iter().filter(|text| **text != BROKEN).map(|_| "a").collect();
            let kept = Denying::of(&denying, &whole, &context);
            number = OverlaySet::default().with_denials_of(&kept.reading).rules().len();
            denying = kept.with(&sources, &parse(&sources, &context));
        }
        number
    }

    /// P26.
    #[rstest::rstest]
    #[case::broken(&[Some(DENIED), Some(BROKEN)], 1)]
    #[case::gone(&[Some(DENIED), None], 1)]
    #[case::broken_and_then_gone(&[Some(DENIED), Some(BROKEN), None], 1)]
    #[case::taken_back(&[Some(DENIED), Some("# nothing")], 0)]
    #[case::taken_back_after_it_broke(&[Some(DENIED), Some(BROKEN), Some("# no"), None], 0)]
    #[case::said_in_the_file(&[Some(DENIED), Some(DENIED)], 0)]
    fn denial_of_a_refused_set_stays_while_its_file_is_broken_or_gone(
        #[case] texts: &[Option<&str>],
        #[case] denials: usize,
    ) {
        assert_eq!(outlasting(texts), denials);
    }
}
