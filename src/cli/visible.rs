use clap::builder::{StringValueParser, TypedValueParser};

use crate::model::is_unseen;

/// Reads a name or a pattern as the person sees it who copied it: characters that show nothing are left out.
pub(super) fn visible() -> impl TypedValueParser<Value = String> {
    StringValueParser::new().map(|text| seen(&text))
}

fn seen(text: &str) -> String {
    text.chars().filter(|character| !is_unseen(*character)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.example/wiki@1.0.0")]
    #[case("com.example/wi\u{200b}ki@1.0.0")]
    #[case("\u{202a}com.example/wiki\u{202c}@1.\u{2060}0.0\u{feff}")]
    fn name_is_read_as_it_is_seen(#[case] text: &str) {
        assert_eq!(seen(text), "com.example/wiki@1.0.0");
    }
}
