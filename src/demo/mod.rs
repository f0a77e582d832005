//! What `scimward demo` reads from: a directory in this process, over a real loopback socket, and a
//! small company to fill it with. The cloud that it writes to is the sandbox.
//!
//! Deliberately absent: any short cut. The demo's cycles go through the same LDAP and SCIM code as
//! everybody's; only the other end of the socket lives here.

pub mod company;
pub mod directory;
