//! SCIM credentials, and the switch of the synchronization.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{DIRECTORY, Outcome, Parameters, Refusal, object, time};
use crate::sandbox::control::{Control, tokens::Token};

const SWITCH: [&str; 2] = ["Enabled", "Disabled"];

impl Control {
    pub(super) fn status(&self, parameters: &Parameters) -> Outcome {
        parameters.directory()?;
        let status = word(self.state.enabled);
        Ok(object(json!({ "SCIMSynchronizationStatus": status })))
    }

    /// Without a status nothing is changed: what that means is not documented.
    pub(super) fn set_status(&mut self, parameters: &Parameters, now: DateTime<Utc>) -> Outcome {
        parameters.directory()?;
        match parameters.one_of("SCIMSynchronizationStatus", SWITCH)? {
            Some("Enabled") if !self.state.enabled => self.enable(now),
            Some("Disabled") if self.state.enabled => {
                // The credentials stay: nothing says that they go.
                self.state.enabled = false;
                self.changed();
            }
            _ => {}
        }
        Ok(Map::new())
    }

    pub(super) fn create_credential(&mut self, parameters: &Parameters, now: DateTime<Utc>) -> Outcome {
        parameters.directory()?;
        if !self.has_room() {
            return Err(Refusal::new(
                400,
                "LimitExceeded.SCIMCredential",
                "The number of SCIM credentials exceeds the limit of 2.",
            ));
        }
        let (token, secret) = self.mint(now);
        let mut shown = credential(&token);
        shown["CredentialSecret"] = secret.expose_secret().into();
        Ok(object(json!({ "SCIMServerCredential": shown })))
    }

    pub(super) fn credentials(&self, parameters: &Parameters) -> Outcome {
        parameters.directory()?;
        let all: Vec<Value> = self.state.tokens.iter().map(credential).collect();
        Ok(object(
            json!({ "TotalCounts": all.len(), "SCIMServerCredentials": all }),
        ))
    }

    /// Without a status nothing is changed, as with the synchronization.
    pub(super) fn set_credential(&mut self, parameters: &Parameters) -> Outcome {
        let at = self.credential(parameters)?;
        let status = parameters.one_of("NewStatus", SWITCH)?;
        let Some(token) = self.state.tokens.get_mut(at) else {
            return Err(Refusal::no_entity("SCIMCredential"));
        };
        if let Some(status) = status {
            token.enabled = status == "Enabled";
        }
        let shown = credential(token);
        self.changed();
        Ok(object(json!({ "SCIMServerCredential": shown })))
    }

    pub(super) fn delete_credential(&mut self, parameters: &Parameters) -> Outcome {
        let at = self.credential(parameters)?;
        self.state.tokens.remove(at);
        self.changed();
        Ok(Map::new())
    }

    /// Where the credential is that is meant.
    fn credential(&self, parameters: &Parameters) -> Result<usize, Refusal> {
        parameters.directory()?;
        let id = parameters.must("CredentialId")?;
        let at = self.state.tokens.iter().position(|token| token.id == id);
        at.ok_or_else(|| Refusal::no_entity("SCIMCredential"))
    }
}

fn word(enabled: bool) -> &'static str {
    if enabled { SWITCH[0] } else { SWITCH[1] }
}

fn credential(token: &Token) -> Value {
    json!({
        "CredentialId": token.id,
        "CredentialType": "BearerToken",
        "DirectoryId": DIRECTORY,
        "Status": word(token.enabled),
        "CreateTime": time(token.created),
        "ExpireTime": time(token.expires),
    })
}
