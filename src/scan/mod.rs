//! Results of scanners that other tools ran: read from reviewed files, and judged for one content at a time.
//!
//! A [`ScanResult`] is one file: a tool, the whole identity of what it scanned (name, version and received digest), a
//! verdict, and the times between which it counts. [`read_scan`] reads it, [`ScanResults`] has all of them by name, and
//! [`ScanResults::about`] judges those of a version: at most one result of each tool counts for a content.
//!
//! # Deciding
//! Of several results of one tool about one content the latest decides, also after it ended: so time alone never
//! shows what a later result refused. Of two with the same time the worse one decides. A result about another content
//! is void, and one with a time ahead of now says nothing yet.
//!
//! # Absent on purpose
//! No scanner runs here, and no finding of one is judged: the verdict is that of the file, which a person reviewed.

mod fields;
mod found;
mod judge;
mod read;
mod result;
mod results;
mod sarif;

pub use fields::file_format;
pub use judge::{Judged, Lack, ScanState};
pub use read::read_scan;
pub use result::{ScanResult, Verdict};
pub use results::ScanResults;

#[cfg(test)]
mod tests;
