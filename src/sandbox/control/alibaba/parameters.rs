//! The parameters of an operation: from the query and from a form, which count alike.

use super::{DIRECTORY, Message, Refusal};
use crate::sandbox::control::sign::form;

/// Names and values, as they were sent.
pub(super) struct Parameters {
    /// In bytes, as a signature covers them.
    pub(super) raw: Vec<(Vec<u8>, Vec<u8>)>,
    texts: Vec<(String, String)>,
}

impl Parameters {
    pub(super) fn of(message: &Message) -> Self {
        let mut raw = form(message.query.as_bytes());
        if message.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
            raw.extend(form(&message.body));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let texts = raw.iter().map(|(name, value)| (text(name), text(value))).collect();
        Self { raw, texts }
    }

    /// The value of that name, which is case exact; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn must(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// One of these values, or nothing.
    pub(super) fn one_of(&self, name: &str, values: [&str; 2]) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            Some(value) if !values.contains(&value) => {
                Err(Refusal::invalid(name, &format!("it is {} or {}", values[0], values[1])))
            }
            value => Ok(value),
        }
    }

    /// The directory is the one that is there.
    pub(super) fn directory(&self) -> Result<(), Refusal> {
        if self.must("DirectoryId")? == DIRECTORY {
            Ok(())
        } else {
            Err(Refusal::no_entity("Directory"))
        }
    }
}
