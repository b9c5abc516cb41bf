use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::sent::{OFFICIAL_META, Sent};
use super::wellformed::{ValidationError, ValidationRule, inspect, members};
use super::{Digest, Manifest, Name, Status, Timestamp, Version, as_seen};

/// The largest real entry has 58,399 bytes.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// One (name, version) of one upstream, as received: its `server` object and its `_meta` byte for
/// byte, and the head that evaluations read.
///
/// An entry is well-formed; any other item becomes [`Quarantined`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: Name,
    pub version: Version,
    pub head: Head,
    /// The exact bytes of the `server` object.
    pub server: Box<str>,
    /// The exact bytes of the `_meta` object beside it.
    pub meta: Box<str>,
}

/// The facts of an entry that an evaluation needs, of fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the stored head")]
pub struct Head {
    pub status: Status,
    /// True if several full syncs did not see it: hidden, and kept for a while.
    pub missing: bool,
    /// True if the upstream sent other content later: the first content stays, the other is kept
    /// beside it.
    pub rewritten: bool,
    /// True if it came back with other content after a purge: the first content is gone, and only
    /// its digest is left.
    pub replaced: bool,
    /// True if it is a deletion of what was never received: no content counts as received under its key.
    pub contentless: bool,
    /// True if the content was accepted by the first accepted full sync of its upstream, or before.
    pub initial: bool,
    /// The time of publication, as the upstream stated it when it sent this content first.
    pub published_at: Timestamp,
    /// The time of the last change, as the upstream states it.
    pub updated_at: Timestamp,
    /// The time at which this content was first accepted into the live entries, and not deleted: a tombstone, a row
    /// in quarantine or on hold, and another content of the same key are no first sight.
    pub first_seen: Timestamp,
    /// The time at which its status was first received after another one; `None` if it always had this status.
    pub status_since: Option<Timestamp>,
    /// The received digest: SHA-256 over the canonical JSON (RFC 8785) of the `server` object.
    pub received: Digest,
    /// SHA-256 over the bytes of both objects, without times that mirrors rewrite: equal means that
    /// nothing changed.
    pub sent: Digest,
}

impl Head {
    /// Returns the time from which a review can have seen the content: its date of publication, but no earlier than
    /// its first sight, unless it was there when the upstream was first read completely.
    #[must_use]
    pub fn counts_from(&self) -> Timestamp {
        if self.initial { self.published_at } else { self.published_at.max(self.first_seen) }
    }

    /// Returns the time since which the entry counts as deprecated: since it came, if nothing later is known.
    #[must_use]
    pub fn deprecated_since(&self) -> Option<Timestamp> {
        let is_deprecated = self.status == Status::Deprecated;
        is_deprecated.then(|| self.status_since.unwrap_or(self.first_seen))
    }

    /// Returns true if upstream sent several contents of the entry.
    #[must_use]
    pub const fn is_rewritten(&self) -> bool {
        self.rewritten || self.replaced
    }
}

/// The official registry's facts about an item, with times as the upstream wrote them and the status in the
/// spelling of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Official {
    pub status: String,
    pub status_changed_at: Option<String>,
    pub status_message: Option<String>,
    pub published_at: String,
    pub updated_at: String,
    #[serde(default)]
    pub is_latest: bool,
}

/// A received item that is not a valid entry: kept with the reason, never served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Name and version if they could be read; otherwise empty, and the digest of the bytes.
    pub name: String,
    pub version: String,
    pub reason: String,
    /// The exact bytes of the item; of a large one the beginning, with its size and digest.
    pub item: Box<str>,
}

impl Entry {
    /// Reads and validates one received item, `{"server": {…}, "_meta": {…}}`.
    ///
    /// # Errors
    /// The item with the reason why it is not well-formed.
    pub fn read(item: &RawValue, first_seen: Timestamp) -> Result<Self, Quarantined> {
        read_item(item, first_seen).map_err(|invalid| Quarantined::new(item, &invalid))
    }

    /// Returns the official block of the item's `_meta`.
    ///
    /// # Errors
    /// Never for a validated entry; a stored one is read again, and storage can decay.
    pub fn official(&self) -> Result<Official, ValidationError> {
        let meta: &RawValue = serde_json::from_str(&self.meta)
            .map_err(|error| ValidationRule::Unreadable(error.to_string()))?;
        read_official(meta).map(|(official, _)| official)
    }
}

impl Quarantined {
    /// Returns the file that an item of the organisation's own is from, if no name could be read in it.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Located {
            file: String,
        }
        let located = self.name.is_empty().then(|| serde_json::from_str(&self.item));
        located?.ok().map(|Located { file }| file)
    }

    fn new(item: &RawValue, invalid: &ValidationError) -> Self {
        let (name, version) = match Identity::of(item) {
            Some(identity) => (identity.name.to_string(), identity.version.to_string()),
            None => (String::new(), Digest::of(item.get().as_bytes()).to_string()),
        };
        Self { name, version, reason: invalid.to_string(), item: bounded(item.get()) }
    }
}

/// Returns the bytes of an item that are kept: no entry is larger, so the rest shows nothing more.
fn bounded(item: &str) -> Box<str> {
    if item.len() <= MAX_ENTRY_BYTES {
        return item.into();
    }
    let beginning = &item[..item.floor_char_boundary(MAX_ENTRY_BYTES)];
    let (size, digest) = (item.len(), Digest::of(item.as_bytes()));
    format!("{beginning}… (the beginning of {size} bytes with the digest {digest})").into()
}

/// Returns true if an item's official status is `deleted`, as far as that can be read in an invalid
/// item: a deletion by the upstream must not get lost because another text of the item is invalid.
#[must_use]
pub fn is_deletion(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, rename = "_meta")]
        meta: Meta<'a>,
    }
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, rename = "io.modelcontextprotocol.registry/official")]
        official: Block<'a>,
    }
    #[derive(Deserialize)]
    struct Block<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
    }
    serde_json::from_str(item.get()).is_ok_and(|item: Item<'_>| {
        // What shows nothing hides no deletion either.
        Status::from_word(as_seen(&item.meta.official.status).trim()) == Some(Status::Deleted)
    })
}

/// The identity of an item, read without validating the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: Name,
    pub version: Version,
    /// The digest that the head of an entry with these bytes has.
    pub sent: Digest,
    /// The `updatedAt` of the item: an unchanged one may have another.
    pub updated_at: Option<Timestamp>,
}

impl Identity {
    /// Reads the name, version and bytes of an item; `None` when a name or version is not usable,
    /// or when only validation can say what is wrong.
    #[must_use]
    pub fn of(item: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Item<'a> {
            #[serde(borrow)]
            server: &'a RawValue,
            #[serde(borrow, rename = "_meta")]
            meta: &'a RawValue,
        }
        let Item { server, meta } = serde_json::from_str(item.get()).ok()?;
        let (name, version) = Self::of_server(server)?;
        let Sent { digest: sent, updated_at } = Sent::of(server.get(), meta);
        Some(Self { name, version, sent, updated_at })
    }

    /// Returns the name and version of a `server` object, if both are usable.
    #[must_use]
    pub fn of_server(server: &RawValue) -> Option<(Name, Version)> {
        #[derive(Deserialize)]
        struct Server<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
            #[serde(borrow)]
            version: Cow<'a, str>,
        }
        let Server { name, version } = serde_json::from_str(server.get()).ok()?;
        Some((Name::parse(&name).ok()?, Version::parse(&version).ok()?))
    }
}

fn read_item(item: &RawValue, first_seen: Timestamp) -> Result<Entry, ValidationError> {
    let size = item.get().len();
    if size > MAX_ENTRY_BYTES {
        return Err(ValidationRule::TooLarge { found: size, allowed: MAX_ENTRY_BYTES }.into());
    }
    let members = members(item)?;
    let member = |wanted: &str| {
        members
            .iter()
            .find_map(|(key, value)| (key == wanted).then_some(*value))
            .ok_or_else(|| ValidationError::from(ValidationRule::Missing).within(wanted))
    };
    let (server, meta) = (member("server")?, member("_meta")?);
    let manifest = inspect(server)
        .and_then(|()| Manifest::read(server))
        .map_err(|invalid| invalid.within("server"))?;
    let (_, facts) =
        inspect(meta).and_then(|()| read_official(meta)).map_err(|rule| rule.within("_meta"))?;
    Ok(Entry {
        name: manifest.name,
        version: manifest.version,
        head: Head {
            status: facts.status,
            missing: false,
            rewritten: false,
            replaced: false,
            contentless: false,
            initial: false,
            published_at: facts.published_at,
            updated_at: facts.updated_at,
            first_seen,
            status_since: None,
            received: canonical_digest(server)?,
            sent: Sent::of(server.get(), meta).digest,
        },
        server: server.get().into(),
        meta: meta.get().into(),
    })
}

struct Facts {
    status: Status,
    published_at: Timestamp,
    updated_at: Timestamp,
}

fn read_official(meta: &RawValue) -> Result<(Official, Facts), ValidationError> {
    let members = members(meta)?;
    let Some((_, block)) = members.iter().find(|(key, _)| key == OFFICIAL_META) else {
        return Err(ValidationError::from(ValidationRule::Missing).within(OFFICIAL_META));
    };
    let within = |invalid: ValidationError| invalid.within(OFFICIAL_META);
    let mut official: Official = serde_json::from_str(block.get())
        .map_err(|error| within(ValidationRule::Unreadable(error.to_string()).into()))?;
    let timestamp = |text: &str, member| {
        Timestamp::parse(text).map_err(|bad| within(ValidationError::from(bad).within(member)))
    };
    if let Some(text) = &official.status_changed_at {
        timestamp(text, "statusChangedAt")?;
    }
    let status = Status::from_word(&official.status)
        .ok_or_else(|| within(ValidationRule::Status(official.status.clone()).into()))?;
    status.as_str().clone_into(&mut official.status);
    let facts = Facts {
        status,
        published_at: timestamp(&official.published_at, "publishedAt")?,
        updated_at: timestamp(&official.updated_at, "updatedAt")?,
    };
    Ok((official, facts))
}

/// Returns the received digest of a well-formed `server` object: without duplicate members and
/// inexact numbers the canonical form loses nothing.
fn canonical_digest(server: &RawValue) -> Result<Digest, ValidationError> {
    let unreadable = |error: serde_json::Error| ValidationRule::Unreadable(error.to_string());
    let value: serde_json::Value = serde_json::from_str(server.get()).map_err(unreadable)?;
    let canonical = serde_json_canonicalizer::to_vec(&value).map_err(unreadable)?;
    Ok(Digest::of(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"io.modelcontextprotocol.registry/official":{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","isLatest":true}}"#;

    fn read(json: &str) -> Result<Entry, Quarantined> {
        let item: Box<RawValue> = serde_json::from_str(json).expect("a JSON text");
        Entry::read(&item, Timestamp::from_micros(7))
    }

    fn with_server(server: &str) -> String {
        format!(r#"{{"server":{server},"_meta":{META}}}"#)
    }

    fn with_official(block: &str) -> String {
        format!(
            r#"{{"server":{{"name":"a.b/c","version":"1"}},"_meta":{{"{OFFICIAL_META}":{block}}}}}"#
        )
    }

    #[test]
    fn item_that_is_larger_than_an_entry_is_kept_in_part_with_its_size_and_digest() {
        let read = |end: &str| {
            let text = format!("{{\"server\": \"{}{end}\"}}", "é".repeat(MAX_ENTRY_BYTES));
            let item: Box<RawValue> = serde_json::from_str(&text).expect("JSON");
            Entry::read(&item, Timestamp::MIN).expect_err("too large").item
        };
        let item = read("a");
        assert!(
            item.len() < MAX_ENTRY_BYTES + 200 && item.contains("524303 bytes"),
            "{}",
            &item[item.len() - 200..]
        );
        assert_ne!(item, read("b"), "its end counts");
    }

    #[test]
    fn entry_keeps_its_bytes_and_its_digest_ignores_layout() {
        let loose = "{ \"version\" : \"1.0.0\",\n \"name\":\"a.b/c\", \"repository\": {} }";
        let entry = read(&with_server(loose)).expect("well-formed");
        assert_eq!(&*entry.server, loose);
        assert_eq!(&*entry.meta, META);
        let tight = r#"{"name":"a.b/c","repository":{},"version":"1.0.0"}"#;
        let same = read(&with_server(tight)).expect("well-formed");
        assert_eq!(entry.head.received, same.head.received);
        assert_eq!(entry.head.received, Digest::of(tight.as_bytes()), "canonical is sorted");
        assert_ne!(entry.head.sent, same.head.sent);
        assert_eq!(entry.head.first_seen, Timestamp::from_micros(7));
        assert!(entry.official().expect("validated").is_latest);
    }

    #[rstest::rstest]
    #[case::empty_repository(r#"{"name":"a.b/c","version":"1","repository":{}}"#)]
    #[case::old_schema(r#"{"$schema":"https://x/2025-07-09/s","name":"a.b/c","version":"1"}"#)]
    #[case::latest_as_version(r#"{"name":"a.b/c","version":"latest"}"#)]
    #[case::description_is_not_a_string(r#"{"name":"a.b/c","version":"1","description":7}"#)]
    fn entry_that_fails_only_the_schema_is_kept(#[case] server: &str) {
        assert!(read(&with_server(server)).is_ok());
    }

    #[rstest::rstest]
    #[case(r#"{"version":"1"}"#, "server.name: the member is missing")]
    #[case(r#"{"name":"a.b/c"}"#, "server.version: the member is missing")]
    #[case(r#"{"name":1,"version":"1"}"#, "server.name: a number where a string is needed")]
    #[case("[]", "server: an array where an object is needed")]
    #[case(
        r#"{"name":"abc","version":"1"}"#,
        "server.name: a name is NAMESPACE/LEAF with exactly one slash, this one has 0"
    )]
    #[case(
        r#"{"name":"a.b/c","version":"1 2"}"#,
        "server.version: ' ' is not allowed in a version"
    )]
    fn item_without_usable_name_version_or_object_is_quarantined(
        #[case] server: &str,
        #[case] reason: &str,
    ) {
        let sent = with_server(server);
        let row = read(&sent).expect_err("not well-formed");
        assert_eq!(row.reason, reason);
        assert_eq!(&*row.item, sent, "the bytes are kept");
        assert_eq!(row.name, "", "only its bytes identify it");
    }

    #[rstest::rstest]
    #[case(r#"{"status":"gone","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}"#, "the status \"gone\" is unknown; allowed: active, deprecated, deleted")]
    #[case(
        r#"{"status":"active","updatedAt":"2026-01-01T00:00:00Z"}"#,
        "not readable: missing field `publishedAt`"
    )]
    #[case(
        r#"{"status":"active","publishedAt":"yesterday","updatedAt":"2026-01-01T00:00:00Z"}"#,
        "publishedAt: an RFC 3339"
    )]
    fn item_without_usable_metadata_is_quarantined_under_its_name(
        #[case] block: &str,
        #[case] reason: &str,
    ) {
        let row = read(&with_official(block)).expect_err("not well-formed");
        assert!(row.reason.contains(reason), "{}", row.reason);
        assert_eq!((row.name.as_str(), row.version.as_str()), ("a.b/c", "1"));
    }

    #[rstest::rstest]
    #[case("Active", Status::Active)]
    #[case("DEPRECATED", Status::Deprecated)]
    #[case("dEleted", Status::Deleted)]
    fn status_in_any_case_is_read_and_written_in_the_spelling_of_the_contract(
        #[case] word: &str,
        #[case] status: Status,
    ) {
        let block = format!(
            r#"{{"status":"{word}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}"#
        );
        let entry = read(&with_official(&block)).expect("well-formed");
        assert_eq!(entry.head.status, status);
        assert_eq!(entry.official().expect("validated").status, status.as_str());
    }

    #[test]
    fn deletion_is_detected_in_an_invalid_item() {
        let raw = |json: String| -> Box<RawValue> { serde_json::from_str(&json).expect("JSON") };
        assert!(is_deletion(&raw(with_official(r#"{"status":"deleted","statusMessage":"\r"}"#))));
        assert!(is_deletion(&raw(with_official(r#"{"status":"DELETED","statusMessage":"\r"}"#))));
        assert!(is_deletion(&raw(with_official(r#"{"status":" dele\u200bted\u00a0"}"#))));
        assert!(!is_deletion(&raw(with_official(r#"{"status":"active"}"#))));
        assert!(!is_deletion(&raw("7".into())));
    }

    #[test]
    fn item_with_duplicate_server_member_is_quarantined() {
        let twice = format!(
            r#"{{"server":{{"name":"a.b/c","version":"1"}},"server":{{"name":"a.b/d","version":"1"}},"_meta":{META}}}"#
        );
        assert!(read(&twice).is_err_and(|row| row.reason.contains("\"server\" appears twice")));
    }

    #[test]
    fn entry_larger_than_256_kib_is_quarantined() {
        let strings = vec![format!("\"{}\"", "x".repeat(4000)); 66].join(",");
        let row =
            read(&with_server(&format!(r#"{{"name":"a.b/c","version":"1","x":[{strings}]}}"#)))
                .expect_err("too large");
        assert!(row.reason.contains("at most 262144 are allowed"), "{}", row.reason);
    }
}
