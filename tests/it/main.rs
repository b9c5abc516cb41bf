//! The integration tests, in one binary: the real program, its commands and its public modules.
//!
//! `support` has the set-up: a folder with a daemon, and doubles of everything that it asks. Most tests wait for a
//! daemon; `.cargo/config.toml` therefore runs more of them at once than there are cores. Tests are started in the
//! order of their names, so modules with long waits have early ones.

mod advisories;
mod after_decisions;
mod answers_to_people;
mod any_history;
mod architecture;
mod attestations;
mod authority;
mod backups;
mod bad_members;
mod block_size;
mod changed_files;
mod changed_settings;
mod changed_upstream;
mod clocks;
mod commands;
mod contract;
// Worlds set the clock of the binary, which only debug builds accept.
#[cfg(debug_assertions)]
mod decisions;
mod demanded_provenance;
mod demo;
mod documents;
mod epochs;
mod escapes;
mod exhaustion;
mod faults;
mod full_disk;
mod generated;
mod hidden_entries;
mod image_attestations;
mod kills;
mod later_versions;
mod limits_over_time;
mod listener;
mod lookalike_quality;
mod lookalikes;
mod malicious_package;
mod messages;
mod mounts;
mod openapi;
mod operations;
mod ownership;
mod ownership_sources;
mod package_registries;
mod packages;
mod plans;
mod power_loss;
mod probes;
mod progress;
mod protocol_variants;
mod readable_files;
mod real_clients;
mod real_dns;
mod real_registry;
mod reports_of_runs;
mod review_page;
mod reviews;
mod scans;
mod schemas;
mod servable;
mod serving;
mod size_limits;
mod socket;
mod stops;
mod stories;
mod support;
mod system;
mod view_lists;
mod webhooks;
mod whom_to_ask;
mod written_decisions;
