//! Requests as values: pure, so that a report can show exactly what would be sent.

use serde::Serialize;

use crate::{
    model::{Pushed, ResourceId},
    ports::Payload,
    profile::Profile,
};

/// A request before it is sent. Nothing secret is in it: the token is added by the client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedRequest {
    /// `POST`, `PUT`, `PATCH`, `DELETE`, `GET`.
    pub method: &'static str,
    /// Path and query below the endpoint, e.g. `Users/2819c223`.
    pub path: String,
    /// The JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

/// The POST that creates an account.
#[must_use]
pub fn create(_profile: &Profile, _payload: &Payload) -> PlannedRequest {
    PlannedRequest {
        method: "POST",
        path: "Users".into(),
        body: None,
    }
}

/// The PUT or PATCH that brings an account from `before` to `payload`.
#[must_use]
pub fn update(_profile: &Profile, id: &ResourceId, _before: &Pushed, _payload: &Payload) -> PlannedRequest {
    PlannedRequest {
        method: "PUT",
        path: format!("Users/{id}"),
        body: None,
    }
}

/// The request that sets `active: false`.
#[must_use]
pub fn deactivate(_profile: &Profile, id: &ResourceId, _payload: &Payload) -> PlannedRequest {
    PlannedRequest {
        method: "PATCH",
        path: format!("Users/{id}"),
        body: None,
    }
}

/// The DELETE.
#[must_use]
pub fn delete(id: &ResourceId) -> PlannedRequest {
    PlannedRequest {
        method: "DELETE",
        path: format!("Users/{id}"),
        body: None,
    }
}
