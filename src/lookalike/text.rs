//! Texts in the forms that are compared: their words, without separators, affixes and stop words.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::stopwords::{KIND_WORDS, STOP_WORDS};

/// Texts shorter than this are equal by accident.
pub(super) const MIN_EQUAL: usize = 4;
/// Texts shorter than this look alike, or are part of others, by accident.
pub(super) const MIN_ALIKE: usize = 5;
/// The length from which two characters of a brand may differ.
pub(super) const MIN_TWO_EDITS: usize = 8;
/// The characters of a text that are compared, at most; a name has at most 200.
pub(super) const MAX_LENGTH: usize = 200;
/// The words of a brand, at most.
const MAX_RUN: usize = 5;

/// The words of a text, and the forms in which texts are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// All words, in lower case.
    pub(super) all: Vec<String>,
    /// All words except the kind words, in one piece.
    pub(super) full: String,
    /// The same without stop words, unless no word would be left.
    pub(super) core: String,
    /// The words of the core in alphabetical order.
    pub(super) sorted: Vec<String>,
}

impl Words {
    /// Splits a text into words.
    pub(super) fn of(text: &str) -> Self {
        let all = split(text);
        let telling = all.iter().filter(|word| !KIND_WORDS.contains(&word.as_str()));
        let telling: Vec<&String> = telling.collect();
        let full: String = telling.iter().map(|word| word.as_str()).collect();
        let rare = telling.iter().filter(|word| !STOP_WORDS.contains(&word.as_str()));
        let mut sorted: Vec<String> = rare.map(|word| (*word).clone()).collect();
        let core = if sorted.is_empty() { full.clone() } else { sorted.concat() };
        sorted.sort();
        Self { all, full, core, sorted }
    }

    /// Returns all words in one piece, including the kind words.
    pub(super) fn compact(&self) -> String {
        self.all.concat()
    }

    /// Returns the sorted words of the core as one text.
    pub(super) fn sorted_text(&self) -> String {
        self.sorted.join(" ")
    }
}

/// Splits at characters that are not alphanumeric, and before a capital after a lower-case letter or digit.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in text.chars() {
        let separates = !character.is_alphanumeric() && !is_mark(character);
        if separates || (after_small && character.is_uppercase()) {
            words.push(String::new());
        }
        if let (false, Some(word)) = (separates, words.last_mut()) {
            word.extend(character.to_lowercase());
        }
        after_small = character.is_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns true for combining accents and joiners, which belong to the word.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
        || character.general_category_group() == GeneralCategoryGroup::Mark
}

/// Returns every run of neighbouring words, each in one piece.
pub(super) fn runs(words: &[String]) -> impl Iterator<Item = String> {
    let most = words.len().min(MAX_RUN);
    (1..=most).flat_map(|length| words.windows(length).map(<[String]>::concat))
}

/// Returns the text, and the text without each one of its characters; two texts at distance one share one of these.
pub(super) fn deletions(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    // An empty text is similar to nothing.
    let mut all: Vec<String> = (!text.is_empty()).then(|| text.to_owned()).into_iter().collect();
    for skipped in 0..characters.len().min(MAX_LENGTH) {
        let kept = characters.iter().enumerate().filter(|(index, _)| *index != skipped);
        all.push(kept.map(|(_, character)| character).collect());
    }
    all
}

/// Returns true if two texts differ in one character, or in two swapped neighbours.
pub(super) fn is_near(left: &str, right: &str) -> bool {
    strsim::osa_distance(left, right) == 1
}

/// Counts characters.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Returns the part of a text that is compared.
pub(super) fn head(text: &str) -> &str {
    text.char_indices().nth(MAX_LENGTH).map_or(text, |(end, _)| &text[..end])
}

/// Returns the part of a name after the slash, or the complete brand.
pub(super) fn leaf(subject: &str) -> &str {
    subject.split_once('/').map_or(subject, |(_, leaf)| leaf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("playwright-mcp", &["playwright", "mcp"], "playwright", "playwright")]
    #[case("My_officialServer2Go", &["my", "official", "server2", "go"], "myofficialserver2go", "myserver2")]
    #[case("mcp-server", &["mcp", "server"], "", "")]
    #[case("data-tools", &["data", "tools"], "datatools", "datatools")]
    #[case("", &[], "", "")]
    fn text_is_split_into_words(
        #[case] text: &str,
        #[case] all: &[&str],
        #[case] full: &str,
        #[case] core: &str,
    ) {
        let words = Words::of(text);
        assert_eq!(words.all, all);
        assert_eq!((words.full.as_str(), words.core.as_str()), (full, core));
    }

    #[test]
    fn texts_at_distance_one_share_a_deletion() {
        for (left, right) in [("stripe", "strype"), ("stripe", "stripee"), ("stripe", "strpie")] {
            assert!(is_near(left, right));
            let theirs = deletions(right);
            assert!(deletions(left).iter().any(|text| theirs.contains(text)), "{left} {right}");
        }
        assert_eq!(deletions(""), [] as [String; 0]);
    }
}
