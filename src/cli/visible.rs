use clap::builder::{StringValueParser, TypedValueParser};

use crate::model::as_seen;

/// Reads a name or a pattern as the person sees it who copied it: characters that show nothing are left out.
pub(super) fn visible() -> impl TypedValueParser<Value = String> {
    StringValueParser::new().map(|text| as_seen(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.example/wiki@1.0.0")]
    #[case("com.example/wi\u{200b}ki@1.0.0")]
    #[case("\u{202a}com.example/wiki\u{202c}@1.\u{2060}0.0\u{feff}")]
    fn name_is_read_as_it_is_seen(#[case] text: &str) {
        assert_eq!(as_seen(text), "com.example/wiki@1.0.0");
    }
}
