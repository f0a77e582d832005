//! One request and its answer, as the SCIM side sees them: no sockets, no HTTP library.

use std::fmt;

/// A request, already read to its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method in capitals.
    pub method: String,
    /// The path below the base address, percent-decoded by nobody, without a slash in front: `Users/42`.
    pub path: String,
    /// What stands after the question mark.
    pub query: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body; empty when there is none.
    pub body: Vec<u8>,
}

/// Without the token.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("content_type", &self.content_type)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides `Content-Length`, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}
