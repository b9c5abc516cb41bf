use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::catalogue::Loaded;
use super::facts::Facts;
use super::item::{CHANGED_AT, CLOSED, Item, Rendered, Splice};
use crate::curation::{ListForm, Sanitized};
use crate::model::{
    Digest, Name, OFFICIAL_META, Official, Timestamp, TombstoneStub, ValidationError,
    ValidationRule, Version,
};

/// A visible entry, ready to be written once its generation has a timestamp.
#[derive(Debug)]
pub(super) struct Document<'a> {
    server: &'a RawValue,
    official: OfficialBlock<'a>,
    provenance: Provenance<'a>,
    facts: &'a Facts,
}

/// The official block. `updatedAt` and `isLatest` are written apart: a form of the item replaces the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfficialBlock<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    status_changed_at: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    status_message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    published_at: Cow<'a, str>,
    /// As upstream wrote it, also if that is later than our own time.
    #[serde(borrow, skip_serializing)]
    updated_at: Cow<'a, str>,
    #[serde(skip_serializing)]
    is_latest: bool,
}

/// The facts of the content that a client cannot derive from the item.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    sanitized: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    received_digest: Option<Cow<'a, str>>,
    /// True if this is the latest version upstream, where that differs from ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upstream_is_latest: Option<bool>,
}

impl<'a> Document<'a> {
    pub(super) fn new(
        loaded: &'a Loaded,
        facts: &'a Facts,
        is_latest: bool,
    ) -> Result<Self, ValidationError> {
        let Loaded { entry, official, served, is_rewritten } = loaded;
        let sanitized = omissions(served, official);
        let has_other_bytes = *is_rewritten || !sanitized.is_empty();
        Ok(Self {
            server: serde_json::from_str(&served.server).map_err(unreadable)?,
            official: OfficialBlock {
                status: official.status.as_str().into(),
                status_changed_at: official.status_changed_at.as_deref().map(strict_time),
                status_message: official
                    .status_message
                    .as_deref()
                    .filter(|message| is_brief(message))
                    .map(Cow::Borrowed),
                published_at: strict_time(&official.published_at),
                updated_at: strict_time(&official.updated_at),
                is_latest,
            },
            provenance: Provenance {
                sanitized,
                received_digest: has_other_bytes.then(|| entry.head.received.to_string().into()),
                upstream_is_latest: facts.differs_upstream(is_latest),
            },
            facts,
        })
    }

    /// Builds the document from an item of the same entry, with other facts: the values of upstream were
    /// read and checked before.
    pub(super) fn from_item(
        item: &'a Item,
        namespace: &str,
        facts: &'a Facts,
        is_latest: bool,
    ) -> Result<Self, ValidationError> {
        #[derive(Deserialize)]
        struct Written<'a> {
            #[serde(borrow)]
            server: &'a RawValue,
            #[serde(borrow, rename = "_meta")]
            meta: BTreeMap<&'a str, &'a RawValue>,
        }
        let Written { server, meta } = serde_json::from_slice(&item.json).map_err(unreadable)?;
        let block = |key: &str| meta.get(key).map_or("null", |block| block.get());
        let mut official: OfficialBlock<'a> =
            serde_json::from_str(block(OFFICIAL_META)).map_err(unreadable)?;
        let mut provenance: Provenance<'a> =
            serde_json::from_str(block(&ours(namespace))).map_err(unreadable)?;
        provenance.upstream_is_latest = facts.differs_upstream(is_latest);
        official.is_latest = is_latest;
        if let Some(updated_at) = &item.later_update {
            official.updated_at = Cow::Borrowed(updated_at);
        }
        Ok(Self { server, official, provenance, facts })
    }

    /// Returns the digest over everything that is served, except the timestamp of the generation, and what
    /// follows from it.
    pub(super) fn digest(&self, namespace: &str) -> Digest {
        Digest::of(&self.write(namespace, &self.official.updated_at, None).0)
    }

    /// Writes the item. `updatedAt` is upstream's, and never later than ours: a reader that remembers the
    /// greatest one would miss what changes here until then.
    pub(super) fn render(
        &self,
        namespace: &str,
        changed_at: Timestamp,
        lists: ListForm,
    ) -> Rendered {
        let theirs = &self.official.updated_at;
        let ours = changed_at.to_rfc3339();
        let is_earlier = Timestamp::parse(theirs).is_ok_and(|theirs| theirs < changed_at);
        let updated_at: &str = if is_earlier { theirs } else { &ours };
        let (json, mut splice) = self.write(namespace, updated_at, Some(&ours));
        if lists.without_icons {
            let within = icons(self.server.get());
            splice.icons = within.map(|at| SERVER.len() + at.start..SERVER.len() + at.end);
        }
        let later_update = (!is_earlier).then(|| theirs.as_ref().into());
        Rendered { json: json.into(), splice: Some(splice), later_update }
    }

    fn write(
        &self,
        namespace: &str,
        updated_at: &str,
        changed_at: Option<&str>,
    ) -> (Vec<u8>, Splice) {
        let Self { server, official, provenance, facts } = self;
        let mut json = Vec::with_capacity(server.get().len() + BLOCKS_BYTES);
        let updated = put_official(&mut json, server, official, updated_at);
        json.push(b',');
        put(&mut json, &ours(namespace));
        json.push(b':');
        put_open(&mut json, &facts.listed);
        json.push(b',');
        json.extend_from_slice(CHANGED_AT);
        let changed = put(&mut json, &changed_at);
        // Lists end here.
        put_members(&mut json, &facts.details);
        put_members(&mut json, &facts.packages);
        put_members(&mut json, provenance);
        json.extend_from_slice(CLOSED);
        (json, Splice { icons: None, updated, changed })
    }
}

impl Loaded {
    /// Returns the digest over everything that would be served of the content with these facts, except times of a
    /// generation. `None` if it cannot be written.
    #[must_use]
    pub fn digest(&self, facts: &Facts, is_latest: bool, namespace: &str) -> Option<Digest> {
        Document::new(self, facts, is_latest).ok().map(|document| document.digest(namespace))
    }
}

/// The bytes in front of the server in every item.
const SERVER: &[u8] = br#"{"server":"#;
/// The bytes that both blocks rarely exceed.
const BLOCKS_BYTES: usize = 640;

/// Appends an item up to the end of its official block; returns the place of `updatedAt`.
fn put_official<S: Serialize + ?Sized>(
    json: &mut Vec<u8>,
    server: &S,
    official: &OfficialBlock<'_>,
    updated_at: &str,
) -> Range<usize> {
    json.extend_from_slice(SERVER);
    put(json, server);
    json.extend_from_slice(br#","_meta":{"#);
    put(json, OFFICIAL_META);
    json.push(b':');
    put_open(json, official);
    json.extend_from_slice(br#","updatedAt":"#);
    let updated = put(json, updated_at);
    json.extend_from_slice(br#","isLatest":"#);
    put(json, &official.is_latest);
    json.push(b'}');
    updated
}

/// Returns the place of the member `icons` in the text of a server, with the comma that it needs.
fn icons(server: &str) -> Option<Range<usize>> {
    #[derive(Deserialize)]
    struct Server<'a> {
        #[serde(borrow, default)]
        icons: Option<&'a RawValue>,
    }
    let value = serde_json::from_str::<Server<'_>>(server).ok()?.icons?.get();
    // The value borrows from the text.
    let start = (value.as_ptr() as usize).checked_sub(server.as_ptr() as usize)?;
    let end = start.checked_add(value.len())?;
    let key = server.get(..start)?.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    let before = server.get(..key.rfind('"')?)?;
    if let Some(earlier) = before.trim_end().strip_suffix(',') {
        return Some(earlier.len()..end);
    }
    let behind = server.get(end..)?.trim_start();
    let comma = usize::from(behind.starts_with(','));
    Some(before.len()..server.len() - behind.len() + comma)
}

/// Appends a value, and returns its place.
fn put<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) -> Range<usize> {
    let start = json.len();
    // Maps with text keys, and no `Serialize` of ours fails: writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut *json, value);
    start..json.len()
}

/// Appends an object without its end.
fn put_open(json: &mut Vec<u8>, object: &impl Serialize) {
    put(json, object);
    json.pop();
}

/// Appends the members of an object to another one that is open and has members.
fn put_members(json: &mut Vec<u8>, object: &impl Serialize) {
    let start = put(json, object).start;
    if json[start..] == *b"{}" {
        json.truncate(start);
    } else {
        json[start] = b',';
        json.pop();
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` passes it by value")]
fn unreadable(error: serde_json::Error) -> ValidationError {
    ValidationRule::Unreadable(error.to_string()).into()
}

/// A status message that is too long is left out, and listed like other omissions.
const LONG_STATUS_MESSAGE: &str = "long-status-message";

fn omissions(served: &Sanitized, official: &Official) -> Vec<Cow<'static, str>> {
    let long = official.status_message.as_deref().is_some_and(|message| !is_brief(message));
    let names = served.omissions.iter().copied().chain(long.then_some(LONG_STATUS_MESSAGE));
    names.map(Cow::Borrowed).collect()
}

/// Returns a time as upstream wrote it, except in a form that strict readers reject: lower case, a space
/// for the `T`, a second of 60.
fn strict_time(text: &str) -> Cow<'_, str> {
    let loose = text.contains(['t', 'z', ' ']) || text.contains(":60");
    match Timestamp::parse(text) {
        Ok(timestamp) if loose => timestamp.to_rfc3339().into(),
        _ => text.into(),
    }
}

/// Returns true if a message has at most the 500 characters of the contract; a strict reader would reject
/// the page for more.
fn is_brief(message: &str) -> bool {
    message.chars().count() <= 500
}

/// Writes an entry that was served and is not any more. It has one form: its status is ours, and so are its
/// times.
pub(super) fn tombstone(
    name: &Name,
    version: &Version,
    published_at: Timestamp,
    changed_at: Timestamp,
    namespace: &str,
) -> Rendered {
    let (published, changed) = (published_at.to_rfc3339(), changed_at.to_rfc3339());
    let server = TombstoneStub::new(name.as_str(), version.as_str());
    let official = OfficialBlock {
        status: "deleted".into(),
        status_changed_at: Some(changed.as_str().into()),
        status_message: None,
        published_at: published.into(),
        updated_at: changed.as_str().into(),
        is_latest: false,
    };
    let mut json = Vec::new();
    put_official(&mut json, &server, &official, &changed);
    json.push(b',');
    put(&mut json, &ours(namespace));
    json.extend_from_slice(b":{");
    json.extend_from_slice(CHANGED_AT);
    put(&mut json, &changed);
    json.extend_from_slice(CLOSED);
    Rendered { json: json.into(), splice: None, later_update: None }
}

/// Returns the key of our block, under the reverse-DNS namespace of this registry.
fn ours(namespace: &str) -> String {
    format!("{namespace}/curation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"name":"a","icons":[{"src":"x"}],"version":"1"}"#, r#"{"name":"a","version":"1"}"#)]
    #[case(r#"{"icons":[],"name":"a"}"#, r#"{"name":"a"}"#)]
    #[case(r#"{"name":"a","icons":[]}"#, r#"{"name":"a"}"#)]
    #[case(r#"{"icons":[]}"#, "{}")]
    #[case("{ \"icons\" : [ ] , \"name\" : \"a\" }", "{  \"name\" : \"a\" }")]
    #[case(r#"{"x":",\"icons\":1","\u0069cons":[1]}"#, r#"{"x":",\"icons\":1"}"#)]
    #[case(r#"{"x":{"icons":[1]},"y":"icons"}"#, r#"{"x":{"icons":[1]},"y":"icons"}"#)]
    fn icons_of_a_server_are_found_with_their_comma(#[case] server: &str, #[case] rest: &str) {
        let mut left = server.to_owned();
        if let Some(found) = icons(server) {
            left.replace_range(found, "");
        }
        assert_eq!(left, rest);
        serde_json::from_str::<serde_json::Value>(&left).expect("JSON");
    }
}
