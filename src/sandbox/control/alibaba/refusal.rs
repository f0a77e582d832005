//! How CloudSSO says no.

use serde_json::{Value, json};

/// Why an operation has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: String,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// A mandatory parameter is not there.
    pub(super) fn missing(name: &str) -> Self {
        let message = format!("{name} is mandatory for this action.");
        Self::new(400, format!("Missing{name}"), message)
    }

    /// A parameter has no value that is known.
    pub(super) fn invalid(name: &str, why: &str) -> Self {
        let message = format!("The specified parameter {name} is not valid: {why}.");
        Self::new(400, format!("InvalidParameter.{name}"), message)
    }

    /// `EntityNotExists`, with an s.
    pub(super) fn no_entity(what: &str) -> Self {
        let message = format!("The specified {what} does not exist.");
        Self::new(404, format!("EntityNotExists.{what}"), message)
    }

    /// What it says with this status, for faults on demand and for what stands in front of it.
    pub(super) fn of_status(status: u16) -> Self {
        let code = match status {
            401 | 403 => "NoPermission",
            404 => "EntityNotExists.Directory",
            429 => "Throttling.User",
            503 => "ServiceUnavailable",
            500.. => "InternalError",
            _ => "InvalidParameter",
        };
        let message = match status {
            413 => "The body is too large, or ended too early.",
            _ => "A fault of the sandbox's plan.",
        };
        Self::new(status, code, message)
    }

    pub(super) fn body(&self, request_id: &str, host: &str) -> Value {
        let Self { status, code, message } = self;
        let mut body = json!({
            "RequestId": request_id,
            "HostId": host,
            "Code": code,
            "Message": message,
            "Recommend": format!("https://api.aliyun.com/troubleshoot?q={code}&product=cloudsso&requestId={request_id}"),
        });
        if *status == 403 {
            body["AccessDeniedDetail"] = json!({ "NoPermissionType": "ImplicitDeny" });
        }
        body
    }
}
