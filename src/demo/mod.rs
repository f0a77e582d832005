//! What `scimward demo` reads from: a directory in this process, over a real loopback socket, and a
//! small company to fill it with. The cloud that it writes to is the sandbox.
//!
//! Deliberately absent: any short cut. The demo's cycles go through the same LDAP and SCIM code as
//! everybody's; only the other end of the socket lives here.

pub mod company;
pub mod directory;

/// A UUID made from a text, so that every demo shows the same ids.
fn uuid_of(text: &str) -> String {
    let hex = blake3::hash(text.as_bytes()).to_hex();
    // Version 8 (RFC 9562 section 5.8: made by a rule of our own), variant 10.
    format!(
        "{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
