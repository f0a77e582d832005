//! One request to a control plane, with all that a signature covers.

use std::fmt;

/// A request, already read to its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The HTTP method in capitals.
    pub method: String,
    /// The path just as it was sent, with its slash in front.
    pub path: String,
    /// What stands after the question mark, just as it was sent; empty for nothing.
    pub query: String,
    /// Every header; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: Vec<u8>,
}

impl Message {
    /// The first header of that name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim())
    }

    /// The media type of the body, in lower case and without its parameters.
    pub(super) fn media_type(&self) -> Option<String> {
        let header = self.header("content-type")?;
        Some(header.split(';').next()?.trim().to_ascii_lowercase())
    }
}

/// Neither headers nor query nor body: keys, tokens and signatures are there.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
