//! The clouds' own switches: provisioning tenants, tokens, SCIM synchronisation, identity providers.
//!
//! Reading order: `settings`, `outgoing` (a request before it is signed), `huawei` and `alibaba` (for each:
//! `request`, which is pure, `sign`, `wire`, and the client), `retry` and `refusal` (pure), `transport`; then
//! `token`, `token_file` and `rotation`, which know no cloud.
//!
//! Deliberately absent: people and groups, which is `scim`'s; and any dry run: what a dry run shows is what
//! `Requests` of either cloud makes, and nothing sends it.

mod address;
pub mod alibaba;
mod encode;
mod error;
pub mod huawei;
pub(crate) mod keys;
mod outgoing;
mod refusal;
pub mod region;
mod retry;
pub mod rotation;
mod send;
pub mod settings;
#[cfg(test)]
mod testing;
mod token;
mod token_file;
mod transport;
mod verify;

pub(crate) use self::token_file::Lock;
pub use self::{
    alibaba::Alibaba,
    error::{CloudError, Refusal},
    huawei::Huawei,
    outgoing::{Effect, Outgoing, Scheme},
    rotation::{RotateError, Rotated, rotate},
    token::{IssuedToken, TOKENS_MAX, TokenAuthority},
    token_file::{TokenFile, TokenFileError},
    verify::{NotWorking, ScimProbe, Verify},
};

/// What every call of a control plane comes to.
pub type Result<T, E = CloudError> = std::result::Result<T, E>;
