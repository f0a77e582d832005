//! (stub)

mod anchor;
mod error;
mod names;
mod show;
pub mod spec;
mod target;
mod template;
mod transform;
