//! Evaluations as tables, and the promises behind them as properties.

mod authority;
pub(crate) mod fixtures;
mod gates;
mod moments;
mod ownership;
mod policy;
mod screening;
