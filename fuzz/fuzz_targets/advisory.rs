//! A document of a feed of advisories, or an advisory of the organisation, compared with versions from its own text.
//!
//! What one text lists is affected, and an advisory covers itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::advisory::{Advisory, Match, read_osv, read_own};
use vidimus::lint::Source;

fuzz_target!(|input: &[u8]| {
    if let Ok(advisory) = read_osv(input) {
        check(&advisory);
    }
    if let Ok(text) = std::str::from_utf8(input) {
        for own in read_own(&[Source::new("own.yaml", text)]).0 {
            check(&own.advisory);
        }
    }
});

fn check(advisory: &Advisory) {
    assert!(advisory.covers(advisory));
    for affected in advisory.affected.iter().filter(|_| advisory.withdrawn.is_none()) {
        let bounds = affected.ranges.iter().flat_map(|range| range.events());
        let bounds = bounds.map(|event| event.version());
        for version in affected.versions.iter().map(|version| version.as_str()).chain(bounds) {
            let _ = advisory.effect_on(&affected.key(), "", Some(version));
        }
        for version in affected.versions.iter().filter(|version| !version.is_empty()) {
            let found = advisory.effect_of(affected, "", Some(version));
            assert!(matches!(found, Some((_, Match::Certain))), "{version}: {found:?}");
        }
    }
}
