//! Adapts a `server` object for strict clients by leaving members out.
//!
//! Our block in the entry names each omission, and the served digest covers it. Only members that a
//! client cannot rely on are left out; every byte of the others stays as it was received. An entry
//! that still violates the schema is not served.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::memmem;
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema::{self, FORMATS};
use crate::model::{ValidationError, ValidationRule, members};

/// The member of `server._meta` that a publisher may use for clients.
const PUBLISHER_PROVIDED: &str = "io.modelcontextprotocol.registry/publisher-provided";
/// The member inside it with facts about a repository that only a registry could confirm.
const UNCONFIRMED: &str = "github";

/// Members of `server._meta` that clients would read as claims of a registry.
const SERVER_META: &str = "server-meta";
/// A `repository` without a URL has no content; 290 of 6,395 real entries have one.
const EMPTY_REPOSITORY: &str = "empty-repository";
/// A member that is `null` means an absent one, but a typed reader rejects it.
const NULL_MEMBER: &str = "null-member";
/// A package of version `latest` has no fixed version; the contract forbids the word.
const FLOATING_VERSION: &str = "floating-version";
/// A format of an input that the contract does not know; without a format the input is a string.
const UNKNOWN_FORMAT: &str = "unknown-format";

/// Byte sequences of which at least one occurs in every entry that needs sanitizing. Nearly every entry
/// has none of them, and searching for bytes is much faster than reading JSON. The backslash is one of
/// them, because an escape can spell any of the others.
const TRIGGERS: [&[u8]; 6] =
    [b"\"_meta\"", b"null", b"\"repository\"", b"\"latest\"", b"\"format\"", b"\\"];

/// A `server` object as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitized {
    pub server: Box<str>,
    /// The names of what was left out.
    pub omissions: Vec<&'static str>,
    /// Title and description, for search.
    pub search_text: String,
}

impl Sanitized {
    /// Sanitizes a `server` object.
    ///
    /// # Errors
    /// Returns the first schema violation that no omission removes.
    pub fn of(server: &str) -> Result<Self, ValidationError> {
        let (served, omissions) = sanitize(server)?;
        let value: Value = serde_json::from_str(&served)
            .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
        schema::check(&value)?;
        let text = |member: &str| value[member].as_str().unwrap_or_default();
        let search_text = format!("{}\n{}", text("title"), text("description"));
        Ok(Self { server: served.into(), omissions, search_text })
    }
}

/// Leaves out what strict clients would misread. Returns the object, borrowed if nothing was left out,
/// and the names of the omissions.
pub(super) fn sanitize(server: &str) -> Result<(Cow<'_, str>, Vec<&'static str>), ValidationError> {
    let mut omissions = BTreeSet::new();
    let needs_omissions =
        TRIGGERS.iter().any(|bytes| memmem::find(server.as_bytes(), bytes).is_some());
    let sanitized = if needs_omissions {
        object(borrowed(server)?, Place::Server, &mut omissions)?
    } else {
        None
    };
    let sanitized = sanitized.map_or(Cow::Borrowed(server), Cow::Owned);
    Ok((sanitized, omissions.into_iter().collect()))
}

/// A place in a `server` object, as far as omissions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Server,
    Packages,
    Package,
    Elsewhere,
}

type Omissions = BTreeSet<&'static str>;

/// Returns the object without the members that are left out; `None` if nothing changes.
fn object(
    raw: &RawValue,
    place: Place,
    omissions: &mut Omissions,
) -> Result<Option<String>, ValidationError> {
    let mut kept: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let mut changed = false;
    for (key, value) in members(raw)? {
        if let Some(omission) = left_out(&key, value, place) {
            omissions.insert(omission);
            changed = true;
            continue;
        }
        let sanitized = match (place, key.as_ref()) {
            (Place::Server, "_meta") => match publisher_provided(value)? {
                Some(kept) if kept == value.get() => None,
                Some(kept) => {
                    omissions.insert(SERVER_META);
                    Some(kept)
                }
                None => {
                    omissions.insert(SERVER_META);
                    changed = true;
                    continue;
                }
            },
            (Place::Server, "packages") => any(value, Place::Packages, omissions)?,
            _ => any(value, Place::Elsewhere, omissions)?,
        };
        changed |= sanitized.is_some();
        kept.push((key, sanitized.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
    }
    Ok(changed.then(|| written(kept.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))))
}

fn any(
    raw: &RawValue,
    place: Place,
    omissions: &mut Omissions,
) -> Result<Option<String>, ValidationError> {
    match raw.get().as_bytes().first() {
        Some(b'{') => object(raw, place, omissions),
        Some(b'[') => array(raw, place, omissions),
        _ => Ok(None),
    }
}

fn array(
    raw: &RawValue,
    place: Place,
    omissions: &mut Omissions,
) -> Result<Option<String>, ValidationError> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
    let place = if place == Place::Packages { Place::Package } else { Place::Elsewhere };
    let mut sanitized = Vec::with_capacity(items.len());
    for item in &items {
        sanitized.push(any(item, place, omissions)?);
    }
    if sanitized.iter().all(Option::is_none) {
        return Ok(None);
    }
    let items: Vec<&str> = items
        .iter()
        .zip(&sanitized)
        .map(|(item, sanitized)| sanitized.as_deref().unwrap_or(item.get()))
        .collect();
    Ok(Some(format!("[{}]", items.join(","))))
}

fn left_out(key: &str, value: &RawValue, place: Place) -> Option<&'static str> {
    let text = || serde_json::from_str::<Cow<'_, str>>(value.get()).ok();
    match (place, key) {
        _ if value.get() == "null" => Some(NULL_MEMBER),
        (Place::Server, "repository") if is_empty_repository(value) => Some(EMPTY_REPOSITORY),
        (Place::Package, "version") if text()? == "latest" => Some(FLOATING_VERSION),
        (Place::Elsewhere, "format") if !FORMATS.contains(&&*text()?) => Some(UNKNOWN_FORMAT),
        _ => None,
    }
}

fn is_empty_repository(value: &RawValue) -> bool {
    let repository: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(value.get());
    repository.is_ok_and(|repository| {
        repository.values().all(|value| value.is_null() || value.as_str() == Some(""))
    })
}

/// Returns what stays of a `_meta`; `None` if nothing does.
fn publisher_provided(meta: &RawValue) -> Result<Option<String>, ValidationError> {
    if !meta.get().starts_with('{') {
        return Ok(None);
    }
    let outer = members(meta)?;
    let Some((key, block)) = outer.iter().find(|(key, _)| key == PUBLISHER_PROVIDED) else {
        return Ok(None);
    };
    if !block.get().starts_with('{') {
        return Ok(None);
    }
    let inner = members(block)?;
    let has_unconfirmed = inner.iter().any(|(key, _)| key == UNCONFIRMED);
    if !has_unconfirmed && outer.len() == 1 {
        return Ok(Some(meta.get().to_owned()));
    }
    let kept = inner.iter().filter(|(key, _)| key != UNCONFIRMED);
    let block = written(kept.map(|(key, value)| (key.as_ref(), value.get())));
    Ok(Some(written([(key.as_ref(), block.as_str())].into_iter())))
}

/// Returns true if the object at `path` inside a JSON text has a member under the namespace: only this
/// registry may state facts there.
#[must_use]
pub fn claims_namespace(json: &str, path: &[&str], namespace: &str) -> bool {
    let prefix = format!("{namespace}/");
    let bytes = json.as_bytes();
    // An escape can spell the same bytes.
    if memmem::find(bytes, prefix.as_bytes()).is_none() && !bytes.contains(&b'\\') {
        return false;
    }
    let mut text = json;
    for step in path {
        let inner = borrowed(text).ok().and_then(|raw| members(raw).ok());
        let inner = inner.and_then(|inner| inner.into_iter().find(|(key, _)| key == step));
        let Some((_, inner)) = inner else { return false };
        text = inner.get();
    }
    let inner = borrowed(text).ok().and_then(|raw| members(raw).ok());
    inner.is_some_and(|inner| inner.iter().any(|(key, _)| key.starts_with(&prefix)))
}

fn written<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let written: Vec<String> =
        members.map(|(key, value)| format!("{}:{value}", Value::from(key))).collect();
    format!("{{{}}}", written.join(","))
}

fn borrowed(json: &str) -> Result<&RawValue, ValidationError> {
    serde_json::from_str(json).map_err(|error| ValidationRule::Unreadable(error.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "io.modelcontextprotocol.registry/publisher-provided";

    /// Returns a server with these members beside the required ones.
    fn with(members: &str) -> String {
        let comma = if members.is_empty() { "" } else { "," };
        format!(r#"{{ "name":"a/b","description":"x" ,"version":"1"{comma}{members} }}"#)
    }

    fn sanitized(members: &str) -> Sanitized {
        Sanitized::of(&with(members)).expect("servable")
    }

    #[rstest::rstest]
    #[case::plain("")]
    #[case::only_of_the_publisher(&format!(r#""_meta":{{ "{KEY}" : {{"x":null}} }}"#))]
    #[case::repository(r#""repository":{ "url":"https://a.example", "source":"github" }"#)]
    #[case::known_format(r#""packages":[{"registryType":"npm","identifier":"latest","transport":{"type":"stdio"},"environmentVariables":[{"name":"X","format":"number"}]}]"#)]
    fn object_without_violations_keeps_every_byte(#[case] members: &str) {
        let served = sanitized(members);
        assert_eq!((&*served.server, served.omissions), (&*with(members), Vec::new()));
    }

    const PACKAGE: &str = r#""registryType":"npm","identifier":"x","transport":{"type":"stdio"}"#;

    #[rstest::rstest]
    #[case::foreign(r#""_meta":{"local.vidimus/curation":{}}"#, "", SERVER_META)]
    #[case::escaped(r#""\u005fmeta":{"local.vidimus\/curation":{}}"#, "", SERVER_META)]
    #[case::not_an_object(r#""_meta":7"#, "", SERVER_META)]
    #[case::stars(
        &format!(r#""_meta":{{"{KEY}":{{"github":{{}},"tool":"x"}},"y":1}}"#),
        &format!(r#""_meta":{{"{KEY}":{{"tool":"x"}}}}"#),
        SERVER_META
    )]
    #[case::empty_repository(r#""repository":{}"#, "", EMPTY_REPOSITORY)]
    #[case::blank_repository(r#""repository":{"url":"","source":""}"#, "", EMPTY_REPOSITORY)]
    #[case::null(r#""icons": null,"title":"t""#, r#""title":"t""#, NULL_MEMBER)]
    #[case::inner_null(
        &format!(r#""packages":[{{{PACKAGE},"packageArguments":null}}]"#),
        &format!(r#""packages":[{{{PACKAGE}}}]"#),
        NULL_MEMBER
    )]
    #[case::latest(
        &format!(r#""packages":[{{{PACKAGE},"version":"latest"}}]"#),
        &format!(r#""packages":[{{{PACKAGE}}}]"#),
        FLOATING_VERSION
    )]
    #[case::format(
        &format!(r#""packages":[{{{PACKAGE},"environmentVariables":[{{"name":"X","format":"integer"}}]}}]"#),
        &format!(r#""packages":[{{{PACKAGE},"environmentVariables":[{{"name":"X"}}]}}]"#),
        UNKNOWN_FORMAT
    )]
    fn members_that_clients_misread_are_left_out(
        #[case] members: &str,
        #[case] wanted: &str,
        #[case] omission: &str,
    ) {
        let served = sanitized(members);
        let wanted: String = with(wanted).split(' ').collect();
        assert_eq!((&*served.server, served.omissions), (&*wanted, vec![omission]));
    }

    #[rstest::rstest]
    #[case(r#""title":7"#, "title: a number where a string is needed")]
    #[case(r#""packages":[null]"#, "packages[0]: null where an object is needed")]
    #[case(
        r#""repository":{"url":"https://a.example"}"#,
        "repository.source: the member is missing"
    )]
    fn violation_that_no_omission_removes_is_rejected(#[case] members: &str, #[case] wanted: &str) {
        let violation = Sanitized::of(&with(members)).expect_err("a violation");
        assert_eq!(violation.to_string(), wanted);
    }

    #[rstest::rstest]
    #[case(r#"{"_meta":{"local.vidimus/curation":{}}}"#, true)]
    #[case(r#"{"\u005fmeta":{"local.vidimus\/curation":{}}}"#, true)]
    #[case(r#"{"_meta":{"x/local.vidimus/":{}}}"#, false)]
    #[case(r#"{"title":"local.vidimus/curation"}"#, false)]
    #[case(r#"{"_meta":{"local.vidimus":{}}}"#, false)]
    fn only_members_under_our_prefix_are_claims(#[case] server: &str, #[case] claims: bool) {
        assert_eq!(claims_namespace(server, &["_meta"], "local.vidimus"), claims);
    }
}
