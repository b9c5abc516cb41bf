//! The keys of `vidimus.toml` and of upstream files: the readers accept these and no others, and
//! `docs/configuration.md` is generated from them. The tests of this module read every default,
//! limit and example, so that they stay true.

mod advisories;
mod ownership;
mod public;
mod settings;
mod upstream;
mod views;
mod webhooks;

use crate::lint::{FileFormat, Language};

pub(super) use advisories::ADVISORY_FEED;
pub(super) use ownership::{
    GITHUB, OWNERSHIP, OWNERSHIP_TIER, OWNERSHIP_TIERS, PACKAGE_REGISTRY, PACKAGES, PROVENANCE,
    PROVENANCE_REQUIRE, PROVENANCE_TIER, PROVENANCE_TIERS,
};
pub(super) use public::{LIMITS, TLS};
pub(super) use settings::{EGRESS, LOOKALIKES, PACKAGE_URLS, SETTINGS, STORE, TRACKS};
pub(super) use upstream::{NAMESPACES, REQUESTS, SAFETY_LIMITS, SYNC, UPSTREAM};
pub(super) use views::VIEW;
pub(super) use webhooks::WEBHOOK;

const VIDIMUS: FileFormat = FileFormat {
    name: "vidimus.toml",
    language: Language::Toml,
    intro: "The settings of the daemon and the commands, in TOML. The file may be absent unless \
            `--config` names it. A running daemon takes up other settings, but no other `data`. \
            Flags and `VIDIMUS_…` variables override the first six keys. Paths are relative to the \
            working directory. An unknown key is refused.",
    tables: &[
        &SETTINGS,
        &TLS,
        &LIMITS,
        &STORE,
        &TRACKS,
        &VIEW,
        &OWNERSHIP,
        &OWNERSHIP_TIERS,
        &OWNERSHIP_TIER,
        &GITHUB,
        &PACKAGES,
        &PACKAGE_REGISTRY,
        &PROVENANCE,
        &PROVENANCE_REQUIRE,
        &PROVENANCE_TIERS,
        &PROVENANCE_TIER,
        &PACKAGE_URLS,
        &LOOKALIKES,
        &ADVISORY_FEED,
        &WEBHOOK,
        &EGRESS,
    ],
};

const UPSTREAMS: FileFormat = FileFormat {
    name: "Upstream files",
    language: Language::Toml,
    intro: "One TOML file in the upstream folder for each upstream. The file's name without `.toml` \
            is the id of the upstream: 1 to 64 lower-case letters, digits and hyphens. The daemon \
            takes up changes while it runs. [Upstreams](upstreams.md) explains the settings.",
    tables: &[&UPSTREAM, &REQUESTS, &NAMESPACES, &SYNC, &SAFETY_LIMITS],
};

/// Returns the files of the configuration with all their keys.
#[must_use]
pub fn file_formats() -> [FileFormat; 2] {
    [VIDIMUS, UPSTREAMS]
}
