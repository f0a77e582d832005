//! What is pushed: a SCIM User as an ordered map from attribute path to value.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor},
};

use super::{AttributePath, Digest};

/// The service provider's key of a resource (`id`, RFC 7643 section 3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub String);

impl ResourceId {
    /// What stands for it where one of every account is kept in memory.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A JSON boolean.
    Boolean(bool),
    /// A non-empty string.
    Text(String),
}

/// One item of a multi-valued attribute: sub-attribute → value (`value`, `type`, `primary`, or an
/// address' parts).
pub type Item = BTreeMap<Arc<str>, Scalar>;

/// The value at one path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A JSON boolean.
    Boolean(bool),
    /// A non-empty string.
    Text(String),
    /// The items of a multi-valued attribute, never empty, in mapped order.
    List(Vec<Item>),
}

// By hand: what serde derives for untagged enums keeps a copy and tries one variant after the other, and
// a cycle reads every value that it pushes.
impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;

        impl Visitor<'_> for Known {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Boolean(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Scalar, E> {
                Ok(Scalar::Text(text))
            }
        }

        deserializer.deserialize_any(Known)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;

        impl<'de> Visitor<'de> for Known {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, true, false or a list of objects")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Boolean(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }
        }

        deserializer.deserialize_any(Known)
    }
}

/// A mapped person: what the service provider should hold, without `id`, `meta`, `schemas` and
/// without the manager, which is a reference and travels beside it (see [`super::ManagerRef`]).
///
/// Empty values are never stored: absence is how "nothing" is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource {
    /// Attribute path → value, in path order.
    pub attributes: BTreeMap<AttributePath, Value>,
}

impl Resource {
    /// The value at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.attributes.get(path)
    }

    /// The text at `path`, when there is text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.get(path) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// `userName`, or nothing when the mapping made none.
    #[must_use]
    pub fn user_name(&self) -> &str {
        self.text("userName").unwrap_or_default()
    }

    /// Whether the account is meant to be usable. A resource without `active` counts as usable
    /// (RFC 7643 section 4.1.1 leaves the default to the service provider; all of ours take true).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.get("active") != Some(&Value::Boolean(false))
    }

    /// This resource with `active` set.
    #[must_use]
    pub fn with_active(mut self, active: bool) -> Self {
        self.attributes
            .insert(AttributePath::new("active"), Value::Boolean(active));
        self
    }

    /// The digest of the content. Independent of how the resource came about.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut buffer = Vec::with_capacity(1024);
        for (path, value) in &self.attributes {
            field(&mut buffer, b'p', path.as_str().as_bytes());
            match value {
                Value::Boolean(value) => field(&mut buffer, b'b', &[u8::from(*value)]),
                Value::Text(text) => field(&mut buffer, b't', text.as_bytes()),
                Value::List(items) => {
                    for item in items {
                        field(&mut buffer, b'i', &[]);
                        for (sub, scalar) in item {
                            field(&mut buffer, b's', sub.as_bytes());
                            match scalar {
                                Scalar::Boolean(value) => field(&mut buffer, b'b', &[u8::from(*value)]),
                                Scalar::Text(text) => field(&mut buffer, b't', text.as_bytes()),
                            }
                        }
                    }
                }
            }
        }
        Digest::of(&buffer)
    }
}

fn field(buffer: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    buffer.push(tag);
    buffer.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    buffer.extend_from_slice(bytes);
}
