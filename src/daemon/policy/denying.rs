//! Keeps the denials of a refused set effective while its files break or go.

use std::collections::{BTreeSet, HashSet};
use std::slice;
use std::sync::Arc;

use crate::lint::Source;
use crate::model::NamespacePattern;
use crate::overlay::{Context, NamePattern, ParsedFiles, Reading, VersionPattern, parse};

/// Denials that no file gives legibly any more.
pub(super) struct Denying<'c> {
    context: Context<'c>,
    /// Texts that were parsed under it.
    parsed: &'c ParsedFiles,
    sources: Vec<Arc<Source>>,
    /// Everything that they hide, by file.
    known: HashSet<(String, Hides)>,
    pub(super) reading: Reading,
}

/// A denial of entries, or a namespace of the organisation.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Hides {
    Entries(NamePattern, VersionPattern, Option<String>),
    Internal(NamespacePattern),
}

impl<'c> Denying<'c> {
    /// Selects the texts of files that are broken or gone now. A whole file replaces its own texts.
    pub(super) fn of(
        before: &[Arc<Source>],
        whole: &BTreeSet<&str>,
        context: Context<'c>,
        parsed: &'c ParsedFiles,
    ) -> Self {
        let outlasting = before.iter().filter(|source| !whole.contains(source.file.as_str()));
        let mut denying = Self {
            context,
            parsed,
            sources: Vec::new(),
            known: HashSet::new(),
            reading: Reading::default(),
        };
        denying.take(outlasting);
        denying.reading = parse(&denying.sources, &context);
        denying
    }

    /// Returns these texts, and those of the refused set that hide something further, to keep for the next set.
    pub(super) fn with(mut self, refused: &[Arc<Source>]) -> Vec<Arc<Source>> {
        self.take(refused.iter());
        self.sources
    }

    /// Takes the texts that hide something which no other text of their file hides: a file that is saved again and again
    /// adds nothing.
    fn take<'s>(&mut self, sources: impl Iterator<Item = &'s Arc<Source>>) {
        for source in sources {
            let hides = self.of_text(source);
            let further = hides.into_iter().map(|hides| (source.file.clone(), hides));
            let before = self.known.len();
            self.known.extend(further);
            if self.known.len() > before {
                self.sources.push(Arc::clone(source));
            }
        }
    }

    fn of_text(&self, source: &Arc<Source>) -> Vec<Hides> {
        let of_reading = |Reading { rules, internal, .. }: &Reading| {
            let entries = rules.iter().filter(|rule| rule.hides()).map(|rule| {
                let (name, versions) = (rule.name.clone(), rule.versions.clone());
                Hides::Entries(name, versions, rule.upstream.clone())
            });
            entries.chain(internal.iter().cloned().map(Hides::Internal)).collect()
        };
        match self.parsed.reading_of(source) {
            Some(reading) => of_reading(reading),
            None => of_reading(&parse(slice::from_ref(source), &self.context)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::overlay::Terms;

    const DENIED: &str = "servers: [{name: com.a/x, approval: {state: denied}}]";
    const INTERNAL: &str = "namespaces: [{name: com.a, internal: true}]";
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
            let (_, parsed) = ParsedFiles::default().parse(&sources, &context);
            let kept = Denying::of(&denying, &whole, context, &parsed);
            let Reading { rules, internal, .. } = &kept.reading;
            number = rules.len() + internal.len();
            denying = kept.with(&sources);
        }
        number
    }

    /// P26.
    #[rstest::rstest]
    #[case::broken(&[Some(DENIED), Some(BROKEN)], 1)]
    #[case::internal(&[Some(INTERNAL), Some(BROKEN)], 1)]
    #[case::gone(&[Some(DENIED), None], 1)]
    #[case::broken_and_then_gone(&[Some(DENIED), Some(BROKEN), None], 1)]
    #[case::saved_again(&[Some(DENIED), Some(BROKEN), Some(BROKEN), Some(BROKEN)], 1)]
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
