//! Scimward keeps a cloud directory in step with LDAP or Active Directory over SCIM 2.0.
//!
//! # One cycle
//!
//! ```text
//! Directory ──entries──▶ mapping ──Resource──▶ plan ──Plan──▶ limits ──Approved──▶ executor ──▶ ServiceProvider
//!  (ldap)                (pure)    + profile   (pure)   │      (pure)                 │            (scim)
//!                                                       ▼                             ▼ after each success
//!                                                    report ◀──── links, marks ── StateStore
//!                                                                                  (store)
//! ```
//!
//! [`cycle::plan`] goes from the left to `Approved`; a dry run ends there. [`executor::execute`] goes
//! from `Approved` to the right; [`outcome`] remembers what either of them found out. A person who is
//! as last pushed costs one look at a mark of fixed size and no request.
//!
//! # Reading order
//!
//! 1. [`model`]: the nouns. Entry, anchor, resource, link and mark, operation.
//! 2. [`ports`]: the seam. Three traits, [`ports::Directory`], [`ports::ServiceProvider`] and
//!    [`ports::StateStore`], in domain words.
//! 3. [`cycle`], then [`plan`]: `decide` for one person, `planner` for all of them, `limits` for what
//!    may be taken away.
//! 4. [`executor`]: order, concurrency, and what is remembered after each answer.
//! 5. [`mapping`] and [`profile`]: what becomes of an entry, and what a cloud would refuse.
//! 6. [`ldap`], [`scim`], [`store`]: one outside thing each.
//! 7. [`survey`]: what the cloud holds, for a lost state and for audits.
//! 8. [`cloud`]: the clouds' own switches, signed requests of their control planes; tokens and their renewal.
//! 9. [`app`]: where all of it is put together, one file for each command; [`daemon`] runs it on time.
//!
//! # What is deliberately not where
//!
//! | module | is not allowed to |
//! | --- | --- |
//! | [`model`], [`mapping`], [`profile`], [`plan`], [`expiry`] | do I/O, ask the time or chance, log, iterate in hash order: the same input gives the same plan, byte for byte |
//! | [`plan`] | send or change anything |
//! | [`executor`] | decide anything, or know of dry runs: a dry run is a plan that never gets here |
//! | [`cycle`] | know LDAP, HTTP or sled, or tell a dry run from a real one |
//! | [`ports`] | show a type of ldap3, reqwest or sled in a signature |
//! | [`ldap`] | know what an attribute means, write, follow referrals |
//! | [`scim`] | decide what should change, follow redirects, repeat a POST without having looked |
//! | [`store`] | decide anything about people |
//! | [`cloud`] | push people; repeat a create or a 401; hold or print a key or a token |
//! | [`config`] | connect anywhere, read a secret, know what a filter or a rule means: [`config::Checks`] brings that in |
//! | [`report`] | decide anything: it says what planner and limits said |
//! | [`survey`] | send anything but questions |
//! | [`daemon`] | know what a cycle does |
//! | [`sandbox`] | be lenient, or know who the client is: `sandbox::cloud` and `sandbox::control` have no I/O and no clock |
//! | [`demo`] | take short cuts: the demo runs the same code as everybody, only the other ends of its sockets are its own |
//!
//! Dependencies point inwards: `model` uses nothing of ours, the core uses `model`, shells know `ports`
//! and `model`, and only [`app`] names every concrete type. `tests/architecture.rs` holds this, and that
//! each outside library has one home.
//!
//! # Where the laws are kept
//!
//! - *Nothing is taken away on a guess*: completeness is proved in `ldap::paged`, carried as
//!   [`model::Absence`], and weighed in [`plan::limits`].
//! - *Kill it anywhere*: [`outcome`] writes before the first request, the plan is spooled and its steps
//!   are claimed ([`ports::PlanSpool`]), each success is remembered by [`executor`], and a create in doubt
//!   looks first (`scim::conflict`).
//! - *Losing the state never deletes*: only what has a [`model::Link`] can be removed.
//! - *One bad object never stops a run*: [`model::Rejection`], [`model::Reject`].
//! - *Secrets cannot be printed*: [`secret`].

pub mod app;
pub mod cli;
pub mod cloud;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod demo;
pub mod executor;
pub mod expiry;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod https;
pub mod ldap;
pub mod logging;
mod made_uuid;
pub mod mapping;
pub mod model;
pub mod outcome;
pub mod plan;
pub mod ports;
pub mod profile;
pub mod report;
pub mod sandbox;
pub mod scim;
pub mod secret;
pub mod store;
pub mod survey;
#[cfg(test)]
mod testing;
