//! The techniques: one file each, with a table of what it reports and what it does not.
//!
//! Each is a pure function of a suspect and a target. [`order`] decides which are applied, and in which order.

mod affix;
mod brand_in_home;
mod brand_in_host;
mod brand_in_leaf;
mod brand_in_title;
mod brand_within;
mod confusable;
mod distance;
mod foreign_brand;
mod foreign_package;
mod homograph;
mod near_host;
mod near_namespace;
mod order;
mod same_leaf;
mod swapped_home;
mod swapped_host;
mod swapped_words;

pub(super) use order::{content_signals, is_frequent, name_signals};
pub(super) use same_leaf::is_repository_alike;

#[cfg(test)]
mod fixtures;
