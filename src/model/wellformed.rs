//! Well-formedness: accepts only bytes that every JSON parser interprets in the same way.
//!
//! Clients decode with a dozen libraries. Where two of them could read different values from the
//! same bytes (a duplicate member, `Name` beside `name` for a parser that ignores case, a number
//! beyond a double, a string that hides or reverses its text), a reviewer would approve one server
//! and a client install another. Such bytes are quarantined, never corrected.
//!
//! Deliberately does not check the published schema: hundreds of real entries violate it and work.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::legible::{Illegible, MAX_MARKS, illegible};
use super::number::is_exact;
use super::text::Escaped;
use super::{BadName, BadTimestamp, BadVersion};

/// Deeper than any real entry by far, and shallow enough for every recursive decoder.
const MAX_DEPTH: usize = 32;
/// The longest real string has 2,733 characters.
const MAX_STRING_BYTES: usize = 4 * 1024;

/// The members that the published schema defines. A parser that ignores case would take
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

/// The rule that received bytes break, and where in them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{rule}", self.place())]
pub struct ValidationError {
    /// Members and indices from the outside in, such as `server.packages[0].identifier`.
    path: Vec<String>,
    pub rule: ValidationRule,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValidationRule {
    #[error("{found} where an object is needed")]
    NotAnObject { found: &'static str },
    #[error("{found} where {wanted} is needed")]
    WrongType { found: &'static str, wanted: &'static str },
    #[error("the member is missing")]
    Missing,
    #[error("the member {0:?} appears twice in one object")]
    Duplicate(String),
    #[error("the member {found:?} differs only in case from {member:?}")]
    CaseVariant { found: String, member: &'static str },
    #[error("the number {0} is not exact in RFC 8785")]
    InexactNumber(String),
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the character U+{:04X} is not allowed", u32::from(*.0))]
    Character(char),
    #[error("more than {MAX_MARKS} combining marks on one character")]
    Marks,
    #[error("a string of {0} bytes, at most {MAX_STRING_BYTES} are allowed")]
    LongString(usize),
    #[error("an entry of {found} bytes, at most {allowed} are allowed")]
    TooLarge { found: usize, allowed: usize },
    #[error("not readable: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error(transparent)]
    Version(#[from] BadVersion),
    #[error(transparent)]
    Timestamp(#[from] BadTimestamp),
    #[error("the status {0:?} is unknown; allowed: active, deprecated, deleted")]
    Status(String),
    #[error("a text of {found} characters, {}", range(*.min, *.max))]
    Length { found: usize, min: usize, max: usize },
    #[error("{found:?} is unknown; allowed: {}", .allowed.join(", "))]
    UnknownWord { found: String, allowed: &'static [&'static str] },
    #[error("{found:?} is not one of: {allowed}")]
    Word { found: String, allowed: &'static str },
    #[error("{0:?} is not a URL")]
    Url(String),
}

fn range(min: usize, max: usize) -> String {
    match max {
        usize::MAX => format!("at least {min} are needed"),
        max => format!("from {min} to {max} are allowed"),
    }
}

impl ValidationError {
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

impl<F: Into<ValidationRule>> From<F> for ValidationError {
    fn from(rule: F) -> Self {
        Self { path: Vec::new(), rule: rule.into() }
    }
}

/// The origin of an object's keys: the schema, the publisher at this level only, or a third party
/// at all levels below.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Schema,
    Free,
    Foreign,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Returns the members of a JSON object in their order, with the exact bytes of their values.
///
/// # Errors
/// When it is not an object, or has a duplicate member.
pub fn members(raw: &RawValue) -> Result<Vec<(Cow<'_, str>, &RawValue)>, ValidationError> {
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
        return Err(ValidationRule::NotAnObject { found: kind(raw) }.into());
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let members = serde::Deserializer::deserialize_map(&mut json, Members)
        .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
    let mut seen = BTreeSet::new();
    match members.iter().find(|(key, _)| !seen.insert(key.as_ref())) {
        Some((key, _)) => Err(ValidationRule::Duplicate(key.clone().into_owned()).into()),
        None => Ok(members),
    }
}

/// Checks a `server` object, or the `_meta` beside it, at all levels.
pub(super) fn inspect(raw: &RawValue) -> Result<(), ValidationError> {
    inspect_value(raw, 1, Keys::Schema)
}

fn inspect_value(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), ValidationError> {
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth > MAX_DEPTH => Err(ValidationRule::TooDeep.into()),
        Some(b'{') => inspect_object(raw, depth, keys),
        Some(b'[') => inspect_array(raw, depth, keys),
        Some(b'"') => inspect_string(raw),
        Some(b'-' | b'0'..=b'9') if !is_exact(raw.get()) => {
            Err(ValidationRule::InexactNumber(Escaped(raw.get()).to_string()).into())
        }
        _ => Ok(()),
    }
}

fn inspect_object(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), ValidationError> {
    for (key, value) in members(raw)? {
        check_text(&key)?;
        if keys == Keys::Schema {
            check_case(&key)?;
        }
        let inner = match (keys, key.as_ref()) {
            (Keys::Foreign, _) | (Keys::Schema, "_meta") => Keys::Foreign,
            (Keys::Schema, "variables") => Keys::Free,
            _ => Keys::Schema,
        };
        inspect_value(value, depth + 1, inner).map_err(|rule| rule.within(&key))?;
    }
    Ok(())
}

fn inspect_array(raw: &RawValue, depth: usize, keys: Keys) -> Result<(), ValidationError> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
    for (index, item) in items.into_iter().enumerate() {
        inspect_value(item, depth + 1, keys).map_err(|rule| rule.within(&format!("[{index}]")))?;
    }
    Ok(())
}

fn inspect_string(raw: &RawValue) -> Result<(), ValidationError> {
    let plain = raw.get().bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
    if plain {
        return check_length(raw.get().len() - 2);
    }
    check_text(&string(raw)?)
}

/// Checks the length and the characters of one text.
///
/// # Errors
/// When it is too long, or a reader cannot see all of it.
pub fn check_text(text: &str) -> Result<(), ValidationError> {
    check_length(text.len())?;
    match illegible(text) {
        Some(Illegible::Character(character)) => Err(ValidationRule::Character(character).into()),
        Some(Illegible::Marks) => Err(ValidationRule::Marks.into()),
        None => Ok(()),
    }
}

fn check_length(bytes: usize) -> Result<(), ValidationError> {
    if bytes > MAX_STRING_BYTES {
        return Err(ValidationRule::LongString(bytes).into());
    }
    Ok(())
}

fn check_case(key: &str) -> Result<(), ValidationError> {
    if SCHEMA_MEMBERS.binary_search(&key).is_ok() {
        return Ok(());
    }
    // Older schemas wrote `registry_type`, and some clients still read that.
    let characters = key.chars().filter(|character| *character != '_');
    let folded: String = characters.map(simple_fold).collect();
    match SCHEMA_MEMBERS.iter().find(|member| member.eq_ignore_ascii_case(&folded)) {
        Some(member) => Err(ValidationRule::CaseVariant { found: key.to_owned(), member }.into()),
        None => Ok(()),
    }
}

/// Applies Unicode's simple case folding where the result is ASCII: for parsers that ignore case,
/// `remote\u{17f}` is `remotes`.
fn simple_fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Returns the text of a JSON string; a lone surrogate, which no Rust string can hold, is unreadable.
pub(super) fn string(raw: &RawValue) -> Result<Cow<'_, str>, ValidationError> {
    if !raw.get().starts_with('"') {
        return Err(ValidationRule::WrongType { found: kind(raw), wanted: "a string" }.into());
    }
    let Key(text) = serde_json::from_str(raw.get())
        .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
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

    fn inspected(json: &str) -> Result<(), String> {
        let raw: Box<RawValue> = serde_json::from_str(json).expect("a JSON text");
        inspect(&raw).map_err(|invalid| invalid.to_string())
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn schema_members_are_sorted_for_binary_search() {
        assert!(SCHEMA_MEMBERS.is_sorted());
    }

    #[rstest::rstest]
    #[case::usual_object(r#"{"name":"a/b","packages":[{"identifier":"x","isRequired":true}]}"#)]
    #[case::unknown_member(r#"{"anything":1}"#)]
    #[case::text_of_any_script("{\"description\":\"日本語 – ünï 👩💻\\n\\t\"}")]
    #[case::free_names_of_variables(r#"{"variables":{"URL":{"value":"x"},"Name":{}}}"#)]
    #[case::members_of_publisher(r#"{"_meta":{"x/y":{"Version":"1","version":"2"}}}"#)]
    fn unambiguous_json_is_accepted(#[case] json: &str) {
        assert_eq!(inspected(json), Ok(()));
    }

    #[rstest::rstest]
    #[case(r#"{"name":"a","name":"b"}"#, r#"the member "name" appears twice in one object"#)]
    #[case(r#"{"name":"a","n\u0061me":"b"}"#, r#"the member "name" appears twice in one object"#)]
    #[case(
        r#"{"packages":[{"x":{"a":1,"a":1}}]}"#,
        r#"packages[0].x: the member "a" appears twice in one object"#
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
    #[case(r#"{"a":"\u2800"}"#, "a: the character U+2800 is not allowed")]
    #[case(r#"{"a":"x\udb40\udc41"}"#, "a: the character U+E0041 is not allowed")]
    #[case("{\"a\":\"👩\u{200d}💻\"}", "a: the character U+200D is not allowed")]
    #[case(
        "{\"a\":\"x\u{301}\u{301}\u{301}\u{301}\u{301}\"}",
        "a: more than 4 combining marks on one character"
    )]
    #[case(r#"{"a":"\ue000"}"#, "a: the character U+E000 is not allowed")]
    fn ambiguous_json_is_rejected_with_its_place(#[case] json: &str, #[case] why: &str) {
        assert_eq!(inspected(json), Err(why.into()));
    }

    #[test]
    fn lone_surrogate_is_rejected() {
        assert!(
            inspected(r#"{"a":"\ud800"}"#).is_err_and(|why| why.starts_with("a: not readable"))
        );
    }

    #[test]
    fn deep_nesting_is_rejected_without_recursion() {
        assert_eq!(inspected(&nested(MAX_DEPTH)), Ok(()));
        assert!(
            inspected(&nested(MAX_DEPTH + 1)).is_err_and(|why| why.ends_with("deeper than 32"))
        );
        assert!(inspected(&nested(100_000)).is_err_and(|why| why.ends_with("deeper than 32")));
    }

    #[test]
    fn string_longer_than_4_kib_is_rejected() {
        let with = |length| format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        assert_eq!(inspected(&with(4096)), Ok(()));
        assert_eq!(
            inspected(&with(4097)),
            Err("a: a string of 4097 bytes, at most 4096 are allowed".into())
        );
    }
}
