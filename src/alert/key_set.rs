use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// The records of a place that this release reads as no key, which another reader may read: the digest covers the text of
/// each, the excerpts are for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvalidRecords {
    pub count: u64,
    pub digest: Digest,
    pub excerpts: Vec<String>,
}

/// Writes which set of keys a person has to accept.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    at: &str,
    keys: &[String],
    pinned: bool,
    invalid: Option<&InvalidRecords>,
) -> fmt::Result {
    let keys = keys.join(", ");
    if pinned {
        write!(f, "an overlay pins other keys than {at} shows: {keys}")?;
    } else {
        write!(f, "{at} shows another set of keys than before: {keys}")?;
    }
    if let Some(InvalidRecords { count, digest, excerpts }) = invalid {
        let records = if *count == 1 { "record" } else { "records" };
        write!(f, "; {count} invalid {records} ({digest}), which another reader may accept: ")?;
        f.write_str(&excerpts.join("; "))?;
    }
    f.write_str(if pinned { "" } else { "; new versions that wildcards approve wait" })
}
