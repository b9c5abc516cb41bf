//! Well-formed: what any JSON reader on earth understands in the same way.
//!
//! Clients decode with a dozen libraries. Where two of them could read different things out of the
//! same bytes (a member twice, `Name` beside `name` for a reader that ignores case, a number
//! beyond a double, a string that hides or reverses what it shows), a reviewer would approve one
//! server and a client install another. Such bytes are quarantined, never repaired.
//!
//! Not checked here: the published schema. Hundreds of real entries fail it and work.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::number::is_exact;
use super::text::{Escaped, forbidden};
use super::{BadInstant, BadName, BadVersion};

/// Deeper than any real entry by far, and shallow enough for every recursive decoder.
const MAX_DEPTH: usize = 32;
/// The longest real string has 2,733 characters.
const MAX_STRING_BYTES: usize = 4 * 1024;

/// The members that the published schema gives a meaning. A reader that ignores case would take
/// `Identifier` for `identifier`.
const SCHEMA_MEMBERS: [&str; 40] = [
    "$schema",
    "_meta",
    "choices",
    "default",
    "description",
    "environmentVariables",
    "fileSha256",
    "format",
    "headers",
    "icons",
    "id",
    "identifier",
    "isRepeated",
    "isRequired",
    "isSecret",
    "mimeType",
    "name",
    "packageArguments",
    "packages",
    "placeholder",
    "registryBaseUrl",
    "registryType",
    "remotes",
    "repository",
    "runtimeArguments",
    "runtimeHint",
    "sizes",
    "source",
    "src",
    "subfolder",
    "theme",
    "title",
    "transport",
    "type",
    "url",
    "value",
    "valueHint",
    "variables",
    "version",
    "websiteUrl",
];

/// Why received bytes are no entry, and where in them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{fault}", self.place())]
pub struct Malformed {
    /// Members and indices from the outside in, such as `server.packages[0].identifier`.
    path: Vec<String>,
    pub fault: Fault,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("{found} where an object is needed")]
    NotAnObject { found: &'static str },
    #[error("{found} where {wanted} is needed")]
    WrongType { found: &'static str, wanted: &'static str },
    #[error("the member is missing")]
    Missing,
    #[error("the member {0:?} stands twice in one object")]
    Duplicate(String),
    #[error("the member {found:?} differs only in case from {member:?}")]
    CaseVariant { found: String, member: &'static str },
    #[error("the number {0} is not exact in RFC 8785")]
    InexactNumber(String),
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the character U+{:04X} is not allowed", u32::from(*.0))]
    Character(char),
    #[error("a string of {0} bytes, at most {MAX_STRING_BYTES} are allowed")]
    LongString(usize),
    #[error("an entry of {found} bytes, at most {allowed} are allowed")]
    TooLarge { found: usize, allowed: usize },
    #[error("not readable: {0}")]
    Unreadable(String),
    #[error("{0}")]
    Name(#[from] BadName),
    #[error("{0}")]
    Version(#[from] BadVersion),
    #[error("{0}")]
    Instant(#[from] BadInstant),
    #[error("the status {0:?} is unknown, known are active, deprecated and deleted")]
    Status(String),
    #[error("a text of {found} characters, {}", range(*.min, *.max))]
    Length { found: usize, min: usize, max: usize },
    #[error("{found:?} is unknown, known are {}", .allowed.join(", "))]
    UnknownWord { found: String, allowed: &'static [&'static str] },
    #[error("{found:?} is not one of: {allowed}")]
    Word { found: String, allowed: &'static str },
    #[error("{0:?} is no URL")]
    Url(String),
}

fn range(min: usize, max: usize) -> String {
    match max {
        usize::MAX => format!("at least {min} are needed"),
        max => format!("from {min} to {max} are allowed"),
    }
}

impl Malformed {
    #[must_use]
    pub(crate) fn within(mut self, member: &str) -> Self {
        self.path.insert(0, member.to_owned());
        self
    }

    fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            if !place.is_empty() && !step.starts_with('[') {
                place.push('.');
            }
            place.push_str(&Escaped(step).to_string());
        }
        if !place.is_empty() {
            place.push_str(": ");
        }
        place
    }
}

impl<F: Into<Fault>> From<F> for Malformed {
    fn from(fault: F) -> Self {
        Self { path: Vec::new(), fault: fault.into() }
    }
}

/// Whose keys an object has: the schema's, a publisher's at this level, or a stranger's all the
/// way down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Schema,
    Free,
    Foreign,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of a JSON object in their order, with the exact bytes of their values.
///
/// # Errors
/// When it is no object, or a member stands twice in it.
pub fn members(raw: &RawValue) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Malformed> {
    struct Members;

    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((Key(key), value)) = map.next_entry()? {
                members.push((key, value));
            }
            Ok(members)
        }
    }

    if !raw.get().starts_with('{') {
        return Err(Fault::NotAnObject { found: kind(raw) }.into());
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let members = serde::Deserializer::deserialize_map(&mut json, Members)
        .map_err(|error| Fault::Unreadable(error.to_string()))?;
    let mut seen = BTreeSet::new();
    match members.iter().find(|(key, _)| !seen.insert(key.as_ref())) {
        Some((key, _)) => Err(Fault::Duplicate(key.clone().into_owned()).into()),
        None => Ok(members),
    }
}

/// Checks a `server` object, or a `_meta` beside it, through and through.
pub(super) fn inspect(raw: &RawValue) -> Result<(), Malformed> {
    inspect_value(raw, 1, Keys::Schema)
}

fn inspect_value(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), Malformed> {
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth > MAX_DEPTH => Err(Fault::TooDeep.into()),
        Some(b'{') => inspect_object(raw, depth, keys),
        Some(b'[') => inspect_array(raw, depth, keys),
        Some(b'"') => inspect_string(raw),
        Some(b'-' | b'0'..=b'9') if !is_exact(raw.get()) => {
            Err(Fault::InexactNumber(Escaped(raw.get()).to_string()).into())
        }
        _ => Ok(()),
    }
}

fn inspect_object(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), Malformed> {
    for (key, value) in members(raw)? {
        check_characters(&key)?;
        if keys == Keys::Schema {
            check_case(&key)?;
        }
        let inner = match (keys, key.as_ref()) {
            (Keys::Foreign, _) | (Keys::Schema, "_meta") => Keys::Foreign,
            (Keys::Schema, "variables") => Keys::Free,
            _ => Keys::Schema,
        };
        inspect_value(value, depth + 1, inner).map_err(|fault| fault.within(&key))?;
    }
    Ok(())
}

fn inspect_array(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), Malformed> {
    let items: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| Fault::Unreadable(error.to_string()))?;
    for (index, item) in items.into_iter().enumerate() {
        inspect_value(item, depth + 1, keys)
            .map_err(|fault| fault.within(&format!("[{index}]")))?;
    }
    Ok(())
}

fn inspect_string(raw: &RawValue) -> Result<(), Malformed> {
    let plain = raw.get().bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
    if plain {
        return check_length(raw.get().len() - 2);
    }
    check_characters(&string(raw)?)
}

fn check_characters(text: &str) -> Result<(), Malformed> {
    check_length(text.len())?;
    match text.chars().find(|character| forbidden(*character)) {
        Some(character) => Err(Fault::Character(character).into()),
        None => Ok(()),
    }
}

fn check_length(bytes: usize) -> Result<(), Malformed> {
    if bytes > MAX_STRING_BYTES {
        return Err(Fault::LongString(bytes).into());
    }
    Ok(())
}

fn check_case(key: &str) -> Result<(), Malformed> {
    if SCHEMA_MEMBERS.binary_search(&key).is_ok() {
        return Ok(());
    }
    let folded: String = key.chars().map(simple_fold).collect();
    match SCHEMA_MEMBERS.iter().find(|member| member.eq_ignore_ascii_case(&folded)) {
        Some(member) => Err(Fault::CaseVariant { found: key.to_owned(), member }.into()),
        None => Ok(()),
    }
}

/// Unicode's simple folding as far as it leads to ASCII: readers that ignore case apply it, so
/// that `remote\u{17f}` is `remotes` to them.
fn simple_fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// The text of a JSON string; a lone surrogate, which no Rust string can hold, is unreadable.
pub(super) fn string(raw: &RawValue) -> Result<Cow<'_, str>, Malformed> {
    if !raw.get().starts_with('"') {
        return Err(Fault::WrongType { found: kind(raw), wanted: "a string" }.into());
    }
    let Key(text) =
        serde_json::from_str(raw.get()).map_err(|error| Fault::Unreadable(error.to_string()))?;
    Ok(text)
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(json: &str) -> Result<(), String> {
        let raw: Box<RawValue> = serde_json::from_str(json).expect("a JSON text");
        inspect(&raw).map_err(|malformed| malformed.to_string())
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn the_schema_members_are_sorted_for_the_search_among_them() {
        assert!(SCHEMA_MEMBERS.is_sorted());
    }

    #[rstest::rstest]
    #[case::a_usual_object(r#"{"name":"a/b","packages":[{"identifier":"x","isRequired":true}]}"#)]
    #[case::an_unknown_member(r#"{"anything":1}"#)]
    #[case::text_of_any_script("{\"description\":\"日本語 – ünï 👩\u{200d}💻\\n\\t\"}")]
    #[case::free_names_of_variables(r#"{"variables":{"URL":{"value":"x"},"Name":{}}}"#)]
    #[case::a_publishers_own_members(r#"{"_meta":{"x/y":{"Version":"1","version":"2"}}}"#)]
    fn what_every_reader_understands_alike_passes(#[case] json: &str) {
        assert_eq!(judged(json), Ok(()));
    }

    #[rstest::rstest]
    #[case(r#"{"name":"a","name":"b"}"#, r#"the member "name" stands twice in one object"#)]
    #[case(r#"{"name":"a","n\u0061me":"b"}"#, r#"the member "name" stands twice in one object"#)]
    #[case(
        r#"{"packages":[{"x":{"a":1,"a":1}}]}"#,
        r#"packages[0].x: the member "a" stands twice in one object"#
    )]
    #[case(
        r#"{"packages":[{"Identifier":"b"}]}"#,
        r#"packages[0]: the member "Identifier" differs only in case from "identifier""#
    )]
    #[case(
        "{\"remote\u{17f}\":[]}",
        "the member \"remote\u{17f}\" differs only in case from \"remotes\""
    )]
    #[case(
        "{\"pac\u{212a}ages\":[]}",
        "the member \"pac\u{212a}ages\" differs only in case from \"packages\""
    )]
    #[case(
        r#"{"variables":{"X":{"Value":"b"}}}"#,
        r#"variables.X: the member "Value" differs only in case from "value""#
    )]
    #[case(r#"{"a":9007199254740993}"#, "a: the number 9007199254740993 is not exact in RFC 8785")]
    #[case(r#"{"a":"\u0007"}"#, "a: the character U+0007 is not allowed")]
    #[case("{\"a\":\"\u{202e}\"}", "a: the character U+202E is not allowed")]
    #[case(r#"{"a\u200b":1}"#, "the character U+200B is not allowed")]
    #[case(r#"{"a":"\ue000"}"#, "a: the character U+E000 is not allowed")]
    fn what_two_readers_could_understand_differently_is_named(
        #[case] json: &str,
        #[case] why: &str,
    ) {
        assert_eq!(judged(json), Err(why.into()));
    }

    #[test]
    fn a_lone_surrogate_is_refused() {
        assert!(judged(r#"{"a":"\ud800"}"#).is_err_and(|why| why.starts_with("a: not readable")));
    }

    #[test]
    fn nesting_is_limited_and_never_followed_on_the_stack() {
        assert_eq!(judged(&nested(MAX_DEPTH)), Ok(()));
        assert!(judged(&nested(MAX_DEPTH + 1)).is_err_and(|why| why.ends_with("deeper than 32")));
        assert!(judged(&nested(100_000)).is_err_and(|why| why.ends_with("deeper than 32")));
    }

    #[test]
    fn a_string_has_at_most_4_kib() {
        let with = |length| format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        assert_eq!(judged(&with(4096)), Ok(()));
        assert_eq!(
            judged(&with(4097)),
            Err("a: a string of 4097 bytes, at most 4096 are allowed".into())
        );
    }
}
