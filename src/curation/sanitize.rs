//! Adapts a `server` object for strict clients by leaving members out.
//!
//! Each omission is named in our block and covered by the served digest. Only members that say nothing
//! a client may rely on are left out; every byte of the others stays as it was received. An entry that
//! still violates the schema afterwards is not served.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::memmem;
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema::{self, FORMATS};
use crate::model::{Fault, Malformed, members};

/// What a publisher may pass to clients inside `server._meta`.
const PUBLISHER_PROVIDED: &str = "io.modelcontextprotocol.registry/publisher-provided";
/// Inside it, facts about a repository that only a registry could vouch for.
const UNVOUCHED: &str = "github";

/// Members of `server._meta` that clients would take for a registry's own statements.
const SERVER_META: &str = "server-meta";
/// A `repository` without a URL says nothing; 290 of 6,395 real entries have one.
const EMPTY_REPOSITORY: &str = "empty-repository";
/// A member that is `null` is an absent one, but not to a typed reader.
const NULL_MEMBER: &str = "null-member";
/// A package of version `latest` is one without a version; the contract forbids the word.
const FLOATING_VERSION: &str = "floating-version";
/// An input's format that the contract does not know; without one it is a string.
const UNKNOWN_FORMAT: &str = "unknown-format";

/// Texts without which no repair is needed. Nearly every entry has none of them, and looking for
/// bytes is much faster than reading JSON.
/// A backslash is one, since an escape can spell any of the others.
const SIGNS: [&[u8]; 6] =
    [b"\"_meta\"", b"null", b"\"repository\"", b"\"latest\"", b"\"format\"", b"\\"];

/// A `server` object as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitized {
    pub server: Box<str>,
    /// Names of the omissions that made it so.
    pub omissions: Vec<&'static str>,
    /// Title and description, for search.
    pub said: String,
}

impl Sanitized {
    /// Sanitizes a `server` object.
    ///
    /// # Errors
    /// The first schema violation that no omission removes.
    pub fn of(server: &str) -> Result<Self, Malformed> {
        let (served, omissions) = sanitize(server)?;
        let value: Value =
            serde_json::from_str(&served).map_err(|error| Fault::Unreadable(error.to_string()))?;
        schema::check(&value)?;
        let text = |member: &str| value[member].as_str().unwrap_or_default();
        let said = format!("{}\n{}", text("title"), text("description"));
        Ok(Self { server: served.into(), omissions, said })
    }
}

/// Leaves out what strict clients would misread; returns the object, borrowed where nothing was left
/// out, and the names of the omissions.
pub(super) fn sanitize(server: &str) -> Result<(Cow<'_, str>, Vec<&'static str>), Malformed> {
    let mut omissions = BTreeSet::new();
    let needs_omissions = SIGNS.iter().any(|sign| memmem::find(server.as_bytes(), sign).is_some());
    let sanitized = if needs_omissions {
        object(borrowed(server)?, Place::Server, &mut omissions)?
    } else {
        None
    };
    let sanitized = sanitized.map_or(Cow::Borrowed(server), Cow::Owned);
    Ok((sanitized, omissions.into_iter().collect()))
}

/// Where in a `server` object something stands, as far as omissions care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Server,
    Packages,
    Package,
    Elsewhere,
}

type Omissions = BTreeSet<&'static str>;

/// The object without the members that are left out; `None` when it stays as it is.
fn object(
    raw: &RawValue,
    place: Place,
    omissions: &mut Omissions,
) -> Result<Option<String>, Malformed> {
    let mut kept: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let mut changed = false;
    for (key, value) in members(raw)? {
        if let Some(omission) = left_out(&key, value, place) {
            omissions.insert(omission);
            changed = true;
            continue;
        }
        let repaired = match (place, key.as_ref()) {
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
        changed |= repaired.is_some();
        kept.push((key, repaired.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
    }
    Ok(changed.then(|| written(kept.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))))
}

fn any(
    raw: &RawValue,
    place: Place,
    omissions: &mut Omissions,
) -> Result<Option<String>, Malformed> {
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
) -> Result<Option<String>, Malformed> {
    let items: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| Fault::Unreadable(error.to_string()))?;
    let place = if place == Place::Packages { Place::Package } else { Place::Elsewhere };
    let mut repaired = Vec::with_capacity(items.len());
    for item in &items {
        repaired.push(any(item, place, omissions)?);
    }
    if repaired.iter().all(Option::is_none) {
        return Ok(None);
    }
    let items: Vec<&str> = items
        .iter()
        .zip(&repaired)
        .map(|(item, repaired)| repaired.as_deref().unwrap_or(item.get()))
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
    repository.is_ok_and(|it| it.values().all(|it| it.is_null() || it.as_str() == Some("")))
}

/// What stays of a `_meta`; `None` when nothing does.
fn publisher_provided(meta: &RawValue) -> Result<Option<String>, Malformed> {
    if !meta.get().starts_with('{') {
        return Ok(None);
    }
    let outer = members(meta)?;
    let Some((key, block)) = outer.iter().find(|(key, _)| key == PUBLISHER_PROVIDED) else {
        return Ok(None);
    };
    let inner = match block.get().starts_with('{') {
        true => members(block)?,
        false => return Ok(None),
    };
    let unvouched = inner.iter().any(|(key, _)| key == UNVOUCHED);
    if !unvouched && outer.len() == 1 {
        return Ok(Some(meta.get().to_owned()));
    }
    let vouched = inner.iter().filter(|(key, _)| key != UNVOUCHED);
    let block = written(vouched.map(|(key, value)| (key.as_ref(), value.get())));
    Ok(Some(written([(key.as_ref(), block.as_str())].into_iter())))
}

/// Whether the object at `path` inside a JSON text has a member under the namespace: facts that are
/// this registry's to state.
#[must_use]
pub fn claims_namespace(json: &str, path: &[&str], namespace: &str) -> bool {
    let prefix = format!("{namespace}/");
    let bytes = json.as_bytes();
    // An escape can spell the same.
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

fn borrowed(json: &str) -> Result<&RawValue, Malformed> {
    serde_json::from_str(json).map_err(|error| Fault::Unreadable(error.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "io.modelcontextprotocol.registry/publisher-provided";

    /// A server with these members beside the required ones.
    fn with(members: &str) -> String {
        let comma = if members.is_empty() { "" } else { "," };
        format!(r#"{{ "name":"a/b","description":"x" ,"version":"1"{comma}{members} }}"#)
    }

    fn sanitized(members: &str) -> Sanitized {
        Sanitized::of(&with(members)).expect("servable")
    }

    #[rstest::rstest]
    #[case::plain("")]
    #[case::only_the_publishers(&format!(r#""_meta":{{ "{KEY}" : {{"x":null}} }}"#))]
    #[case::a_repository(r#""repository":{ "url":"https://a.example", "source":"github" }"#)]
    #[case::a_known_format(r#""packages":[{"registryType":"npm","identifier":"latest","transport":{"type":"stdio"},"environmentVariables":[{"name":"X","format":"number"}]}]"#)]
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
    fn violation_that_no_omission_removes_is_refused(#[case] members: &str, #[case] wanted: &str) {
        let flaw = Sanitized::of(&with(members)).expect_err("a flaw");
        assert_eq!(flaw.to_string(), wanted);
    }

    #[rstest::rstest]
    #[case(r#"{"_meta":{"local.vidimus/curation":{}}}"#, true)]
    #[case(r#"{"\u005fmeta":{"local.vidimus\/curation":{}}}"#, true)]
    #[case(r#"{"_meta":{"x/local.vidimus/":{}}}"#, false)]
    #[case(r#"{"title":"local.vidimus/curation"}"#, false)]
    #[case(r#"{"_meta":{"local.vidimus":{}}}"#, false)]
    fn a_claim_of_our_namespace_is_found(#[case] server: &str, #[case] claims: bool) {
        assert_eq!(claims_namespace(server, &["_meta"], "local.vidimus"), claims);
    }
}
