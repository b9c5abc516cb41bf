//! An overlay file.
//!
//! Every finding has a place inside the file. A set of rules is merged for a few names, and a
//! refused set hides at least what the set before it hides.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vidimus::lint::Source;
use vidimus::model::{Name, Timestamp, Version};
use vidimus::overlay::{Context, OverlaySet, Terms, read};

static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let names = ["a.b/c", "com.example/wiki", "io.github.x/y", "IO.github.X/Y"];
    names.iter().map(|name| Name::parse(name).expect("a name")).collect()
});
static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(|| {
    let versions = ["1.0.0", "2.0.0-rc.1", "today"];
    versions.iter().map(|version| Version::parse(version).expect("a version")).collect()
});

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let upstreams = ["official".to_owned()];
    let context = Context {
        terms: Terms::default(),
        now: Timestamp::from_micros(1_800_000_000_000_000),
        upstreams: Some(&upstreams),
    };
    let reading = read(&[Source::new("overlay.yaml", text)], &context);
    for finding in &reading.findings {
        let (line, column) = finding.place.line_and_column();
        assert!(line >= 1 && column >= 1);
        assert!(finding.place.span.end <= text.len(), "{finding}");
        assert!(finding.to_string().starts_with("overlay.yaml:"));
    }
    let refused = OverlaySet::default().with_denials_of(&reading);
    assert!(refused.rules().iter().all(|rule| rule.hides()));
    let set = OverlaySet::from(reading);
    for name in NAMES.iter() {
        let (rules, denials) = (set.rules_for(name), refused.rules_for(name));
        let _pins = set.pins(name.namespace());
        for version in VERSIONS.iter() {
            let (now, after) =
                (rules.effective(version, "official"), denials.effective(version, "official"));
            assert!(after.hidden_by.is_none() || now.hidden_by.is_some(), "a denial is lost");
        }
    }
    let _protected = set.protected();
    assert!(set.exact_names().len() <= set.rules().len());
});
