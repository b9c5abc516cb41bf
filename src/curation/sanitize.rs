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

use super::reach::Reach;
use super::safe::judge;
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
/// Members with a URL that no client should open, and that no client needs.
const UNSAFE_ICON: &str = "unsafe-icon";
const UNSAFE_REPOSITORY: &str = "unsafe-repository";
const UNSAFE_WEBSITE: &str = "unsafe-website";

/// Byte sequences of which at least one occurs in every entry that needs sanitizing. Nearly every entry
/// has none of them, and searching for bytes is much faster than reading JSON. The backslash is one of
/// them, because an escape can spell any of the others.
const TRIGGERS: [&[u8]; 8] = [
    b"\"repository\"",
    b"\"_meta\"",
    b"null",
    b"\"latest\"",
    b"\"format\"",
    b"\"websiteUrl\"",
    b"\"icons\"",
    b"\\",
];

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
    /// Sanitizes the `server` object of an entry with this reach.
    ///
    /// # Errors
    /// Returns the first schema violation that no omission removes.
    pub fn of(server: &str, reach: &Reach<'_>) -> Result<Self, ValidationError> {
        let (served, omissions) = sanitize(server, reach)?;
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
pub(super) fn sanitize<'s>(
    server: &'s str,
    reach: &Reach<'_>,
) -> Result<(Cow<'s, str>, Vec<&'static str>), ValidationError> {
    let mut sanitizer = Sanitizer { reach, omissions: BTreeSet::new() };
    let needs_omissions =
        TRIGGERS.iter().any(|bytes| memmem::find(server.as_bytes(), bytes).is_some());
    let sanitized =
        if needs_omissions { sanitizer.object(borrowed(server)?, Place::Server)? } else { None };
    let sanitized = sanitized.map_or(Cow::Borrowed(server), Cow::Owned);
    Ok((sanitized, sanitizer.omissions.into_iter().collect()))
}

/// A place in a `server` object, as far as omissions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Server,
    Packages,
    Package,
    Icons,
    Elsewhere,
}

struct Sanitizer<'r> {
    reach: &'r Reach<'r>,
    omissions: BTreeSet<&'static str>,
}

impl Sanitizer<'_> {
    /// Returns the object without the members that are left out; `None` if nothing changes.
    fn object(&mut self, raw: &RawValue, place: Place) -> Result<Option<String>, ValidationError> {
        let mut kept: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        let mut changed = false;
        for (key, value) in members(raw)? {
            if let Some(omission) = self.left_out(&key, value, place) {
                self.omissions.insert(omission);
                changed = true;
                continue;
            }
            let sanitized = match (place, key.as_ref()) {
                (Place::Server, "_meta") => match publisher_provided(value)? {
                    Some(kept) if kept == value.get() => None,
                    Some(kept) => {
                        self.omissions.insert(SERVER_META);
                        Some(kept)
                    }
                    None => {
                        self.omissions.insert(SERVER_META);
                        changed = true;
                        continue;
                    }
                },
                (Place::Server, "packages") => self.any(value, Place::Packages)?,
                (Place::Server, "icons") => self.any(value, Place::Icons)?,
                _ => self.any(value, Place::Elsewhere)?,
            };
            changed |= sanitized.is_some();
            kept.push((key, sanitized.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
        }
        let members = kept.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        Ok(changed.then(|| written(members)))
    }

    fn any(&mut self, raw: &RawValue, place: Place) -> Result<Option<String>, ValidationError> {
        match raw.get().as_bytes().first() {
            Some(b'{') => self.object(raw, place),
            Some(b'[') => self.array(raw, place),
            _ => Ok(None),
        }
    }

    fn array(&mut self, raw: &RawValue, place: Place) -> Result<Option<String>, ValidationError> {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
        let inner = if place == Place::Packages { Place::Package } else { Place::Elsewhere };
        let mut kept: Vec<Cow<'_, str>> = Vec::with_capacity(items.len());
        let mut changed = false;
        for item in items {
            if place == Place::Icons && self.is_unsafe_icon(item) {
                self.omissions.insert(UNSAFE_ICON);
                changed = true;
                continue;
            }
            let sanitized = self.any(item, inner)?;
            changed |= sanitized.is_some();
            kept.push(sanitized.map_or(Cow::Borrowed(item.get()), Cow::Owned));
        }
        Ok(changed.then(|| format!("[{}]", kept.join(","))))
    }

    fn left_out(&self, key: &str, value: &RawValue, place: Place) -> Option<&'static str> {
        let text = || serde_json::from_str::<Cow<'_, str>>(value.get()).ok();
        match (place, key) {
            _ if value.get() == "null" => Some(NULL_MEMBER),
            (Place::Server, "repository") => self.repository(value),
            (Place::Server, "websiteUrl") if self.is_unsafe(&text()?) => Some(UNSAFE_WEBSITE),
            (Place::Package, "version") if text()? == "latest" => Some(FLOATING_VERSION),
            (Place::Elsewhere, "format") if !FORMATS.contains(&&*text()?) => Some(UNKNOWN_FORMAT),
            _ => None,
        }
    }

    fn repository(&self, value: &RawValue) -> Option<&'static str> {
        let members: serde_json::Map<String, Value> = serde_json::from_str(value.get()).ok()?;
        if members.values().all(|value| value.is_null() || value.as_str() == Some("")) {
            return Some(EMPTY_REPOSITORY);
        }
        let url = members.get("url")?.as_str()?;
        self.is_unsafe(url).then_some(UNSAFE_REPOSITORY)
    }

    /// Returns true if an icon has a URL that no client should open.
    fn is_unsafe_icon(&self, icon: &RawValue) -> bool {
        let icon: Result<Value, _> = serde_json::from_str(icon.get());
        icon.is_ok_and(|icon| icon["src"].as_str().is_some_and(|url| self.is_unsafe(url)))
    }

    fn is_unsafe(&self, url: &str) -> bool {
        judge(url).is_err_and(|rule| !self.reach.admits(&rule, url))
    }
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
        Sanitized::of(&with(members), &Reach::default()).expect("servable")
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
    #[case::website(r#""websiteUrl":"javascript:alert(1)""#, "", UNSAFE_WEBSITE)]
    #[case::user_information(
        r#""websiteUrl":"https://good.example@evil.example""#,
        "",
        UNSAFE_WEBSITE
    )]
    #[case::metadata_address(r#""websiteUrl":"http://169.254.169.254/latest""#, "", UNSAFE_WEBSITE)]
    #[case::repository_by_ssh(
        r#""repository":{"url":"ssh://git@a.example/x","source":"other"}"#,
        "",
        UNSAFE_REPOSITORY
    )]
    #[case::escaped_repository(
        r#""repository":{"\u0075rl":"file:///etc","source":"other"}"#,
        "",
        UNSAFE_REPOSITORY
    )]
    #[case::icon(
        r#""icons":[{"src":"data:image/png;base64,AA"},{"src":"https://a.example/i.png"}]"#,
        r#""icons":[{"src":"https://a.example/i.png"}]"#,
        UNSAFE_ICON
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

    #[test]
    fn internal_entry_keeps_private_links_and_no_other_scheme() {
        let private = r#""websiteUrl":"http://wiki.corp/x","repository":{"url":"https://git.internal/x","source":"git"}"#;
        let served = Sanitized::of(&with(private), &Reach::internal()).expect("servable");
        assert_eq!(served.omissions, [""; 0]);
        assert_eq!(sanitized(private).omissions, [UNSAFE_REPOSITORY, UNSAFE_WEBSITE]);
        let script = with(r#""websiteUrl":"javascript:alert(1)""#);
        let served = Sanitized::of(&script, &Reach::internal()).expect("servable");
        assert_eq!(served.omissions, [UNSAFE_WEBSITE]);
    }

    #[rstest::rstest]
    #[case(r#""title":7"#, "title: a number where a string is needed")]
    #[case(r#""packages":[null]"#, "packages[0]: null where an object is needed")]
    #[case(
        r#""repository":{"url":"https://a.example"}"#,
        "repository.source: the member is missing"
    )]
    fn violation_that_no_omission_removes_is_rejected(#[case] members: &str, #[case] wanted: &str) {
        let violation = Sanitized::of(&with(members), &Reach::default()).expect_err("a violation");
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
