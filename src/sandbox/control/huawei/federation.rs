//! IAM's federation: identity providers and their protocols, in keystone's manner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Outcome, call::Place, mapping, refusal::Refusal};
use crate::sandbox::control::{Answer, Control, Message};

/// The two kinds of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SsoType {
    VirtualUserSso,
    IamUserSso,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Provider {
    sso_type: SsoType,
    description: String,
    enabled: bool,
    #[serde(default)]
    remote_ids: Vec<String>,
    /// The mapping of each protocol.
    #[serde(default)]
    protocols: BTreeMap<String, Option<String>>,
    /// Its OIDC configuration, as it was sent.
    #[serde(default)]
    oidc: Option<Value>,
}

/// Everything of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::sandbox::control) struct Federation {
    providers: BTreeMap<String, Provider>,
    /// The rules of each.
    mappings: BTreeMap<String, Value>,
}

impl Control {
    pub(super) fn federation(&mut self, place: &Place, message: &Message) -> Outcome {
        let method = message.method.as_str();
        let host = self.host.clone();
        let links = Links(&host);
        let federation = &mut self.state.federation;
        let answer = match (method, place) {
            ("GET", Place::Providers) => return Ok(federation.providers(&links)),
            ("GET", Place::Provider(id)) => return federation.provider(id).map(|p| Answer::ok(links.provider(id, p))),
            ("GET", Place::Protocols(id)) => return federation.protocols(id, &links),
            ("GET", Place::Protocol(id, protocol)) => return federation.protocol(200, id, protocol, &links),
            ("GET", Place::Mappings) => return Ok(federation.mappings(&links)),
            ("GET", Place::Mapping(id)) => return federation.mapping(200, id, &links),
            ("PUT", Place::Provider(id)) => federation.create_provider(id, message, &links)?,
            ("PATCH", Place::Provider(id)) => federation.update_provider(id, message, &links)?,
            ("DELETE", Place::Provider(id)) => federation.delete_provider(id)?,
            ("PUT" | "PATCH", Place::Protocol(id, protocol)) => {
                federation.put_protocol(method == "PUT", (id, protocol), message, &links)?
            }
            ("DELETE", Place::Protocol(id, protocol)) => federation.delete_protocol(id, protocol)?,
            ("PUT" | "PATCH", Place::Mapping(id)) => federation.put_mapping(method == "PUT", id, message, &links)?,
            ("DELETE", Place::Mapping(id)) => federation.delete_mapping(id)?,
            ("POST", Place::Metadata(id, protocol)) => federation.import_metadata(id, protocol, message)?,
            _ => return Err(Refusal::keystone(405, "The method is not allowed for this resource.")),
        };
        self.changed();
        Ok(answer)
    }
}

impl Federation {
    fn providers(&self, links: &Links<'_>) -> Answer {
        let shown = self.providers.iter().map(|(id, provider)| {
            let mut shown = links.provider(id, provider);
            shown["identity_provider"].take()
        });
        links.list("identity_providers", "identity_providers", shown.collect())
    }

    fn provider(&self, id: &str) -> Result<&Provider, Refusal> {
        self.providers.get(id).ok_or_else(|| not_found("Identity Provider", id))
    }

    fn provider_mut(&mut self, id: &str) -> Result<&mut Provider, Refusal> {
        self.providers
            .get_mut(id)
            .ok_or_else(|| not_found("Identity Provider", id))
    }

    fn create_provider(&mut self, id: &str, message: &Message, links: &Links<'_>) -> Outcome {
        well_named(id)?;
        let fields = body(message, "identity_provider", &["sso_type", "description", "enabled"])?;
        if self.providers.contains_key(id) {
            return Err(taken("identity_provider", id));
        }
        let sso_type = match fields.get("sso_type") {
            None | Some(Value::Null) => SsoType::VirtualUserSso,
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|_| bad("sso_type has to be virtual_user_sso or iam_user_sso"))?,
        };
        let mut others = self.providers.values().map(|provider| provider.sso_type);
        if sso_type == SsoType::IamUserSso && others.any(|other| other == SsoType::IamUserSso) {
            return Err(conflict(
                "there is an identity provider of the type iam_user_sso already",
            ));
        }
        if self.providers.values().any(|provider| provider.sso_type != sso_type) {
            return Err(conflict("identity providers of both types cannot exist in one account"));
        }
        let provider = Provider {
            sso_type,
            description: text(&fields, "description")?.unwrap_or_default(),
            enabled: flag(&fields, "enabled")?.unwrap_or(false),
            remote_ids: Vec::new(),
            protocols: BTreeMap::new(),
            oidc: None,
        };
        let shown = links.provider(id, &provider);
        self.providers.insert(id.to_owned(), provider);
        Ok(Answer::new(201, shown))
    }

    fn update_provider(&mut self, id: &str, message: &Message, links: &Links<'_>) -> Outcome {
        let fields = body(message, "identity_provider", &["description", "enabled"])?;
        let (description, enabled) = (text(&fields, "description")?, flag(&fields, "enabled")?);
        let provider = self.provider_mut(id)?;
        if description.is_none() && enabled.is_none() {
            return Err(bad("description or enabled has to be given"));
        }
        if let Some(description) = description {
            provider.description = description;
        }
        provider.enabled = enabled.unwrap_or(provider.enabled);
        Ok(Answer::ok(links.provider(id, provider)))
    }

    fn delete_provider(&mut self, id: &str) -> Outcome {
        let gone = self.providers.remove(id);
        gone.map(|_| Answer::empty(204))
            .ok_or_else(|| not_found("Identity Provider", id))
    }

    fn protocols(&self, id: &str, links: &Links<'_>) -> Outcome {
        let protocols = self.provider(id)?.protocols.iter();
        let shown = protocols.map(|(protocol, mapping)| links.protocol(id, protocol, mapping.as_deref()));
        let path = format!("identity_providers/{id}/protocols");
        Ok(links.list("protocols", &path, shown.collect()))
    }

    fn protocol(&self, status: u16, id: &str, protocol: &str, links: &Links<'_>) -> Outcome {
        let mapping = self.provider(id)?.protocols.get(protocol);
        let mapping = mapping.ok_or_else(|| not_found("Federated Protocol", protocol))?;
        let shown = links.protocol(id, protocol, mapping.as_deref());
        Ok(Answer::new(status, json!({ "protocol": shown })))
    }

    /// A new one, or with `create` unset another mapping for the one that is there.
    fn put_protocol(
        &mut self,
        create: bool,
        (id, protocol): (&str, &str),
        message: &Message,
        links: &Links<'_>,
    ) -> Outcome {
        let fields = body(message, "protocol", &["mapping_id"])?;
        let mapping = text(&fields, "mapping_id")?;
        let known = mapping.as_ref().is_none_or(|id| self.mappings.contains_key(id));
        let provider = self.provider_mut(id)?;
        if !["saml", "oidc"].contains(&protocol) {
            return Err(bad("the protocol has to be saml or oidc"));
        }
        match (create, provider.protocols.contains_key(protocol)) {
            (true, true) => return Err(taken("federation_protocol", protocol)),
            (false, false) => return Err(not_found("Federated Protocol", protocol)),
            _ => {}
        }
        if mapping.is_none() && provider.sso_type == SsoType::VirtualUserSso {
            return Err(bad("mapping_id has to be given"));
        }
        if !known {
            return Err(not_found("Mapping", mapping.as_deref().unwrap_or_default()));
        }
        provider.protocols.insert(protocol.to_owned(), mapping);
        self.protocol(if create { 201 } else { 200 }, id, protocol, links)
    }

    fn delete_protocol(&mut self, id: &str, protocol: &str) -> Outcome {
        let gone = self.provider_mut(id)?.protocols.remove(protocol);
        gone.map(|_| Answer::empty(204))
            .ok_or_else(|| not_found("Federated Protocol", protocol))
    }

    fn import_metadata(&mut self, id: &str, protocol: &str, message: &Message) -> Outcome {
        let fields: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        let given = |name: &str| fields[name].as_str();
        let metadata = given("metadata").filter(|metadata| !metadata.is_empty());
        let (Some(_), Some(_), Some(metadata)) = (given("domain_id"), given("xaccount_type"), metadata) else {
            return Err(bad("domain_id, xaccount_type and metadata have to be given"));
        };
        let entity = metadata
            .split_once("entityID=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(entity, _)| entity.to_owned())
            .ok_or_else(|| bad("the metadata has no entityID"))?;
        let provider = self.provider_mut(id)?;
        if !provider.protocols.contains_key(protocol) {
            return Err(not_found("Federated Protocol", protocol));
        }
        provider.remote_ids = vec![entity];
        Ok(Answer::new(201, json!({ "message": "Import metadata successful" })))
    }

    fn mappings(&self, links: &Links<'_>) -> Answer {
        let shown = self.mappings.iter().map(|(id, rules)| links.mapping(id, rules));
        links.list("mappings", "mappings", shown.collect())
    }

    fn mapping(&self, status: u16, id: &str, links: &Links<'_>) -> Outcome {
        let rules = self.mappings.get(id).ok_or_else(|| not_found("Mapping", id))?;
        Ok(Answer::new(status, json!({ "mapping": links.mapping(id, rules) })))
    }

    /// A new one, or with `create` unset other rules for the one that is there.
    fn put_mapping(&mut self, create: bool, id: &str, message: &Message, links: &Links<'_>) -> Outcome {
        well_named(id)?;
        let mut fields = body(message, "mapping", &["rules"])?;
        let rules = fields.remove("rules").unwrap_or_default();
        mapping::check(&rules).map_err(|why| bad(&why))?;
        match (create, self.mappings.contains_key(id)) {
            (true, true) => return Err(taken("mapping", id)),
            (false, false) => return Err(not_found("Mapping", id)),
            _ => {}
        }
        self.mappings.insert(id.to_owned(), rules);
        self.mapping(if create { 201 } else { 200 }, id, links)
    }

    fn delete_mapping(&mut self, id: &str) -> Outcome {
        let gone = self.mappings.remove(id);
        gone.map(|_| Answer::empty(204)).ok_or_else(|| not_found("Mapping", id))
    }

    /// Where the OIDC configuration of a provider is kept.
    pub(super) fn oidc(&mut self, id: &str) -> Option<&mut Option<Value>> {
        self.providers.get_mut(id).map(|provider| &mut provider.oidc)
    }
}

/// Addresses in answers.
struct Links<'a>(&'a str);

impl Links<'_> {
    fn to(&self, path: &str) -> String {
        format!("{}v3/OS-FEDERATION/{path}", self.0)
    }

    fn list(&self, name: &str, path: &str, shown: Vec<Value>) -> Answer {
        Answer::ok(json!({ name: shown, "links": { "self": self.to(path), "previous": null, "next": null } }))
    }

    fn provider(&self, id: &str, provider: &Provider) -> Value {
        let own = format!("identity_providers/{id}");
        json!({ "identity_provider": {
            "sso_type": provider.sso_type,
            "id": id,
            "description": provider.description,
            "enabled": provider.enabled,
            "remote_ids": provider.remote_ids,
            "links": { "self": self.to(&own), "protocols": self.to(&format!("{own}/protocols")) },
        } })
    }

    fn protocol(&self, id: &str, protocol: &str, mapping: Option<&str>) -> Value {
        let provider = format!("identity_providers/{id}");
        json!({
            "id": protocol,
            "mapping_id": mapping,
            "links": {
                "identity_provider": self.to(&provider),
                "self": self.to(&format!("{provider}/protocols/{protocol}")),
            },
        })
    }

    fn mapping(&self, id: &str, rules: &Value) -> Value {
        json!({ "id": id, "rules": rules, "links": { "self": self.to(&format!("mappings/{id}")) } })
    }
}

/// The object of that name in a JSON body, which may have these fields and no others.
fn body(message: &Message, name: &str, known: &[&str]) -> Result<Map<String, Value>, Refusal> {
    if message.media_type().as_deref() != Some("application/json") {
        return Err(bad("the Content-Type has to be application/json"));
    }
    let body: Value = serde_json::from_slice(&message.body).map_err(|_| bad("the body is not JSON"))?;
    let Value::Object(mut body) = body else {
        return Err(bad("the body is not an object"));
    };
    let Some(Value::Object(fields)) = body.remove(name) else {
        return Err(bad(&format!("{name} has to be an object")));
    };
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(bad(&format!("{field} cannot be given here"))),
        None => Ok(fields),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(&format!("{name} has to be a text"))),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<Option<bool>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(bad(&format!("{name} has to be true or false"))),
    }
}

/// Letters, digits, hyphens, underscores, as keystone has it. No limit of length is known.
fn well_named(id: &str) -> Result<(), Refusal> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.bytes().all(fine) {
        Ok(())
    } else {
        Err(bad("an id has letters, digits, hyphens and underscores only"))
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::keystone(400, text)
}

fn not_found(what: &str, id: &str) -> Refusal {
    Refusal::keystone(404, format!("Could not find {what}: {id}."))
}

/// In the words seen of the real one.
fn taken(what: &str, id: &str) -> Refusal {
    conflict(&format!(
        "Conflict occurred attempting to store {what} - Duplicate entry: {id}"
    ))
}

fn conflict(text: &str) -> Refusal {
    Refusal::keystone(409, text)
}
