use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns true for characters that reorder the text on a screen, control a terminal, or have no common
/// meaning. Tab, newline and the two joiners that scripts need are allowed.
pub(super) fn is_control(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control() && !matches!(character, '\t' | '\n');
    }
    match character.general_category() {
        GeneralCategory::Control | GeneralCategory::PrivateUse => true,
        GeneralCategory::Format => !matches!(character, '\u{200c}' | '\u{200d}'),
        _ => false,
    }
}

/// A pattern without a dot.
const BRAILLE_BLANK: char = '\u{2800}';

/// Returns true for characters that show nothing, or end a line where no newline stands.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, BRAILLE_BLANK | '\u{2028}' | '\u{2029}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Returns true for characters that show nothing of their own: what a person searches and reads is the same without them.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    !character.is_ascii()
        && (character == BRAILLE_BLANK
            || character.general_category() == GeneralCategory::Format
            || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character))
}

/// Returns a text as a person sees it: characters that show nothing are left out.
#[must_use]
pub fn as_seen(text: &str) -> Cow<'_, str> {
    if text.contains(is_unseen) {
        Cow::Owned(text.chars().filter(|character| !is_unseen(*character)).collect())
    } else {
        Cow::Borrowed(text)
    }
}
