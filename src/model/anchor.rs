//! The immutable key of a person in the directory.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// The immutable key of an entry in canonical text: `entryUUID` (RFC 4530), AD `objectGUID` as a
/// GUID, 389-DS `nsUniqueId`, FreeIPA `ipaUniqueID`, or an attribute the operator named. It is what
/// goes to the service provider as `externalId`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Anchor(Box<str>);

impl Anchor {
    /// Wraps text that is canonical already (GUIDs in lower case).
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fixed-size form under which the state keeps this anchor.
    #[must_use]
    pub fn key(&self) -> AnchorKey {
        AnchorKey(Digest::of(self.0.as_bytes()).0)
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A 128-bit digest of an [`Anchor`]: the key of every record of the state, and all that is held in
/// memory of an anchor for each entry. All zero stands for "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AnchorKey(pub [u8; 16]);

impl AnchorKey {
    /// True for the all-zero value, which stands for "no anchor".
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Debug for AnchorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Digest(self.0), f)
    }
}
