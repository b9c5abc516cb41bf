//! The keys of overlay files: the readers accept these and no others, and `docs/configuration.md` is
//! generated from them.

mod conditions;
mod dates;
mod namespace;
mod rule;

use crate::lint::{FileFormat, Language};

pub(super) use conditions::{
    CONDITIONS, HOST, IDENTIFIER, PACKAGES, REGISTRY, REMOTES, SCAN, SECRETS, TOOL, WAIVE,
};
pub(super) use dates::{EXPIRES, REVIEWED};
pub(super) use namespace::{NAMESPACE, NOT_LOOKALIKE, OWNERSHIP, WAIVER};
pub(super) use rule::{
    ALLOW, APPROVAL, ARTEFACTS, CHECK, CHECKLIST, CONTENTS, DEPRECATED, DOCUMENT, ON_DEPRECATED,
    REFERENCE, RELEASE, SERVER,
};

/// Returns the overlay file with all its keys.
#[must_use]
pub fn file_format() -> FileFormat {
    FileFormat {
        name: "Overlay files",
        language: Language::Yaml,
        intro: "YAML files `*.yaml` below the overlay folder; all of them are one set. A file may hold \
                several documents. An unknown key, a duplicate key, `null`, an alias and a tag are errors, \
                and one error refuses the whole set. [Overlays](overlays.md) explains rules and how they \
                merge.",
        tables: &[
            &DOCUMENT,
            &SERVER,
            &APPROVAL,
            &REFERENCE,
            &CHECKLIST,
            &CHECK,
            &CONDITIONS,
            &PACKAGES,
            &REMOTES,
            &SCAN,
            &WAIVE,
            &ON_DEPRECATED,
            &ALLOW,
            &NAMESPACE,
            &OWNERSHIP,
            &WAIVER,
            &NOT_LOOKALIKE,
        ],
    }
}
