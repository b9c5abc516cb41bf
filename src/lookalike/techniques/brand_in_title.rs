use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectContent;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::runs;

/// Reports a title that equals the known name of the target, or that contains a brand.
pub(in crate::lookalike) fn brand_in_title(
    content: &SuspectContent<'_>,
    target: &Target,
) -> Option<Signal> {
    let known = target.known_as.as_ref()?;
    let contains =
        || !target.is_name && runs(&content.title_words).any(|run| run == target.compact);
    (content.title.text == known.text || contains())
        .then(|| content.in_title(Technique::BrandInTitle, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, name, of, with_content};
    use super::*;
    use crate::lookalike::signal::Field;

    #[rstest::rstest]
    #[case(brand("stripe"), "Stripe MCP server", true)]
    #[case(brand("stripe"), "Payments for Stripe users", true)]
    #[case(brand("acme bank"), "Acme Bank", true)]
    #[case(name("com.acmebank/ledger"), "Acmebank (official)", true)]
    #[case(name("com.acmebank/ledger"), "Ledgers at Acmebank", false)]
    #[case(brand("stripe"), "Pinstripes", false)]
    #[case(brand("stripe"), "5tripe", false)]
    #[case(brand("stripe"), "", false)]
    fn title_with_a_brand_is_reported(
        #[case] target: Target,
        #[case] title: &str,
        #[case] is_found: bool,
    ) {
        let members = format!(r#""title": "{title}""#);
        let found = with_content(&members, |content| brand_in_title(content, &target));
        let wanted = of(Technique::BrandInTitle, Field::Title, title, &target);
        assert_eq!(found, is_found.then_some(wanted));
    }
}
