//! (stub)

pub mod spec;
