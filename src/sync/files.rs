use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Head, Identity, Name, OFFICIAL_META, Timestamp, Version};

/// Adds the metadata that a row of a file lacks: published when it was first seen here.
///
/// `stored` looks up what is stored under a name and version, so that the row stays the same while
/// its file does. A row with metadata of its own is left alone.
pub fn completed<E>(
    item: &RawValue,
    now: Timestamp,
    stored: impl FnOnce(&Name, &Version) -> Result<Option<Head>, E>,
) -> Result<Cow<'_, RawValue>, E> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        server: &'a RawValue,
        #[serde(borrow, default, rename = "_meta")]
        meta: Option<&'a RawValue>,
        /// The file of an item without a readable name.
        #[serde(borrow, default)]
        file: Option<&'a RawValue>,
    }
    let Ok(Item { server, meta: None, file }) = serde_json::from_str(item.get()) else {
        return Ok(Cow::Borrowed(item));
    };
    let seen = match Identity::of_server(server) {
        Some((name, version)) => stored(&name, &version)?.map_or(now, |head| head.published_at),
        // The added metadata must not hide the row's validation error.
        None => Timestamp::MIN,
    };
    let seen = seen.to_rfc3339();
    let file = file.map(|file| format!(r#""file":{},"#, file.get())).unwrap_or_default();
    let text = format!(
        r#"{{{file}"server":{},"_meta":{{"{OFFICIAL_META}":{{"status":"active","publishedAt":"{seen}","updatedAt":"{seen}","isLatest":false}}}}}}"#,
        server.get()
    );
    Ok(match RawValue::from_string(text) {
        Ok(completed) => Cow::Owned(completed),
        Err(_) => Cow::Borrowed(item),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Entry;

    fn completed_at(json: &str, now: i64, stored: Option<Head>) -> String {
        let item: Box<RawValue> = serde_json::from_str(json).expect("JSON");
        let completed = completed::<()>(&item, Timestamp::from_micros(now), |_, _| Ok(stored));
        completed.expect("infallible").get().to_owned()
    }

    #[test]
    fn file_without_metadata_is_published_when_first_seen() {
        let file = r#"{"server":{"name":"a.b/c","version":"1"}}"#;
        let first = completed_at(file, 5, None);
        let item: Box<RawValue> = serde_json::from_str(&first).expect("JSON");
        let entry = Entry::read(&item, Timestamp::from_micros(5)).expect("well-formed");
        assert_eq!(entry.head.published_at, Timestamp::from_micros(5));
        assert_eq!(completed_at(file, 9, Some(entry.head)), first, "the time stays");
    }

    #[rstest::rstest]
    #[case(r#"{"server":{"name":"abc","version":"1"}}"#, "server.name: a name is")]
    #[case(r#"{"server":{"name":"a.b/c"}}"#, "server.version: the member is missing")]
    #[case(r#"{"server":"x is not JSON"}"#, "server: a string where an object is needed")]
    fn invalid_file_is_refused_with_its_validation_error(#[case] json: &str, #[case] wanted: &str) {
        let item: Box<RawValue> = serde_json::from_str(&completed_at(json, 5, None)).expect("JSON");
        let row = Entry::read(&item, Timestamp::from_micros(5)).expect_err("not well-formed");
        assert!(row.reason.starts_with(wanted), "{}", row.reason);
        assert_eq!(completed_at(json, 9, None), completed_at(json, 5, None), "the same row again");
    }

    #[test]
    fn row_with_its_own_metadata_is_unchanged() {
        let json = r#"{"server":{"name":"a.b/c","version":"1"},"_meta":{}}"#;
        assert_eq!(completed_at(json, 5, None), json);
    }
}
