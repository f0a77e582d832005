//! The OIDC configuration of an identity provider.

use serde_json::{Value, json};

use super::{Outcome, refusal::Refusal};
use crate::sandbox::control::{Answer, Control, Message};

/// Fields that have to be there, as texts.
const MUST: [&str; 4] = ["access_mode", "idp_url", "client_id", "signing_key"];

impl Control {
    /// POST makes it, PUT changes it, GET shows it.
    pub(super) fn oidc(&mut self, provider: &str, message: &Message) -> Outcome {
        let kept = self.state.federation.oidc(provider);
        let kept = kept.ok_or_else(|| Refusal::iam(404, format!("Could not find Identity Provider: {provider}.")))?;
        let status = match (message.method.as_str(), kept.is_some()) {
            ("GET", true) => return Ok(Answer::ok(json!({ "openid_connect_config": kept }))),
            ("POST", false) => 201,
            ("PUT", true) => 200,
            ("POST", true) => return Err(Refusal::iam(409, "there is an OpenID Connect configuration already")),
            ("GET" | "PUT", false) => return Err(Refusal::iam(404, "there is no OpenID Connect configuration")),
            _ => return Err(Refusal::iam(405, "the method is not allowed for this resource")),
        };
        let mut body: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        let mut config = body
            .get_mut("openid_connect_config")
            .map(Value::take)
            .unwrap_or_default();
        // A change may leave out what stays as it is.
        if let (Some(Value::Object(old)), Value::Object(new)) = (&kept, &mut config) {
            for (name, value) in old {
                new.entry(name).or_insert_with(|| value.clone());
            }
        }
        if let Some(name) = MUST.iter().find(|name| !config[**name].is_string()) {
            return Err(Refusal::iam(400, format!("{name} has to be given")));
        }
        *kept = Some(config.clone());
        self.changed();
        Ok(Answer::new(status, json!({ "openid_connect_config": config })))
    }
}
