use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::client::{Answer, UNKNOWN_SHAPE};
use crate::artefact::{PackageLookup, StatedFile};
use crate::ownership::Named;

/// The limit on the name of a server, in characters.
const MAX_NAME: usize = 200;

/// Reads the servers that a document names; `read` returns `None` for one of another shape, which is no answer.
pub(super) fn named<D: DeserializeOwned>(
    answer: Answer,
    read: impl FnOnce(D) -> Option<BTreeSet<String>>,
) -> Named {
    match answer.found() {
        Ok(Some(document)) => match document.read().and_then(read) {
            Some(servers) => Named::Servers(servers),
            None => Named::Unavailable(UNKNOWN_SHAPE.into()),
        },
        Ok(None) => Named::Absent,
        Err(why) => Named::Unavailable(why),
    }
}

/// Keeps the beginning of a name. A longer text is the name of no server, and neither is what is kept of it.
pub(super) fn bounded(name: &str) -> String {
    name.chars().take(MAX_NAME + 1).collect()
}

/// Reads the files that a document lists, or the reason why it cannot be used.
pub(super) fn observed<D: DeserializeOwned>(
    answer: Answer,
    read: impl FnOnce(D) -> Result<Vec<StatedFile>, String>,
) -> PackageLookup {
    let found = match answer.found() {
        Ok(Some(document)) => document.read(),
        Ok(None) => return PackageLookup::Absent,
        Err(why) => return PackageLookup::Unclear(why),
    };
    match found.map(read) {
        Some(Ok(files)) => PackageLookup::Files(files),
        Some(Err(why)) => PackageLookup::Unclear(why),
        None => PackageLookup::Unclear(UNKNOWN_SHAPE.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_too_long_is_cut_to_no_name() {
        assert_eq!(bounded(&"x".repeat(4 << 20)).len(), MAX_NAME + 1);
        assert_eq!(bounded("io.github.a/b"), "io.github.a/b");
    }
}
