//! How the gateway and each service say no. There are four shapes, and one of them has two forms.

use serde_json::{Value, json};

use super::call::Service;

/// Why a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    shape: Shape,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// `error_code`, `error_msg`, `request_id`: the gateway (APIGW.…) and Identity Center (IIC.…).
    Coded(&'static str),
    /// The same for a missing right, with `encoded_authorization_message`.
    Denied(&'static str),
    /// `error` with `code`, `message`, `title`: IAM's federation.
    Keystone,
    /// `error_code` and `error_msg`: the other calls of IAM.
    Iam,
}

impl Refusal {
    fn new(status: u16, shape: Shape, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, shape, text }
    }

    pub(super) fn coded(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, Shape::Coded(code), text)
    }

    /// 400 of the identity store and of Identity Center.
    pub(super) fn bad(text: &str) -> Self {
        Self::coded(400, "IIC.400", format!("bad request: {text}"))
    }

    /// 404 of the same.
    pub(super) fn missing(text: &str) -> Self {
        Self::coded(404, "IIC.404", format!("not found: {text}"))
    }

    /// 403 of the same.
    pub(super) fn denied(text: &str) -> Self {
        Self::new(403, Shape::Denied("IIC.1000"), text)
    }

    pub(super) fn keystone(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, Shape::Keystone, text)
    }

    /// Of IAM outside federation.
    pub(super) fn iam(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, Shape::Iam, text)
    }

    /// 401 of the gateway.
    pub(super) fn gateway(why: &str) -> Self {
        Self::coded(
            401,
            "APIGW.0301",
            format!("Incorrect IAM authentication information: {why}"),
        )
    }

    /// 404 of the gateway.
    pub(super) fn no_api() -> Self {
        let text = "The API does not exist or has not been published in the environment";
        Self::coded(404, "APIGW.0101", text)
    }

    /// What a service says with this status, for faults on demand.
    pub(super) fn of_status(service: Service, status: u16) -> Self {
        let text = match status {
            413 => "the body is too large, or ended too early",
            _ => "a fault of the sandbox's plan",
        };
        let code = match status {
            401 => return Self::gateway("verify aksk signature fail"),
            429 | 502..=504 => "APIGW.0308",
            _ if service == Service::Iam => return Self::keystone(status, text),
            403 => return Self::denied(text),
            404 => "IIC.404",
            409 => "IIC.1006",
            500.. => "IIC.1209",
            _ => "IIC.400",
        };
        Self::coded(status, code, text)
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        let Self { status, text, .. } = self;
        match self.shape {
            Shape::Coded(code) => json!({ "error_code": code, "error_msg": text, "request_id": request_id }),
            Shape::Denied(code) => json!({
                "error_code": code,
                "error_msg": text,
                "request_id": request_id,
                // The real one is sealed; nobody but the vendor reads it.
                "encoded_authorization_message": "c2FuZGJveA==",
            }),
            Shape::Keystone => json!({ "error": {
                "code": status,
                "error_code": null,
                "error_msg": null,
                "message": text,
                "title": title(*status),
            } }),
            Shape::Iam => json!({ "error_msg": text, "error_code": "IAM.0011" }),
        }
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
