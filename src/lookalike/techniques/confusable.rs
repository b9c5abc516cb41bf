use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::{SuspectContent, SuspectName};
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_ALIKE, MIN_EQUAL, length};
use crate::lookalike::visual::skeleton;

/// Reports a registrant that looks like the target's owner, or like a brand.
pub(in crate::lookalike) fn confusable_home(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let (theirs, least) = match target.name_owner() {
        Some(owner) => (&owner.label, MIN_ALIKE),
        None => (&target.compact, MIN_EQUAL),
    };
    (length(theirs) >= least && skeleton(&suspect.registrant.label) == skeleton(theirs))
        .then(|| suspect.in_namespace(Technique::Confusable, target))
}

/// Reports a leaf that looks like that of the target, but differs from it.
pub(in crate::lookalike) fn confusable_leaf(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let (ours, theirs, least) = if target.is_name {
        (&suspect.words.core, &target.words.core, MIN_ALIKE)
    } else {
        (&suspect.compact, &target.compact, MIN_EQUAL)
    };
    (ours != theirs && length(theirs) >= least && skeleton(ours) == skeleton(theirs))
        .then(|| suspect.in_leaf(Technique::Confusable, target))
}

/// Reports an ASCII title that looks like the known name of the target.
pub(in crate::lookalike) fn confusable_title(
    content: &SuspectContent<'_>,
    target: &Target,
) -> Option<Signal> {
    let known = target.known_as.as_ref().filter(|known| length(&known.text) >= MIN_ALIKE)?;
    let title = &content.title;
    (title.text.is_ascii() && title.text != known.text && title.seen == known.seen)
        .then(|| content.in_title(Technique::Confusable, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf, in_namespace, name, of, with_content};
    use super::*;
    use crate::lookalike::signal::Field;

    #[rstest::rstest]
    #[case(name("com.stripe/pay"), "io.github.Str1pe/x", true)]
    #[case(name("com.modern/pay"), "com.rnodern/x", true)]
    #[case(brand("stripe"), "io.github.striipe/x", true)]
    #[case(brand("visa"), "com.v1sa/x", true)]
    #[case(name("com.visa/pay"), "com.v1sa/x", false)]
    #[case(name("com.stripe/pay"), "com.strype/x", false)]
    #[case(brand("aws"), "com.awss/x", false)]
    fn registrant_that_looks_alike_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::Confusable, confusable_home, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case(name("io.github.m/playwright-mcp"), "com.else/p1aywright", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/Playywrightt", true)]
    #[case(brand("stripe"), "com.else/str1pe", true)]
    #[case(name("io.github.m/playwright"), "com.else/playwright-mcp", false)]
    #[case(name("io.github.m/maps"), "com.else/mapps", false)]
    #[case(brand("stripe"), "com.else/str1pe-mcp", false)]
    #[case(brand("stripe"), "com.else/strype", false)]
    fn leaf_that_looks_alike_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::Confusable, confusable_leaf, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case(brand("stripe"), "5tripe", true)]
    #[case(name("com.stripe/pay"), "Str1pe MCP server", true)]
    #[case(brand("stripe"), "Stripe", false)]
    #[case(brand("stripe"), "Str\u{456}pe", false)]
    #[case(brand("stripe"), "Str1pe payments", false)]
    #[case(brand("visa"), "V1sa", false)]
    fn title_that_looks_alike_is_reported(
        #[case] target: Target,
        #[case] title: &str,
        #[case] is_found: bool,
    ) {
        let members = format!(r#""title": "{title}""#);
        let found = with_content(&members, |content| confusable_title(content, &target));
        let wanted = of(Technique::Confusable, Field::Title, title, &target);
        assert_eq!(found, is_found.then_some(wanted));
    }
}
