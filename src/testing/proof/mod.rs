//! The proof that nothing is lost under faults: the real client, executor, planner and memory against the
//! strict cloud of the sandbox, in one process and under a clock that stands still until everybody waits.
//!
//! ```text
//! company ──▶ directory (faults) ──▶ cycle ──▶ executor ──▶ ScimClient ──▶ net (faults, kills) ──▶ sandbox::Cloud
//!                                                 │                          └── checker: looks after every request
//!                                               store (forgets what a kill makes it forget)
//! ```
//!
//! [`steps`]: each request of a cycle that does everything fails once, in every way there is. [`kills`]: the
//! program dies before and after each of them. [`storm`]: chance, from a seed that can be repeated.

mod checker;
mod company;
mod directory;
mod disk;
mod fault;
mod kills;
mod net;
mod people;
mod policy;
mod regressions;
mod scenario;
mod steps;
mod storm;
mod teams;
mod view;
mod world;
