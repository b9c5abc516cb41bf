//! Evaluations as tables, and their guarantees as properties.

mod advisories;
mod artefacts;
mod authority;
mod conditions;
mod contents;
pub(crate) mod fixtures;
mod follow;
mod gates;
mod lifecycle;
mod moments;
mod ownership;
mod policy;
mod provenance;
mod queue;
mod review;
mod safety;
mod screening;
