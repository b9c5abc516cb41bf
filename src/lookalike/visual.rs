//! Visual forms of texts: characters that look alike become one.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::skeleton as uts39;

/// A text, and its visual form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visual {
    pub(super) text: String,
    pub(super) seen: String,
}

impl Visual {
    pub(super) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), seen: seen(text) }
    }
}

/// Merges ASCII characters that look alike, and repeated characters.
pub(super) fn skeleton(text: &str) -> String {
    let alike = text.replace("rn", "m").replace("vv", "w");
    let mut merged = String::with_capacity(alike.len());
    for character in alike.chars() {
        let character = match character {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            '5' => 's',
            other => other,
        };
        if !merged.ends_with(character) {
            merged.push(character);
        }
    }
    merged
}

/// Returns the skeleton of UTS 39, section 4, after which [`skeleton`] is applied.
pub(super) fn seen(text: &str) -> String {
    // Joiners are the only invisible characters that an entry may contain.
    let is_visible = |character: &char| !matches!(character, '\u{200c}' | '\u{200d}');
    let visible: String = text.chars().filter(is_visible).collect();
    let latin: String = uts39(&visible.to_lowercase()).collect();
    skeleton(&latin.to_lowercase())
}

/// Returns the visual form without accents.
pub(super) fn plain(text: &str) -> String {
    let is_base =
        |character: &char| character.general_category() != GeneralCategory::NonspacingMark;
    let decomposed: String = uts39(text).filter(is_base).collect();
    seen(&decomposed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Stripe", "str1pe", true)]
    #[case("Stripe", "5trlpe", true)]
    #[case("modern", "rnodern", true)]
    #[case("stripe", "str\u{456}pe", true)]
    #[case("stripe", "Stri\u{200d}pe", true)]
    #[case("stripe", "strype", false)]
    #[case("stripe", "str\u{ed}pe", false)]
    fn similar_characters_read_as_one(#[case] left: &str, #[case] right: &str, #[case] is: bool) {
        assert_eq!(seen(left) == seen(right), is);
    }

    #[test]
    fn accents_are_a_disguise_only_in_the_plain_form() {
        assert_eq!(plain("str\u{ed}pe"), plain("stripe"));
        assert_ne!(seen("str\u{ed}pe"), seen("stripe"));
    }
}
