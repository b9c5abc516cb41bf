//! Evaluations as tables, and their guarantees as properties.

mod authority;
mod conditions;
pub(crate) mod fixtures;
mod gates;
mod moments;
mod ownership;
mod policy;
mod safety;
mod screening;
