use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wellformed::{Fault, Malformed, inspect, members};
use super::{Digest, Instant, Manifest, Name, Status, Version};

/// The member of an item's `_meta` that holds the official registry's facts.
pub const OFFICIAL_META: &str = "io.modelcontextprotocol.registry/official";

/// The largest real entry has 58,399 bytes.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// One (name, version) of one upstream, as received: its `server` object and its `_meta` byte for
/// byte, and the head that decisions read.
///
/// An entry is well-formed; what is not becomes [`Quarantined`] instead.
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

/// The small facts of an entry that deciding needs, of fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub status: Status,
    /// Whether several complete walks did not see it: hidden, and kept for a while.
    pub missing: bool,
    /// Whether upstream sent other content since: what was first received stays, the other is kept
    /// beside it.
    pub rewritten: bool,
    /// Whether it came back with other content after it had been purged: what was first received is
    /// gone, and only its digest is left.
    pub replaced: bool,
    /// When upstream says it was published.
    pub published_at: Instant,
    /// When upstream says it was last changed.
    pub updated_at: Instant,
    /// When this (upstream, name, version) was first stored here.
    pub first_seen: Instant,
    /// The received digest: SHA-256 over the canonical JSON (RFC 8785) of the `server` object.
    pub received: Digest,
    /// SHA-256 over the exact bytes of both objects: equal means that nothing at all changed.
    pub sent: Digest,
}

/// The official registry's facts about an item, times as upstream wrote them.
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

/// A received row that is no entry: kept with the reason, served never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Name and version where they could be read; else what is unique to the bytes.
    pub name: String,
    pub version: String,
    pub reason: String,
    /// The row as it was sent.
    pub item: Box<str>,
}

impl Entry {
    /// Judges one received item, `{"server": {…}, "_meta": {…}}`.
    ///
    /// # Errors
    /// The row with the reason why it is not well-formed.
    pub fn judge(item: &RawValue, first_seen: Instant) -> Result<Self, Quarantined> {
        read_item(item, first_seen).map_err(|malformed| Quarantined::new(item, &malformed))
    }

    /// The official block of the item's `_meta`.
    ///
    /// # Errors
    /// Never for an entry that was judged; a stored one is read anew, and storage can rot.
    pub fn official(&self) -> Result<Official, Malformed> {
        let meta: &RawValue = serde_json::from_str(&self.meta)
            .map_err(|error| Fault::Unreadable(error.to_string()))?;
        read_official(meta).map(|(official, _)| official)
    }
}

impl Quarantined {
    fn new(item: &RawValue, malformed: &Malformed) -> Self {
        let (name, version) = match Identity::of(item) {
            Some(identity) => (identity.name.to_string(), identity.version.to_string()),
            None => (String::new(), Digest::of(item.get().as_bytes()).to_string()),
        };
        Self { name, version, reason: malformed.to_string(), item: item.get().into() }
    }
}

/// Whether an item's official status is `deleted`, as far as that can be read in a row that is no
/// entry: upstream's own deletion must not get lost in a malformed text beside it.
#[must_use]
pub fn says_deleted(item: &RawValue) -> bool {
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
    serde_json::from_str(item.get())
        .is_ok_and(|item: Item<'_>| item.meta.official.status == Status::Deleted.as_str())
}

/// What identifies an item, read without judging the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: Name,
    pub version: Version,
    /// The digest that the head of an entry with these bytes has.
    pub sent: Digest,
}

impl Identity {
    /// Reads an item as far as its name, version and bytes; `None` when a name or version is not
    /// usable, or when it takes judging to say what is wrong.
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
        Some(Self { name, version, sent: sent_digest(server.get(), meta.get()) })
    }

    /// Name and version of a `server` object, when both are usable.
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

fn sent_digest(server: &str, meta: &str) -> Digest {
    // No JSON text holds a NUL, so the border between the two cannot move.
    Digest::of(&[server.as_bytes(), b"\0", meta.as_bytes()].concat())
}

fn read_item(item: &RawValue, first_seen: Instant) -> Result<Entry, Malformed> {
    let size = item.get().len();
    if size > MAX_ENTRY_BYTES {
        return Err(Fault::TooLarge { found: size, allowed: MAX_ENTRY_BYTES }.into());
    }
    let members = members(item)?;
    let member = |wanted: &str| {
        members
            .iter()
            .find_map(|(key, value)| (key == wanted).then_some(*value))
            .ok_or_else(|| Malformed::from(Fault::Missing).within(wanted))
    };
    let (server, meta) = (member("server")?, member("_meta")?);
    let manifest = inspect(server)
        .and_then(|()| Manifest::read(server))
        .map_err(|malformed| malformed.within("server"))?;
    let (_, facts) =
        inspect(meta).and_then(|()| read_official(meta)).map_err(|fault| fault.within("_meta"))?;
    Ok(Entry {
        name: manifest.name,
        version: manifest.version,
        head: Head {
            status: facts.status,
            missing: false,
            rewritten: false,
            replaced: false,
            published_at: facts.published_at,
            updated_at: facts.updated_at,
            first_seen,
            received: canonical_digest(server)?,
            sent: sent_digest(server.get(), meta.get()),
        },
        server: server.get().into(),
        meta: meta.get().into(),
    })
}

struct Facts {
    status: Status,
    published_at: Instant,
    updated_at: Instant,
}

fn read_official(meta: &RawValue) -> Result<(Official, Facts), Malformed> {
    let members = members(meta)?;
    let Some((_, block)) = members.iter().find(|(key, _)| key == OFFICIAL_META) else {
        return Err(Malformed::from(Fault::Missing).within(OFFICIAL_META));
    };
    let within = |malformed: Malformed| malformed.within(OFFICIAL_META);
    let official: Official = serde_json::from_str(block.get())
        .map_err(|error| within(Fault::Unreadable(error.to_string()).into()))?;
    let instant = |text: &str, member| {
        Instant::parse(text).map_err(|bad| within(Malformed::from(bad).within(member)))
    };
    if let Some(text) = &official.status_changed_at {
        instant(text, "statusChangedAt")?;
    }
    let facts = Facts {
        status: Status::from_word(&official.status)
            .ok_or_else(|| within(Fault::Status(official.status.clone()).into()))?,
        published_at: instant(&official.published_at, "publishedAt")?,
        updated_at: instant(&official.updated_at, "updatedAt")?,
    };
    Ok((official, facts))
}

/// The received digest of a `server` object that is well-formed: without duplicate members and
/// inexact numbers the canonical form keeps everything.
fn canonical_digest(server: &RawValue) -> Result<Digest, Malformed> {
    let unreadable = |error: serde_json::Error| Fault::Unreadable(error.to_string());
    let value: serde_json::Value = serde_json::from_str(server.get()).map_err(unreadable)?;
    let canonical = serde_json_canonicalizer::to_vec(&value).map_err(unreadable)?;
    Ok(Digest::of(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"io.modelcontextprotocol.registry/official":{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","isLatest":true}}"#;

    fn judge(json: &str) -> Result<Entry, Quarantined> {
        let item: Box<RawValue> = serde_json::from_str(json).expect("a JSON text");
        Entry::judge(&item, Instant::from_micros(7))
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
    fn an_entry_keeps_its_bytes_and_its_digest_ignores_their_layout() {
        let loose = "{ \"version\" : \"1.0.0\",\n \"name\":\"a.b/c\", \"repository\": {} }";
        let entry = judge(&with_server(loose)).expect("well-formed");
        assert_eq!(&*entry.server, loose);
        assert_eq!(&*entry.meta, META);
        let tight = r#"{"name":"a.b/c","repository":{},"version":"1.0.0"}"#;
        let same = judge(&with_server(tight)).expect("well-formed");
        assert_eq!(entry.head.received, same.head.received);
        assert_eq!(entry.head.received, Digest::of(tight.as_bytes()), "canonical is sorted");
        assert_ne!(entry.head.sent, same.head.sent);
        assert_eq!(entry.head.first_seen, Instant::from_micros(7));
        assert!(entry.official().expect("judged").is_latest);
    }

    #[rstest::rstest]
    #[case::empty_repository(r#"{"name":"a.b/c","version":"1","repository":{}}"#)]
    #[case::an_old_schema(r#"{"$schema":"https://x/2025-07-09/s","name":"a.b/c","version":"1"}"#)]
    #[case::latest_as_a_version(r#"{"name":"a.b/c","version":"latest"}"#)]
    #[case::a_description_that_is_no_text(r#"{"name":"a.b/c","version":"1","description":7}"#)]
    fn a_real_entry_that_only_fails_the_schema_is_kept(#[case] server: &str) {
        assert!(judge(&with_server(server)).is_ok());
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
    fn a_row_without_a_usable_name_version_or_object_is_quarantined(
        #[case] server: &str,
        #[case] reason: &str,
    ) {
        let sent = with_server(server);
        let row = judge(&sent).expect_err("not well-formed");
        assert_eq!(row.reason, reason);
        assert_eq!(&*row.item, sent, "the bytes are kept");
        assert_eq!(row.name, "", "nothing to file it under but its bytes");
    }

    #[rstest::rstest]
    #[case(r#"{"status":"gone","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}"#, "the status \"gone\" is unknown, known are active, deprecated and deleted")]
    #[case(
        r#"{"status":"active","updatedAt":"2026-01-01T00:00:00Z"}"#,
        "not readable: missing field `publishedAt`"
    )]
    #[case(
        r#"{"status":"active","publishedAt":"yesterday","updatedAt":"2026-01-01T00:00:00Z"}"#,
        "publishedAt: an RFC 3339"
    )]
    fn a_row_without_usable_metadata_is_quarantined_under_its_name(
        #[case] block: &str,
        #[case] reason: &str,
    ) {
        let row = judge(&with_official(block)).expect_err("not well-formed");
        assert!(row.reason.contains(reason), "{}", row.reason);
        assert_eq!((row.name.as_str(), row.version.as_str()), ("a.b/c", "1"));
    }

    #[test]
    fn a_deletion_is_read_in_a_row_that_is_no_entry() {
        let raw = |json: String| -> Box<RawValue> { serde_json::from_str(&json).expect("JSON") };
        assert!(says_deleted(&raw(with_official(r#"{"status":"deleted","statusMessage":"\r"}"#))));
        assert!(!says_deleted(&raw(with_official(r#"{"status":"active"}"#))));
        assert!(!says_deleted(&raw("7".into())));
    }

    #[test]
    fn an_item_with_two_servers_is_quarantined() {
        let twice = format!(
            r#"{{"server":{{"name":"a.b/c","version":"1"}},"server":{{"name":"a.b/d","version":"1"}},"_meta":{META}}}"#
        );
        assert!(judge(&twice).is_err_and(|row| row.reason.contains("\"server\" stands twice")));
    }

    #[test]
    fn an_entry_has_at_most_256_kib() {
        let strings = vec![format!("\"{}\"", "x".repeat(4000)); 66].join(",");
        let row =
            judge(&with_server(&format!(r#"{{"name":"a.b/c","version":"1","x":[{strings}]}}"#)))
                .expect_err("too large");
        assert!(row.reason.contains("at most 262144 are allowed"), "{}", row.reason);
    }
}
