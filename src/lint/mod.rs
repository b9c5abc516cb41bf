//! Reads files that people write: overlays (YAML), upstreams and settings (TOML).
//!
//! Both kinds become one tree of [`Node`]s with their places, and are then read field by field
//! through a [`Reader`]. It collects every [`Finding`] instead of stopping at the first, so that an
//! author corrects a file once, and so that the readable part of a refused overlay can still hide
//! servers.
//!
//! A [`Table`] is the one list of the keys of a mapping: the reader accepts these and no others, and
//! the documentation and the JSON Schema for editors are generated from it.
//!
//! Scalars stay text until a field requires a type: a version `1.10` is never a number, and a
//! country `no` never a boolean. This, and the need for a tree of a file with errors, is why overlays
//! are read from parser events and not through serde.

mod duration;
mod field;
mod finding;
mod json_schema;
mod node;
mod readable;
mod reader;
mod size;
mod source;
mod toml;
mod yaml;

pub use duration::{DURATION, duration};
pub use field::{Field, FileFormat, Language, Table};
pub use finding::{Finding, FindingReport, Severity, bounded, has_errors, summarize};
pub use json_schema::json_schema;
pub use node::{Kind, Node};
pub use reader::{Fields, Reader, nearest};
pub use size::{SIZE, size};
pub use source::{Place, Source};
pub use toml::parse_toml;
pub use yaml::parse_yaml;
