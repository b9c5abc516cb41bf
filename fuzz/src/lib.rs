//! What several fuzz targets share: a fixed catalogue, a complete registry, a file to read,
//! and what every refusal must state.

mod catalogue;
mod findings;
mod registry;
mod scratch;

pub use catalogue::catalogue;
pub use findings::assert_findings;
pub use registry::Registry;
pub use scratch::Scratch;

/// The official block of an item, so that an input can be a `server` object alone.
pub const META: &str = r#"{"io.modelcontextprotocol.registry/official":{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-02T00:00:00Z","isLatest":true}}"#;
