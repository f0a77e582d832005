//! Refusals, and the body each cloud makes of one.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::profile::{ErrorShape, SchemaKey, TimeStamp};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// The keyword of RFC 7644 section 3.12, table 9.
    pub scim_type: Option<&'static str>,
    pub detail: String,
}

impl Refusal {
    pub(super) fn new(status: u16, scim_type: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self {
            status,
            scim_type,
            detail: detail.into(),
        }
    }

    /// 400 `invalidValue`.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidValue"), detail)
    }

    /// 400 `invalidSyntax`.
    pub(super) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidSyntax"), detail)
    }

    /// 400 `invalidPath`.
    pub(super) fn path(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidPath"), detail)
    }

    /// 400 `invalidFilter`.
    pub(super) fn filter(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidFilter"), detail)
    }

    /// 400 `noTarget`.
    pub(super) fn no_target(detail: impl Into<String>) -> Self {
        Self::new(400, Some("noTarget"), detail)
    }

    /// 400 `mutability`.
    pub(super) fn mutability(detail: impl Into<String>) -> Self {
        Self::new(400, Some("mutability"), detail)
    }

    /// 404.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, None, detail)
    }

    /// 409 `uniqueness`, in the words of this cloud where they are known.
    pub(super) fn duplicate(shape: &ErrorShape, attribute: &str) -> Self {
        let ours = || format!("{attribute}: another one has this value");
        Self::new(409, Some("uniqueness"), shape.duplicate.clone().unwrap_or_else(ours))
    }

    /// The body in the shape of this cloud.
    pub(super) fn body(&self, shape: &ErrorShape, now: DateTime<Utc>, request_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("schemas".into(), json!([ERROR]));
        match shape.schema {
            SchemaKey::Absent => {}
            SchemaKey::Text => drop(body.insert("schema".into(), ERROR.into())),
            SchemaKey::List => drop(body.insert("schema".into(), json!([ERROR]))),
        }
        body.insert("detail".into(), self.detail.clone().into());
        let status = if shape.status_is_number {
            json!(self.status)
        } else {
            json!(self.status.to_string())
        };
        body.insert("status".into(), status);
        if let Some(scim_type) = self.scim_type.filter(|_| shape.scim_type) {
            body.insert("scimType".into(), scim_type.into());
        }
        if shape.request_id {
            body.insert("exceptionRequestId".into(), request_id.into());
        }
        let time = match shape.time_stamp {
            TimeStamp::Absent => None,
            TimeStamp::Iso => Some(now.to_rfc3339_opts(SecondsFormat::Secs, true)),
            TimeStamp::Spaced => Some(now.format("%Y-%m-%d %H:%M:%S%.3f").to_string()),
        };
        if let Some(time) = time {
            body.insert("timeStamp".into(), time.into());
        }
        Value::Object(body)
    }
}
