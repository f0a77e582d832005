//! Attribute addresses (RFC 7644 section 3.10).

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The core User schema (RFC 7643 section 4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The core Group schema (RFC 7643 section 4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension (RFC 7643 section 4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The address of one comparable unit of a resource, in canonical spelling: `userName`,
/// `name.familyName`, `emails` (the whole list), or `urn:…:enterprise:2.0:User:department`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributePath(Arc<str>);

impl AttributePath {
    /// Wraps a path that is canonical already.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The path of `attribute` in the enterprise extension.
    #[must_use]
    pub fn enterprise(attribute: &str) -> Self {
        Self(Arc::from(format!("{ENTERPRISE_USER}:{attribute}")))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The schema URN in front, when the path is of an extension.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.0
            .starts_with("urn:")
            .then(|| self.0.rsplit_once(':').map(|(schema, _)| schema))
            .flatten()
    }

    /// The attribute name without its schema, and its sub-attribute if there is one.
    #[must_use]
    pub fn attribute(&self) -> (&str, Option<&str>) {
        let local = if self.0.starts_with("urn:") {
            self.0.rsplit_once(':').map_or(&*self.0, |(_, local)| local)
        } else {
            &*self.0
        };
        match local.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (local, None),
        }
    }

    /// The spelling for people: the enterprise URN shortened to `enterprise.`.
    #[must_use]
    pub fn short(&self) -> String {
        match self.0.strip_prefix(ENTERPRISE_USER) {
            Some(rest) => format!("enterprise.{}", rest.trim_start_matches(':')),
            None => self.0.to_string(),
        }
    }
}

impl Borrow<str> for AttributePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
