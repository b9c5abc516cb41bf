//! The operator's configuration: `vidimus.toml`, the upstream files, and the locations of folders.
//!
//! Everything is read through the lint: an unknown key is refused with its place and the nearest
//! known one, and all findings are reported at once. Only this module reads these files;
//! [`crate::overlay`] gets their texts.

mod advisories;
mod edited;
mod fields;
mod folder;
mod known_files;
mod locations;
mod ownership;
mod public;
mod reading;
mod replace;
mod settings;
mod system;
mod upstream;
mod views;
mod webhooks;

pub use advisories::{AdvisoryFeed, FeedOrigin};
pub use fields::file_formats;
pub use folder::read_file;
pub use folder::{
    Folder, MAX_FILES, read_advisories, read_changed_overlays, read_evidence, read_overlays,
};
pub use known_files::KnownFiles;
pub use locations::Locations;
pub use ownership::{ArtefactSettings, Github, OwnershipSettings, ProvenanceSettings};
pub use public::{Contact, Public, PublicLimits, TlsFiles};
pub use replace::{FolderLock, ReplaceError, lock_folder, refuse_link, replace_file};
pub use settings::{Egress, Settings};
pub use upstream::{Origin, SyncSettings, Trust, Upstream, read_upstream, read_upstreams};
pub use webhooks::{Hidden, HiddenError, Webhook};

#[cfg(test)]
mod tests;
