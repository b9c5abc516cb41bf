//! What operators write: `vidimus.toml`, the upstream files, and where the folders are.
//!
//! Everything is read through the lint: an unknown key is refused with its place and the nearest
//! known one, and all findings are told at once. Reading files happens here and nowhere else;
//! [`crate::overlay`] gets their texts.

mod folder;
mod ownership;
mod public;
mod settings;
mod upstream;
mod views;
mod webhooks;

pub use folder::{Folder, read_overlays};
pub use ownership::{Github, OwnershipSettings};
pub use public::{Public, PublicLimits, TlsFiles};
pub use settings::{Egress, Locations, Settings};
pub use upstream::{Origin, SyncSettings, Trust, Upstream, read_upstreams};
pub use webhooks::{Hidden, HiddenError, Webhook};

#[cfg(test)]
mod tests;
