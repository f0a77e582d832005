//! (stub)

pub mod request;
pub mod settings;
