//! What a cloud says of itself (RFC 7644 section 4, RFC 7643 sections 5 to 7).

use serde_json::{Value, json};

use super::{Cloud, Kind, refusal::Refusal, schema::ENTERPRISE_USER};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

impl Cloud {
    pub(super) fn provider_config(&self) -> Value {
        let off = json!({ "supported": false });
        let mut config = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": { "supported": true, "maxResults": self.profile.page_cap },
            "changePassword": off,
            "sort": off,
            "etag": off,
            "authenticationSchemes": [{
                "type": self.profile.wire.authentication_type,
                "name": "OAuth Bearer Token",
                "description": "Authentication with a bearer token (RFC 6750)",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            }],
        });
        if self.profile.wire.location {
            config["meta"] = json!({
                "resourceType": "ServiceProviderConfig",
                "location": format!("{}ServiceProviderConfig", self.base),
            });
        }
        config
    }

    /// `Schemas` or `ResourceTypes`: all of them, or the one with this id.
    pub(super) fn discovery(&self, endpoint: &str, id: Option<&str>) -> Result<Value, Refusal> {
        let all = if endpoint == "Schemas" {
            self.schemas()
        } else {
            self.resource_types()
        };
        let Some(id) = id else {
            return Ok(json!({
                "schemas": [LIST],
                "totalResults": all.len(),
                "startIndex": 1,
                "itemsPerPage": all.len(),
                "Resources": all,
            }));
        };
        let mut all = all.into_iter();
        all.find(|one| one["id"] == id)
            .ok_or_else(|| Refusal::not_found(format!("{endpoint}: there is no {id}")))
    }

    fn resource_types(&self) -> Vec<Value> {
        let extensions = if self.takes_enterprise() {
            json!([{ "schema": ENTERPRISE_USER, "required": false }])
        } else {
            json!([])
        };
        let one = |kind: Kind| {
            let mut one = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": kind.name(),
                "name": kind.name(),
                "description": kind.name(),
                "endpoint": format!("/{}", kind.endpoint()),
                "schema": kind.schema(),
                "meta": {
                    "resourceType": "ResourceType",
                    "location": format!("{}ResourceTypes/{}", self.base, kind.name()),
                },
            });
            if kind == Kind::User {
                one["schemaExtensions"] = extensions.clone();
            }
            one
        };
        vec![one(Kind::User), one(Kind::Group)]
    }
}
