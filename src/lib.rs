//! Scimward keeps a cloud directory in step with LDAP or Active Directory over SCIM 2.0.

pub mod app;
pub mod cli;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod demo;
pub mod executor;
pub mod ldap;
pub mod logging;
pub mod mapping;
pub mod model;
pub mod outcome;
pub mod plan;
pub mod ports;
pub mod profile;
pub mod report;
pub mod scim;
pub mod secret;
pub mod store;
#[cfg(test)]
mod testing;
