//! The endpoints (RFC 7644 section 3.2).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{Shared, error::ScimError, lock, patch, schema, users};

/// Users in one answer; more need paging.
const PAGE_MAX: usize = 100;

type Cloud = State<Arc<Shared>>;
type ListQuery = Query<BTreeMap<String, String>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/scim/v2/ServiceProviderConfig", get(provider_config))
        .route("/scim/v2/Users", get(list).post(create))
        .route(
            "/scim/v2/Users/{id}",
            get(read).put(replace).patch(modify).delete(delete),
        )
        .fallback(|| async { ScimError::new(404, None, "no such endpoint") })
        .method_not_allowed_fallback(|| async { ScimError::new(405, None, "not offered here") })
        .with_state(shared)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/scim+json")],
        body.to_string(),
    )
        .into_response()
}

fn parse(body: &Bytes) -> Result<Value, ScimError> {
    serde_json::from_slice(body).map_err(|error| ScimError::syntax(format!("not JSON: {error}")))
}

async fn provider_config() -> Response {
    let config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": PAGE_MAX },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "description": "a static token", "primary": true,
        }],
    });
    answer(StatusCode::OK, &config)
}

async fn list(State(shared): Cloud, query: Result<ListQuery, QueryRejection>) -> Result<Response, ScimError> {
    let Query(query) = query.map_err(|error| ScimError::value(error.body_text()))?;
    let number = |name: &str, default: usize| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse::<i64>()
            .map(|n| usize::try_from(n).unwrap_or(0))
            .map_err(|_| ScimError::value(format!("{name}: is not a number"))),
    };
    let start = number("startIndex", 1)?.max(1);
    let count = number("count", PAGE_MAX)?.min(PAGE_MAX);
    if let Some(unknown) = query
        .keys()
        .find(|key| !["filter", "startIndex", "count"].contains(&key.as_str()))
    {
        return Err(ScimError::value(format!("{unknown}: not offered here")));
    }
    let filter = query
        .get("filter")
        .map(|filter| users::parse_filter(filter))
        .transpose()?;
    let users = lock(&shared.users);
    let found: Vec<&Value> = match &filter {
        None => users.all().collect(),
        Some((attribute, wanted)) => users.find(attribute, wanted),
    };
    let page: Vec<&Value> = found.iter().skip(start - 1).take(count).copied().collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": found.len(), "startIndex": start, "itemsPerPage": page.len(), "Resources": page,
    });
    Ok(answer(StatusCode::OK, &body))
}

async fn create(State(shared): Cloud, body: Bytes) -> Result<Response, ScimError> {
    let user = schema::checked_user(&parse(&body)?)?;
    let mut users = lock(&shared.users);
    let created = users.create(user, &shared.base)?;
    let location = created["meta"]["location"].as_str().unwrap_or_default().to_owned();
    Ok(([(header::LOCATION, location)], answer(StatusCode::CREATED, created)).into_response())
}

async fn read(State(shared): Cloud, Path(id): Path<String>) -> Result<Response, ScimError> {
    Ok(answer(StatusCode::OK, lock(&shared.users).get(&id)?))
}

async fn replace(State(shared): Cloud, Path(id): Path<String>, body: Bytes) -> Result<Response, ScimError> {
    let mut users = lock(&shared.users);
    users.get(&id)?;
    let user = schema::checked_user(&parse(&body)?)?;
    Ok(answer(StatusCode::OK, users.replace(&id, user)?))
}

async fn modify(State(shared): Cloud, Path(id): Path<String>, body: Bytes) -> Result<Response, ScimError> {
    let mut users = lock(&shared.users);
    let mut user: Map<String, Value> = users.get(&id)?.as_object().cloned().unwrap_or_default();
    patch::apply(&mut user, &parse(&body)?)?;
    // A PATCH may bring the extension without naming its schema.
    user.insert("schemas".into(), json!([schema::USER, schema::ENTERPRISE]));
    let user = schema::checked_user(&Value::Object(user))?;
    Ok(answer(StatusCode::OK, users.replace(&id, user)?))
}

async fn delete(State(shared): Cloud, Path(id): Path<String>) -> Result<StatusCode, ScimError> {
    lock(&shared.users).delete(&id).map(|()| StatusCode::NO_CONTENT)
}
