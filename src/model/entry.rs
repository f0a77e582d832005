//! What is read from the directory.

use super::Digest;

/// An object read from LDAP (RFC 4511 section 4.5.2, `SearchResultEntry`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The distinguished name as the server spelled it. Bytes that are not UTF-8 stand as `\xx`
    /// pairs, which RFC 4514 section 2.4 allows.
    pub dn: String,
    /// The attributes in the server's order; at most one of each name.
    pub attributes: Vec<Attribute>,
}

/// One attribute description with its values (RFC 4512 section 2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute description in lower case, options included (`cn;lang-de`).
    pub name: String,
    /// The values, raw, in the server's order.
    pub values: Vec<Vec<u8>>,
}

impl DirectoryEntry {
    /// The values of `name`, which has to be lower case; empty when the entry has none.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .map_or(&[], |attribute| &attribute.values)
    }

    /// A digest of everything the server sent for this entry. Equal digests mean that nothing
    /// changed; different ones mean nothing (a server may reorder values).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = Vec::with_capacity(1024);
        let mut field = |tag: u8, bytes: &[u8]| {
            buffer.push(tag);
            buffer.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            buffer.extend_from_slice(bytes);
        };
        field(0, self.dn.as_bytes());
        for attribute in &self.attributes {
            field(1, attribute.name.as_bytes());
            attribute.values.iter().for_each(|value| field(2, value));
        }
        hasher.update(&buffer);
        Digest::finish(&hasher)
    }
}
