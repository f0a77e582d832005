//! (stub)

pub mod settings;
