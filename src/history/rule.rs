use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lint::Source;
use crate::model::Digest;
use crate::overlay::Rule;

/// A rule as it was when it first decided something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// The names, versions and upstream that it selects, as text.
    pub selector: String,
    /// All members of the rule.
    pub rule: Value,
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// The digest of the text of the file.
    pub overlay: Digest,
}

impl RuleRecord {
    /// Returns the people who reviewed it.
    #[must_use]
    pub fn reviewers(&self) -> Vec<&str> {
        let reviewers = self.rule["approval"]["reviewers"].as_array();
        reviewers.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// The digests of the rules of a set, each computed when it is first needed. Threads may share it.
#[derive(Debug)]
pub struct RuleDigests<'r> {
    rules: &'r [Rule],
    digests: Vec<OnceLock<Digest>>,
}

impl<'r> RuleDigests<'r> {
    #[must_use]
    pub fn of(rules: &'r [Rule]) -> Self {
        Self { rules, digests: rules.iter().map(|_| OnceLock::new()).collect() }
    }

    /// Returns the digest of a rule, which is computed each time if it is none of the set.
    #[must_use]
    pub fn digest(&self, rule: &Rule) -> Digest {
        let known = self.rules.element_offset(rule).and_then(|index| self.digests.get(index));
        known.map_or_else(|| rule.digest(), |digest| *digest.get_or_init(|| rule.digest()))
    }

    /// Returns the records of the rules with these digests, of those that were asked for.
    #[must_use]
    pub fn records(&self, wanted: impl Fn(&Digest) -> bool) -> Vec<(Digest, RuleRecord)> {
        let mut overlays: HashMap<*const Source, Digest> = HashMap::new();
        let known = self.rules.iter().zip(&self.digests);
        let known = known.filter_map(|(rule, digest)| Some((rule, *digest.get()?)));
        let recorded = known.filter(|(_, digest)| wanted(digest)).map(|(rule, digest)| {
            let source = &rule.place.source;
            // Many rules of one file may be new at once.
            let overlay = overlays
                .entry(Arc::as_ptr(source))
                .or_insert_with(|| Digest::of(source.text.as_bytes()));
            let record = RuleRecord {
                selector: rule.selector(),
                rule: serde_json::to_value(rule).unwrap_or_default(),
                file: source.file.clone(),
                line: rule.place.line_and_column().0,
                overlay: *overlay,
            };
            (digest, record)
        });
        recorded.collect()
    }
}
