use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::item::Source;
use crate::curation::Sanitized;
use crate::model::{
    Digest, Head, Name, OFFICIAL_META, Official, Timestamp, TombstoneStub, ValidationError,
    ValidationRule, Version,
};
use crate::overlay::{Classification, EffectivePolicy, Reviewed, State, Track};

/// The facts about an entry under our own key in its `_meta`; without persons, reasons and conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    upstream: SmolStr,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<Classification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalFacts>,
    /// The verdict on the ownership of the name, if it is definite.
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
struct ApprovalFacts {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Track>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<Reviewed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

impl Facts {
    /// Returns the upstream of the entry.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Returns the source of an item of the entry with this head and these facts.
    #[must_use]
    pub fn source(&self, head: &Head) -> Source {
        let Head { sent, received, status, published_at, .. } = head;
        let short = |digest: Digest| digest.as_bytes().first_chunk().copied().unwrap_or_default();
        let entry = Digest::of_hash(&(sent, received, status, published_at, &self.upstream));
        Source { entry: short(entry), facts: short(Digest::of_hash(self)) }
    }

    #[must_use]
    pub fn new(
        upstream: &SmolStr,
        effective: &EffectivePolicy<'_>,
        ownership: Option<&'static str>,
    ) -> Self {
        Self {
            ownership,
            upstream: upstream.clone(),
            tier: effective.tier,
            classification: effective.classification,
            approval: effective.approval.map(|(_, approval)| ApprovalFacts {
                state: approval.state,
                track: approval.track,
                reviewed: approval.reviewed,
                expires: approval.expires,
            }),
        }
    }
}

/// A visible entry, ready to be written once its generation has a timestamp.
#[derive(Debug)]
pub(super) struct Document<'a> {
    server: &'a RawValue,
    official: OfficialBlock<'a>,
    provenance: Provenance<'a>,
    facts: &'a Facts,
}

/// The origin of the bytes, and the values of upstream that we publish only as such.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance<'a> {
    #[serde(borrow)]
    received_digest: Cow<'a, str>,
    #[serde(borrow)]
    served_digest: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sanitized: Vec<Cow<'a, str>>,
    upstream_is_latest: bool,
    #[serde(borrow)]
    upstream_updated_at: Cow<'a, str>,
}

impl<'a> Document<'a> {
    pub(super) fn new(
        served: &'a Sanitized,
        official: &'a Official,
        head: &Head,
        facts: &'a Facts,
        is_latest: bool,
    ) -> Result<Self, ValidationError> {
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
                updated_at: None,
                is_latest,
            },
            provenance: Provenance {
                received_digest: head.received.to_string().into(),
                served_digest: Digest::of(served.server.as_bytes()).to_string().into(),
                sanitized: omissions(served, official),
                upstream_is_latest: official.is_latest,
                upstream_updated_at: official.updated_at.as_str().into(),
            },
            facts,
        })
    }

    /// Builds the document from an item of the same entry, with other facts: the values of upstream were
    /// read and checked before.
    pub(super) fn from_item(
        json: &'a [u8],
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
        let Written { server, meta } = serde_json::from_slice(json).map_err(unreadable)?;
        let block = |key: &str| meta.get(key).map_or("null", |block| block.get());
        let official = serde_json::from_str(block(OFFICIAL_META)).map_err(unreadable)?;
        let official = OfficialBlock { is_latest, ..official };
        let provenance = serde_json::from_str(block(&ours(namespace))).map_err(unreadable)?;
        Ok(Self { server, official, provenance, facts })
    }

    /// Returns the digest over everything that is served, except the timestamp of the generation. The
    /// `server` object is covered by its digest in our block.
    pub(super) fn digest(&self, namespace: &str) -> Digest {
        self.with_meta(namespace, None, |meta| {
            Digest::of(&serde_json::to_vec(meta).unwrap_or_default())
        })
    }

    pub(super) fn render(&self, namespace: &str, changed_at: Timestamp) -> Bytes {
        self.with_meta(namespace, Some(changed_at), |meta| item(self.server, meta).into())
    }

    fn with_meta<T>(
        &self,
        namespace: &str,
        changed_at: Option<Timestamp>,
        write: impl FnOnce(&Meta<'_, Curation<'_>>) -> T,
    ) -> T {
        let Self { official, provenance, facts, .. } = self;
        let official = OfficialBlock { updated_at: changed_at, ..official.clone() };
        write(&Meta(official, (ours(namespace), Curation { facts, provenance, changed_at })))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Curation<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    #[serde(flatten)]
    provenance: &'a Provenance<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<Timestamp>,
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

/// Returns the JSON for an entry that was served and is not any more.
pub(super) fn tombstone(
    name: &Name,
    version: &Version,
    published_at: Timestamp,
    changed_at: Timestamp,
    namespace: &str,
) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ChangedAt {
        changed_at: Timestamp,
    }
    let (published, changed) = (published_at.to_rfc3339(), changed_at.to_rfc3339());
    let server = TombstoneStub::new(name.as_str(), version.as_str());
    let official = OfficialBlock {
        status: "deleted".into(),
        status_changed_at: Some(changed.as_str().into()),
        status_message: None,
        published_at: published.as_str().into(),
        updated_at: Some(changed_at),
        is_latest: false,
    };
    item(&server, &Meta(official, (ours(namespace), ChangedAt { changed_at }))).into()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfficialBlock<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_changed_at: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    published_at: Cow<'a, str>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
    is_latest: bool,
}

struct Meta<'a, O>(OfficialBlock<'a>, (String, O));

impl<O: Serialize> Serialize for Meta<'_, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(official, (key, ours)) = self;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(OFFICIAL_META, official)?;
        map.serialize_entry(key, ours)?;
        map.end()
    }
}

/// Returns the key of our block, under the reverse-DNS namespace of this registry.
fn ours(namespace: &str) -> String {
    format!("{namespace}/curation")
}

fn item<S: Serialize + ?Sized>(server: &S, meta: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Item<'a, S: ?Sized, M> {
        server: &'a S,
        _meta: &'a M,
    }
    // Maps with text keys, and no `Serialize` of ours fails: writing to memory cannot fail.
    serde_json::to_vec(&Item { server, _meta: meta }).unwrap_or_default()
}
