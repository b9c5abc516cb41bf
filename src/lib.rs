//! vidimus
pub mod lint;
pub mod model;
pub mod overlay;
