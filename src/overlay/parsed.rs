//! Keeps parsed files, so that an edit of one file parses one file.
//!
//! # What a file says
//! Its rules and findings follow from its path, its text, the terms of approvals, the known upstreams and the time. The
//! time matters to few findings, such as the one about an approval that expired; a file that was parsed has the span of
//! time in which it says the same. A clock that is set back before that span parses it again, as one behind it does.
//!
//! # What is kept
//! Exactly the files of the last reading: what an edit removes is forgotten with it. A path without the same text is
//! another file. Texts are compared whole, which costs nothing for a file that was not read again.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::parse_file;
use super::reading::{Context, FileContext, Reading};
use super::rule::Terms;
use crate::lint::Source;
use crate::model::Timestamp;

/// Files as they were parsed, under these terms and upstreams.
#[derive(Debug, Default)]
pub struct ParsedFiles {
    terms: Terms,
    upstreams: Option<Vec<String>>,
    by_path: HashMap<String, Arc<ParsedFile>>,
}

#[derive(Debug)]
struct ParsedFile {
    source: Arc<Source>,
    reading: Reading,
    /// It says the same from here.
    since: Timestamp,
    /// It says the same before this; `None` for ever.
    until: Option<Timestamp>,
}

impl ParsedFiles {
    /// Parses files as [`super::parse`] does, and keeps them; of those that are known it parses only the ones that may say
    /// something else now.
    #[must_use]
    pub fn parse(&self, sources: &[Arc<Source>], context: &Context<'_>) -> (Reading, Self) {
        let is_comparable =
            self.terms == context.terms && self.upstreams.as_deref() == context.upstreams;
        let mut reading = Reading::default();
        let mut by_path = HashMap::with_capacity(sources.len());
        for source in sources {
            let known = self.by_path.get(&source.file).filter(|_| is_comparable);
            let known = known.filter(|file| file.says_the_same(source, context.now));
            let file = known.map_or_else(|| Arc::new(ParsedFile::new(source, context)), Arc::clone);
            reading.add(file.reading.clone());
            by_path.insert(source.file.clone(), file);
        }
        let upstreams = context.upstreams.map(<[String]>::to_vec);
        (reading, Self { terms: context.terms, upstreams, by_path })
    }

    /// Returns the content of a file that was parsed.
    #[must_use]
    pub fn reading_of(&self, source: &Arc<Source>) -> Option<&Reading> {
        let file = self.by_path.get(&source.file)?;
        (file.source == *source).then_some(&file.reading)
    }
}

impl ParsedFile {
    fn new(source: &Arc<Source>, context: &Context<'_>) -> Self {
        let of_file = FileContext::new(context);
        let reading = parse_file(source, &of_file);
        let (since, until) = (context.now, of_file.changes_at());
        Self { source: Arc::clone(source), reading, since, until }
    }

    fn says_the_same(&self, source: &Arc<Source>, now: Timestamp) -> bool {
        let is_within = self.since <= now && self.until.is_none_or(|until| now < until);
        is_within && self.source == *source
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::parse;
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    /// Texts whose findings depend on everything that a reading depends on.
    const TEXTS: [&str; 10] = [
        "servers: [{name: com.a/x, approval: {state: denied}}]",
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-06-03}}]",
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-06-04T12:00:00Z}}]",
        "servers: [{name: com.a/y, approval: {state: approved, reviewed: 2026-05-30}}]",
        "servers: [{name: com.a/y, approval: {state: approved, reviewed: 2026-05-01, expires: 2026-06-05}}]",
        "servers: [{name: com.a/x, upstream: new, tier: 1}, {name: com.b/z, tier: 9}]",
        "servers: [{name: com.a/x, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-06-06}}]",
        "servers: [{name: com.a/x, versions: 1.0.0, allow: {url: 'http://x/', reason: r, reviewer: a, expires: 2026-06-02}}]",
        "servers:\n- {name: com.a/x, approval: {state: denied}}\n- {name: [",
        "namespaces: [{name: com.a, internal: true, protect: [brand], ownership: {require: verified}}]",
    ];

    fn at(hours: u64) -> Timestamp {
        let first = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        first.plus(Duration::from_hours(hours))
    }

    /// One step: a file gets a text or goes, and the time, the terms and the upstreams are these.
    type Step = (usize, Option<usize>, u64, bool, bool);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let text = prop::option::of(0..TEXTS.len());
        prop::collection::vec((0..4_usize, text, 0..150_u64, any::<bool>(), any::<bool>()), 1..40)
    }

    proptest! {
        #[test]
        fn kept_files_say_what_a_fresh_reading_says(steps in steps()) {
            let mut files: [Option<Arc<Source>>; 4] = Default::default();
            let mut parsed = ParsedFiles::default();
            let known = ["official".to_owned(), "new".to_owned()];
            for (file, text, hours, is_short, is_new) in steps {
                files[file] = text.map(|text| Source::new(format!("{file}.yaml"), TEXTS[text]));
                let sources: Vec<_> = files.iter().flatten().cloned().collect();
                let terms = if is_short { Terms::days(2, 3, 4) } else { Terms::default() };
                let upstreams = if is_new { &known[..] } else { &known[..1] };
                let context = Context { terms, now: at(hours), upstreams: Some(upstreams) };
                let (reading, next) = parsed.parse(&sources, &context);
                prop_assert_eq!(&reading, &parse(&sources, &context));
                for source in &sources {
                    let alone = parse(std::slice::from_ref(source), &context);
                    prop_assert_eq!(next.reading_of(source), Some(&alone));
                }
                parsed = next;
            }
        }
    }

    /// Parses a text a day apart, and returns whether the second time took what the first had kept.
    fn is_kept(text: &str, is_same: impl Fn(&mut Context<'_>)) -> bool {
        let source = Source::new("x.yaml", text);
        let mut context = Context { terms: Terms::default(), now: at(0), upstreams: None };
        let (_, first) = ParsedFiles::default().parse(&[Arc::clone(&source)], &context);
        context.now = context.now.plus(DAY);
        is_same(&mut context);
        // A file that is read again is another value with the same text.
        let (_, second) = first.parse(&[Source::new("x.yaml", text)], &context);
        Arc::ptr_eq(&first.by_path["x.yaml"], &second.by_path["x.yaml"])
    }

    #[test]
    fn file_is_parsed_again_only_when_it_may_say_something_else() {
        assert!(is_kept(TEXTS[0], |_| ()), "it depends on nothing");
        assert!(is_kept(TEXTS[4], |_| ()), "the approval ends later");
        assert!(!is_kept(TEXTS[4], |context| context.now = at(0).plus(DAY * 5)), "it ended");
        assert!(
            !is_kept(TEXTS[0], |context| context.now = at(0).minus(DAY)),
            "the clock was set back"
        );
        assert!(!is_kept(TEXTS[0], |context| context.terms = Terms::days(1, 1, 1)), "other terms");
        assert!(!is_kept(TEXTS[0], |context| context.upstreams = Some(&[])), "other upstreams");
    }
}
