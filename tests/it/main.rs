//! The integration tests, in one binary: the real program, its commands and its public modules.

mod any_history;
mod architecture;
mod commands;
mod contract;
mod demo;
mod documents;
mod generated;
// The play of worlds sets the clock of the binary, which only debug builds accept.
#[cfg(debug_assertions)]
mod decisions;
mod hidden_entries;
mod kills;
mod listener;
mod lookalike_quality;
mod lookalikes;
mod openapi;
mod operations;
mod ownership;
mod ownership_sources;
mod power_loss;
mod progress;
mod real_clients;
mod real_registry;
mod servable;
mod serving;
mod several_upstreams;
mod support;
mod upstream_changes;
mod upstream_faults;
mod webhooks;
