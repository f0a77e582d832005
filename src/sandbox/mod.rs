//! A strict cloud on this machine: SCIM 2.0 as the real ones speak it, with faults on demand.
//!
//! ```text
//! socket ──▶ server ──Request──▶ fault ──▶ cloud (state, rules of the profile) ──Reply──▶ fault ──▶ server ──▶ socket
//!                                  └────────────── log ◀───────────────┘
//! ```
//!
//! [`cloud`] is a state machine without I/O and without a clock: tests put it in place of the network.
//! Deliberately absent: anything lenient. What the real cloud refuses, this one refuses, in its words.

pub mod cloud;
pub mod exchange;

pub use cloud::{Change, Cloud, Kind, Stored, What};
pub use exchange::{Reply, Request};
