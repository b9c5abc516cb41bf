//! Errors do not print their source: the code that prints an error prints its chain, and the text would
//! appear twice.

/// Returns the messages that contain the source of their error.
pub(super) fn printed_sources(text: &str) -> Vec<String> {
    const MARK: &str = "#[error(";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let rest = &text[at + MARK.len()..];
        let Some((message, behind)) = rest.split_once(")]\n") else { continue };
        let variant = behind.split(MARK).next().unwrap_or_default();
        let variant = variant.split("\n}").next().unwrap_or_default();
        let is_unnamed = variant.contains("#[from]") || variant.contains("#[source]");
        let is_named = variant.contains("source: ");
        if (is_unnamed && message.contains("{0")) || (is_named && message.contains("{source")) {
            found.push(message.trim().to_owned());
        }
    }
    found
}

#[test]
fn planted_message_with_its_source_is_found() {
    let bad = [
        "#[error(\"{0}\")]\nStore(#[from] StoreError),\n}",
        "#[error(\"no runtime: {0}\")]\nRuntime(#[source] Error),\n}",
        "#[error(\n    \"{path}: {source}\"\n)]\nFile { path: PathBuf, source: Error },\n}",
    ];
    for text in bad {
        assert_eq!(printed_sources(text).len(), 1, "{text}");
    }
    let fine = "#[error(transparent)]\nStore(#[from] StoreError),\n#[error(\"{0} is bad\")]\nName(String),\n\
                #[error(\"{path}\")]\nFile { path: PathBuf, source: Error },\n}";
    assert_eq!(printed_sources(fine), [""; 0]);
}
