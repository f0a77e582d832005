//! The LDAP shell: the port [`Directory`](crate::ports::Directory) over LDAPv3 (RFC 4511).
//!
//! Reading order: `directory` (fail-over between servers), `session` (one connection), `paged` (one
//! base, with the proof of completeness), `extract` (one entry). Deliberately absent: anything that
//! knows what an attribute means; writes; following referrals.

mod command;
mod control;
mod directory;
mod extract;
mod failure;
pub mod filter;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod paged;
mod probe;
mod ranges;
mod referral;
mod session;
pub mod settings;
mod socket;
#[cfg(test)]
mod testing;
mod tls;
pub mod url;

pub use directory::LdapDirectory;
pub use probe::{ProbeFinding, Verdict, probe};
