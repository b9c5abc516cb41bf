//! Finds text that a reviewer cannot see, or that covers what stands around it.
//!
//! Invisible characters reach an agent and no reader: instructions in them pass every review, and two names
//! that look equal differ. Scripts need three of them in certain places. Emoji that are joined into one stay
//! out: a joiner between two pictures tells nothing that the pictures do not.

use icu_properties::props::{CanonicalCombiningClass, Emoji, IndicSyllabicCategory, JoiningType};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::characters::{is_blank, is_control};

/// More marks on one base than any language writes cover the lines above and below.
pub(super) const MAX_MARKS: usize = 4;

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
/// Asks for the picture of a character that is also a letter or sign.
const EMOJI_STYLE: char = '\u{fe0f}';
/// Joins a digit to a key in a picture.
const KEYCAP: char = '\u{20e3}';

/// Why a text is not legible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Illegible {
    Character(char),
    Marks,
}

/// Returns the first place where a text is not legible.
pub(super) fn illegible(text: &str) -> Option<Illegible> {
    if text.is_ascii() {
        return text.chars().find(|character| is_control(*character)).map(Illegible::Character);
    }
    let characters: Vec<char> = text.chars().collect();
    let mut marks = 0;
    for (index, character) in characters.iter().copied().enumerate() {
        let (before, after) = (&characters[..index], &characters[index + 1..]);
        let is_refused = match character {
            EMOJI_STYLE => !follows_emoji(before, after),
            NON_JOINER => {
                !breaks_a_cursive_pair(before, after) && !breaks_a_conjunct(before, after)
            }
            JOINER => !joins_a_conjunct(before, after),
            _ => is_control(character) || is_blank(character),
        };
        if is_refused {
            return Some(Illegible::Character(character));
        }
        if is_mark(character) {
            marks += 1;
        } else if !matches!(character, NON_JOINER | JOINER) {
            marks = 0;
        }
        if marks > MAX_MARKS {
            return Some(Illegible::Marks);
        }
    }
    None
}

fn follows_emoji(before: &[char], after: &[char]) -> bool {
    before.last().is_some_and(|base| {
        CodePointSetData::new::<Emoji>().contains(*base)
            && (!base.is_ascii() || after.first() == Some(&KEYCAP))
    })
}

/// Context A1 of UAX 31: between letters that would be joined, with marks that joining ignores.
fn breaks_a_cursive_pair(before: &[char], after: &[char]) -> bool {
    let joining = |character: &char| CodePointMapData::<JoiningType>::new().get(*character);
    let is_seen = |character: &&char| joining(character) != JoiningType::Transparent;
    let (left, right) = (before.iter().rfind(is_seen), after.iter().find(is_seen));
    let to_the_left =
        |kind: JoiningType| matches!(kind, JoiningType::DualJoining | JoiningType::LeftJoining);
    let to_the_right =
        |kind: JoiningType| matches!(kind, JoiningType::DualJoining | JoiningType::RightJoining);
    left.map(joining).is_some_and(to_the_left) && right.map(joining).is_some_and(to_the_right)
}

/// Context A2 of UAX 31: between a letter with a virama and the letter behind it.
fn breaks_a_conjunct(before: &[char], after: &[char]) -> bool {
    let next = after.iter().find(|character| !is_ordered_mark(**character));
    ends_in_virama(before) && next.is_some_and(|character| is_alphabetic(*character))
}

/// Context B of UAX 31: behind a letter with a virama, and not in front of a dependent vowel.
fn joins_a_conjunct(before: &[char], after: &[char]) -> bool {
    let is_vowel = |character: &char| {
        let syllabic = CodePointMapData::<IndicSyllabicCategory>::new().get(*character);
        syllabic == IndicSyllabicCategory::VowelDependent
    };
    ends_in_virama(before) && !after.first().is_some_and(is_vowel)
}

/// Returns true if a text ends in a letter with marks, a virama, and marks whose order matters.
fn ends_in_virama(before: &[char]) -> bool {
    let is_virama = |character: &char| class(*character) == CanonicalCombiningClass::Virama;
    let virama =
        before.iter().rposition(|character| is_virama(character) || !is_ordered_mark(*character));
    let Some(virama) = virama.filter(|index| is_virama(&before[*index])) else { return false };
    let base = before[..virama].iter().rfind(|character| !is_mark(**character));
    base.is_some_and(|character| is_alphabetic(*character))
}

fn class(character: char) -> CanonicalCombiningClass {
    CodePointMapData::<CanonicalCombiningClass>::new().get(character)
}

fn is_ordered_mark(character: char) -> bool {
    is_mark(character) && class(character) != CanonicalCombiningClass::NotReordered
}

fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

fn is_alphabetic(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::plain("日本語 – ünï, Ελληνικά, עברית, العربية\n\t")]
    #[case::emoji("\u{1f6e1}\u{fe0f} safe \u{2764}\u{fe0f}\u{a9}\u{fe0f}")]
    #[case::keycap("1\u{fe0f}\u{20e3}")]
    #[case::skin_tone_and_flag("\u{1f44d}\u{1f3fd} \u{1f1e9}\u{1f1ea}")]
    #[case::persian("\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}")]
    #[case::persian_with_marks("\u{628}\u{650}\u{200c}\u{650}\u{628}")]
    #[case::devanagari_conjunct_shown_apart("\u{915}\u{94d}\u{200c}\u{937}")]
    #[case::sinhala_conjunct("\u{d9a}\u{dca}\u{200d}\u{dbb}")]
    #[case::half_form_with_nukta("\u{915}\u{93c}\u{94d}\u{200d}")]
    #[case::decomposed("e\u{301}\u{323}")]
    #[case::four_marks("a\u{301}\u{301}\u{301}\u{301}b\u{301}\u{301}\u{301}\u{301}")]
    fn text_that_people_write_is_legible(#[case] text: &str) {
        assert_eq!(illegible(text), None);
    }

    /// P66.
    #[rstest::rstest]
    #[case::tags("x\u{e0041}", '\u{e0041}')]
    #[case::zero_width_space("a\u{200b}b", '\u{200b}')]
    #[case::word_joiner("a\u{2060}b", '\u{2060}')]
    #[case::invisible_times("a\u{2062}b", '\u{2062}')]
    #[case::soft_hyphen("a\u{ad}b", '\u{ad}')]
    #[case::grapheme_joiner("a\u{34f}b", '\u{34f}')]
    #[case::variation_selector("a\u{fe00}", '\u{fe00}')]
    #[case::selector_beyond_the_first_plane("\u{1f600}\u{e0100}", '\u{e0100}')]
    #[case::style_behind_text("a\u{fe0f}", '\u{fe0f}')]
    #[case::style_behind_a_digit("1\u{fe0f}", '\u{fe0f}')]
    #[case::style_at_the_start("\u{fe0f}\u{1f6e1}", '\u{fe0f}')]
    #[case::style_twice("\u{1f6e1}\u{fe0f}\u{fe0f}", '\u{fe0f}')]
    #[case::non_joiner_in_latin("a\u{200c}b\u{e9}", '\u{200c}')]
    #[case::non_joiner_twice("\u{628}\u{200c}\u{200c}x", '\u{200c}')]
    #[case::non_joiner_before_latin("\u{628}\u{200c}b", '\u{200c}')]
    #[case::joiner_between_pictures("\u{1f469}\u{200d}\u{1f4bb}", '\u{200d}')]
    #[case::joiner_in_latin("a\u{200d}b", '\u{200d}')]
    #[case::joiner_before_a_vowel("\u{915}\u{94d}\u{200d}\u{93e}", '\u{200d}')]
    #[case::virama_at_the_start("\u{94d}\u{200d}", '\u{200d}')]
    #[case::hangul_filler("\u{3164}", '\u{3164}')]
    #[case::hangul_choseong_filler("\u{115f}", '\u{115f}')]
    #[case::half_width_hangul_filler("\u{ffa0}", '\u{ffa0}')]
    #[case::braille_blank("\u{2801}\u{2800}", '\u{2800}')]
    #[case::line_separator("a\u{2028}b", '\u{2028}')]
    #[case::paragraph_separator("a\u{2029}b", '\u{2029}')]
    #[case::mongolian_separator("\u{180e}", '\u{180e}')]
    #[case::khmer_vowel("\u{17b4}", '\u{17b4}')]
    #[case::unassigned_ignorable("\u{fff0}", '\u{fff0}')]
    #[case::shorthand("\u{1bca0}", '\u{1bca0}')]
    #[case::reversing("\u{202e}", '\u{202e}')]
    #[case::private_use("\u{e000}", '\u{e000}')]
    fn invisible_text_is_refused(#[case] text: &str, #[case] character: char) {
        assert_eq!(illegible(text), Some(Illegible::Character(character)));
    }

    #[rstest::rstest]
    #[case("a\u{301}\u{301}\u{301}\u{301}\u{301}")]
    #[case("\u{301}\u{301}\u{301}\u{301}\u{301}")]
    #[case("\u{915}\u{94d}\u{200d}\u{301}\u{301}\u{301}\u{301}")]
    fn more_than_four_marks_on_a_base_are_refused(#[case] text: &str) {
        assert_eq!(illegible(text), Some(Illegible::Marks));
    }
}
