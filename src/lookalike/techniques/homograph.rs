use crate::lookalike::host::{Domain, Host};
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::{SuspectContent, in_host};
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;

/// Reports every word with non-ASCII letters that looks like the known name of the target.
pub(in crate::lookalike) fn homograph_words(
    content: &SuspectContent<'_>,
    target: &Target,
) -> Vec<Signal> {
    let Some(known) = &target.known_as else { return Vec::new() };
    let alike = content.odd_words.iter().filter(|odd| odd.seen == known.seen);
    alike.map(|odd| content.in_word(Technique::Homograph, odd, target)).collect()
}

/// Reports a host with non-ASCII letters that looks like a domain of the target.
pub(in crate::lookalike) fn homograph_host(
    host: &Host,
    domain: &Domain,
    target: &Target,
) -> Option<Signal> {
    let reads_as = !host.label.is_ascii() && host.reads_as(domain);
    reads_as.then(|| in_host(Technique::Homograph, host, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, host, in_host as check, with_content};
    use super::*;
    use crate::lookalike::signal::Field;

    #[rstest::rstest]
    #[case("title", "Str\u{456}pe", &[(Field::Title, "Str\u{456}pe")])]
    #[case("title", "Str\u{ed}pe", &[(Field::Title, "Str\u{ed}pe")])]
    #[case("title", "\u{405}tripe payments", &[(Field::Title, "\u{405}tripe payments")])]
    #[case("description", "The (\u{455}tripe) server", &[(Field::Description, "\u{455}tripe")])]
    #[case("description", "By Stri\u{200d}pe", &[(Field::Description, "Stri\u{200d}pe")])]
    #[case(
        "description",
        "\u{455}tripe, Str\u{456}pe",
        &[(Field::Description, "Str\u{456}pe"), (Field::Description, "\u{455}tripe")]
    )]
    #[case("description", "Str\u{ed}pe", &[])]
    #[case("description", "Bezahlen \u{fc}ber Stripe", &[])]
    #[case("title", "Stripe", &[])]
    fn every_word_that_looks_like_a_brand_is_reported(
        #[case] member: &str,
        #[case] text: &str,
        #[case] wanted: &[(Field, &str)],
    ) {
        let target = brand("stripe");
        let members = format!(r#""{member}": "{text}""#);
        let mut found = with_content(&members, |content| homograph_words(content, &target));
        found.sort();
        found.dedup();
        let found: Vec<(Field, &str)> =
            found.iter().map(|signal| (signal.field, signal.value.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[rstest::rstest]
    #[case(brand("stripe"), "xn--strpe-1sa.com", true)]
    #[case(brand("stripe"), "str\u{456}pe.com", true)]
    #[case(brand("stripe"), "str1pe.com", false)]
    #[case(brand("stripe"), "stripe.com", false)]
    fn host_in_another_script_is_reported(
        #[case] target: Target,
        #[case] written: &str,
        #[case] is_found: bool,
    ) {
        let host = host(written);
        let found = target.domains.iter().find_map(|domain| homograph_host(&host, domain, &target));
        check(Technique::Homograph, found.as_ref(), written, &target, is_found);
    }
}
