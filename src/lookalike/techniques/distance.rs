use crate::lookalike::frequent::FrequentNames;
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_ALIKE, MIN_EQUAL, MIN_TWO_EDITS, is_near, length};

/// Leaves of names shorter than this are near by accident.
const MIN_LENGTH: usize = 6;
/// The namespaces that may use a near leaf before it is frequent: accidental matches are more likely here.
const MAX_RARE: u8 = 6;

/// Reports a registrant that differs in one character from a brand.
pub(in crate::lookalike) fn distance_home(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    (length(&target.compact) >= MIN_ALIKE && is_near(&suspect.registrant.label, &target.compact))
        .then(|| suspect.in_namespace(Technique::Distance, target))
}

/// Reports a leaf that differs in one character from that of a protected name.
pub(in crate::lookalike) fn distance_of_name(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    near_pairs(suspect, target).next().map(|_| suspect.in_leaf(Technique::Distance, target))
}

/// Returns true if many namespaces use every near form; for a plural, one other namespace is enough.
pub(in crate::lookalike) fn is_near_frequent(
    suspect: &SuspectName<'_>,
    target: &Target,
    frequent: &FrequentNames,
) -> bool {
    near_pairs(suspect, target).all(|(left, right)| {
        let is_plural =
            left.strip_suffix('s') == Some(right) || right.strip_suffix('s') == Some(left);
        frequent.count(right) > if is_plural { 1 } else { MAX_RARE }
    })
}

fn near_pairs<'t>(
    suspect: &'t SuspectName<'_>,
    target: &'t Target,
) -> impl Iterator<Item = (&'t str, &'t str)> {
    let (ours, theirs) = (&suspect.words, &target.words);
    let pairs = [(ours.core.as_str(), theirs.core.as_str()), (&ours.full, &theirs.full)];
    pairs.into_iter().filter(|(left, right)| {
        length(left) >= MIN_LENGTH && length(right) >= MIN_LENGTH && is_near(left, right)
    })
}

/// Reports a leaf that differs in one character from a brand, or in two from a long brand.
pub(in crate::lookalike) fn distance_of_brand(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let wanted = &target.compact;
    let bound = match length(wanted) {
        0..MIN_EQUAL => return None,
        MIN_EQUAL..MIN_TWO_EDITS => 1,
        _ => 2,
    };
    let words = &suspect.words;
    let texts = [&suspect.compact, &words.full, &words.core];
    let is_whole = texts.into_iter().any(|text| strsim::osa_distance(text, wanted) <= bound);
    let is_word =
        || length(wanted) >= MIN_ALIKE && words.all.iter().any(|word| is_near(word, wanted));
    (is_whole || is_word()).then(|| suspect.in_leaf(Technique::Distance, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf, in_namespace, name};
    use super::*;
    use crate::model::Name;
    use crate::ownership::SharedHosts;

    #[rstest::rstest]
    #[case(brand("stripe"), "io.github.Strype/x", true)]
    #[case(brand("stripe"), "com.strpie/x", true)]
    #[case(brand("stripe"), "com.stripe/x", false)]
    #[case(brand("visa"), "com.viza/x", false)]
    #[case(brand("stripe"), "com.trip/x", false)]
    fn registrant_at_distance_one_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::Distance, distance_home, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case(name("io.github.m/playwright-mcp"), "com.else/Plawyright", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/playwrights-server", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/plaiwryght", false)]
    #[case(name("io.github.m/maps"), "com.else/mops", false)]
    #[case(name("io.github.m/weather"), "com.else/weather", false)]
    fn leaf_near_a_name_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::Distance, distance_of_name, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case(brand("stripe"), "com.else/strpie", true)]
    #[case(brand("stripe"), "com.else/strpie-server", true)]
    #[case(brand("stripe"), "com.else/the-strype-thing", true)]
    #[case(brand("microsoft"), "com.else/micorsotf", true)]
    #[case(brand("stripe"), "com.else/strpi", false)]
    #[case(brand("stripe"), "com.else/trip", false)]
    #[case(brand("aws"), "com.else/awz", false)]
    #[case(brand("visa"), "com.else/the-viza-thing", false)]
    fn leaf_near_a_brand_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::Distance, distance_of_brand, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case("weathers", 1, false)]
    #[case("weathers", 2, true)]
    #[case("weathor", 6, false)]
    #[case("weathor", 7, true)]
    fn near_leaf_of_many_namespaces_is_frequent(
        #[case] leaf: &str,
        #[case] namespaces: usize,
        #[case] wanted: bool,
    ) {
        let names = (0..namespaces).map(|number| format!("com.n{number}/weather"));
        let names: Vec<Name> = names.map(|name| Name::parse(&name).expect("a name")).collect();
        let suspect = Name::parse(&format!("com.else/{leaf}")).expect("a name");
        let suspect = SuspectName::of(&suspect, &SharedHosts::default());
        let target = name("com.n0/weather");
        assert_eq!(is_near_frequent(&suspect, &target, &FrequentNames::of(&names)), wanted);
    }
}
