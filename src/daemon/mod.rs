//! (wip)

pub mod due;
pub mod schedule;
pub mod settings;
