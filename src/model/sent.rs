use serde_json::value::RawValue;

use super::wellformed::{ValidationError, members};
use super::{Digest, Timestamp};

/// The member of an item's `_meta` that holds the official registry's facts.
pub const OFFICIAL_META: &str = "io.modelcontextprotocol.registry/official";

/// The parts of an item that show if it changed since it was last received.
pub(super) struct Sent {
    /// The digest of what counts as content or status.
    pub(super) digest: Digest,
    /// The `updatedAt` of the item, if it can be read.
    pub(super) updated_at: Option<Timestamp>,
}

impl Sent {
    /// Reads the two objects of an item.
    ///
    /// The digest covers every byte but two values: `updatedAt` of the official block, and the block of a
    /// registry like this one, which nothing reads. A mirror of a mirror receives both in two forms.
    pub(super) fn of(server: &str, meta: &RawValue) -> Self {
        let mut bytes = Vec::with_capacity(server.len() + meta.get().len() + 64);
        bytes.extend_from_slice(server.as_bytes());
        // No JSON text contains a NUL, so the boundary between the two cannot move.
        bytes.push(0);
        let start = bytes.len();
        let updated_at = put_members(&mut bytes, meta).unwrap_or_else(|_| {
            bytes.truncate(start);
            bytes.extend_from_slice(meta.get().as_bytes());
            None
        });
        Self { digest: Digest::of(&bytes), updated_at }
    }
}

/// Appends the members of a `_meta` that count; returns the `updatedAt` that does not.
fn put_members(bytes: &mut Vec<u8>, meta: &RawValue) -> Result<Option<Timestamp>, ValidationError> {
    let mut updated_at = None;
    for (key, value) in members(meta)? {
        put(bytes, &key);
        if key == OFFICIAL_META {
            for (key, value) in members(value)? {
                put(bytes, &key);
                let is_first = updated_at.is_none() && key == "updatedAt";
                // A value that cannot be read counts: validation has to refuse it.
                match is_first.then(|| timestamp(value)).flatten() {
                    Some(found) => updated_at = Some(found),
                    None => put(bytes, value.get()),
                }
            }
        } else if !key.ends_with("/curation") {
            put(bytes, value.get());
        }
    }
    Ok(updated_at)
}

fn timestamp(value: &RawValue) -> Option<Timestamp> {
    let text: &str = serde_json::from_str(value.get()).ok()?;
    Timestamp::parse(text).ok()
}

/// Appends a text behind its length, so that no other texts have the same bytes.
fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"io.modelcontextprotocol.registry/official":{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","isLatest":true},"com.example/curation":{"tier":1,"changedAt":"2026-03-01T00:00:00Z"}}"#;

    fn digest(meta: &str) -> Digest {
        let meta: Box<RawValue> = serde_json::from_str(meta).expect("a JSON text");
        Sent::of(r#"{"name":"a.b/c"}"#, &meta).digest
    }

    #[rstest::rstest]
    #[case::update(
        r#""updatedAt":"2026-01-02T00:00:00Z""#,
        r#""updatedAt":"2026-02-02T00:00:00.5Z""#
    )]
    #[case::our_time(r#""changedAt":"2026-03-01T00:00:00Z""#, r#""upstreamUpdatedAt":"x""#)]
    #[case::our_facts(r#""tier":1"#, r#""tier":2"#)]
    fn item_that_differs_only_in_what_a_mirror_rewrites_is_unchanged(
        #[case] from: &str,
        #[case] to: &str,
    ) {
        assert!(META.contains(from));
        assert_eq!(digest(META), digest(&META.replace(from, to)));
    }

    #[rstest::rstest]
    #[case::status("active", "deprecated")]
    #[case::publication("2026-01-01", "2026-01-03")]
    #[case::message(r#""isLatest""#, r#""statusMessage":"CVE","isLatest""#)]
    #[case::latest("true", "false")]
    #[case::no_time(r#""updatedAt":"2026-01-02T00:00:00Z","#, "")]
    #[case::unreadable_time(r#""updatedAt":"2026-01-02T00:00:00Z""#, r#""updatedAt":"soon""#)]
    #[case::second_time(r#""isLatest""#, r#""updatedAt":"2026-01-02T00:00:00Z","isLatest""#)]
    #[case::key_of_the_block("com.example/curation", "com.examples/curation")]
    #[case::other_block("com.example/curation", "com.example/other")]
    #[case::time_of_another_block("com.example/curation", "updatedAt")]
    fn item_with_another_status_or_block_is_changed(#[case] from: &str, #[case] to: &str) {
        assert!(META.contains(from));
        assert_ne!(digest(META), digest(&META.replace(from, to)));
    }

    #[test]
    fn time_of_update_is_read() {
        let meta: Box<RawValue> = serde_json::from_str(META).expect("a JSON text");
        let wanted = Timestamp::parse("2026-01-02T00:00:00Z").ok();
        assert_eq!(Sent::of("{}", &meta).updated_at, wanted);
    }
}
