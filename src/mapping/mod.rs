//! (stub)

mod error;
pub mod spec;
mod target;
mod transform;
