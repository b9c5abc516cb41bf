use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::text::{Words, leaf};
use crate::model::Name;

/// The highest count; more namespaces make no difference.
const MAX_COUNTED: usize = 7;

/// The leaves that several namespaces use, with the number of these namespaces.
///
/// Leaves are kept as 64-bit digests; two leaves with one digest would be counted together. The hasher has a random
/// key, so that a publisher cannot construct such a pair.
#[derive(Debug, Clone, Default)]
pub struct FrequentNames {
    counts: HashMap<u64, u8>,
    hasher: RandomState,
}

impl FrequentNames {
    /// Counts the namespaces of each leaf over all names.
    #[must_use]
    pub fn of<'n>(names: impl IntoIterator<Item = &'n Name>) -> Self {
        let hasher = RandomState::new();
        let mut uses: Vec<(u64, u64)> = Vec::new();
        for name in names {
            let Words { full, core, .. } = Words::of(leaf(name.as_str()));
            let namespace = hasher.hash_one(name.namespace().to_ascii_lowercase());
            let forms = BTreeSet::from([full, core]);
            uses.extend(forms.iter().map(|form| (hasher.hash_one(form.as_str()), namespace)));
        }
        uses.sort_unstable();
        uses.dedup();
        let by_form = uses.chunk_by(|left, right| left.0 == right.0);
        let frequent = by_form.filter(|uses| uses.len() > 1).filter_map(|uses| {
            Some((uses.first()?.0, u8::try_from(uses.len().min(MAX_COUNTED)).ok()?))
        });
        Self { counts: frequent.collect(), hasher }
    }

    /// Returns the number of namespaces that use a form, up to [`MAX_COUNTED`].
    pub(super) fn count(&self, form: &str) -> u8 {
        self.counts.get(&self.hasher.hash_one(form)).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_counted_once_and_up_to_a_bound() {
        let names = ["com.a/Weather-mcp", "com.A/weather", "com.b/the-weather", "com.c/maps"];
        let names = names.map(|text| Name::parse(text).expect("a name"));
        let frequent = FrequentNames::of(&names);
        assert_eq!(frequent.count("weather"), 2);
        assert_eq!(frequent.count("theweather"), 1);
        assert_eq!(frequent.count("unknown"), 1);
        let many: Vec<Name> = (0..20)
            .map(|number| Name::parse(&format!("com.n{number}/weather")).expect("a name"))
            .collect();
        assert_eq!(usize::from(FrequentNames::of(&many).count("weather")), MAX_COUNTED);
    }
}
