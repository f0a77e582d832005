//! Alibaba Cloud: CloudSSO's operations, named by a header or a parameter and all at one path.

mod credentials;
mod directory;
mod door;
mod parameters;
mod refusal;
mod users;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::{Control, Message};
use crate::sandbox::{Reply, cloud::Cloud};
use parameters::Parameters;
use refusal::Refusal;

/// The one directory of the account.
pub const DIRECTORY: &str = "d-00sandbox001";
/// Where it is.
pub const REGION: &str = "cn-shanghai";
/// The version of the API.
const VERSION: &str = "2021-05-15";

/// What an operation answers besides the `RequestId`.
type Outcome = Result<Map<String, Value>, Refusal>;

/// Whether a request at the root is for the control plane, and not for the page.
pub(super) fn owns(message: &Message) -> bool {
    message.path == "/"
        && (message.method == "POST"
            || message.header("x-acs-action").is_some()
            || Parameters::of(message).get("Action").is_some())
}

impl Control {
    pub(super) fn answer_as_alibaba(&mut self, message: &Message, cloud: &Cloud, now: DateTime<Utc>) -> Reply {
        let outcome = self.alibaba(message, cloud, now);
        let request_id = self.request_id().to_uppercase();
        match outcome {
            Ok(mut body) => {
                body.insert("RequestId".into(), request_id.clone().into());
                reply(200, &request_id, &Value::Object(body))
            }
            Err(refusal) => refused(message, &refusal, &request_id),
        }
    }

    fn alibaba(&mut self, message: &Message, cloud: &Cloud, now: DateTime<Utc>) -> Outcome {
        let parameters = Parameters::of(message);
        let action = self.admit_rpc(message, &parameters, now)?;
        match action.as_str() {
            "ListDirectories" => Ok(self.directories()),
            "GetDirectoryStatistics" => self.statistics(&parameters, cloud),
            "GetSCIMSynchronizationStatus" => self.status(&parameters),
            "SetSCIMSynchronizationStatus" => self.set_status(&parameters, now),
            "CreateSCIMServerCredential" => self.create_credential(&parameters, now),
            "ListSCIMServerCredentials" => self.credentials(&parameters),
            "UpdateSCIMServerCredentialStatus" => self.set_credential(&parameters),
            "DeleteSCIMServerCredential" => self.delete_credential(&parameters),
            "ListUsers" => list_users(&parameters, cloud),
            "GetUserId" => user_id(&parameters, cloud),
            _ => Err(Refusal::new(
                404,
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
            )),
        }
    }

    /// The error of that status.
    pub(super) fn alibaba_fault(&self, message: &Message, status: u16) -> Reply {
        let request_id = self.request_id().to_uppercase();
        refused(message, &Refusal::of_status(status), &request_id)
    }
}

use users::{list_users, user_id};

fn refused(message: &Message, refusal: &Refusal, request_id: &str) -> Reply {
    let host = message.header("host").unwrap_or_default();
    reply(refusal.status, request_id, &refusal.body(request_id, host))
}

fn reply(status: u16, request_id: &str, body: &Value) -> Reply {
    Reply {
        status,
        headers: vec![
            ("content-type".to_owned(), "application/json;charset=utf-8".to_owned()),
            ("x-acs-request-id".to_owned(), request_id.to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// UTC, to the second, with a Z.
fn time(at: DateTime<Utc>) -> Value {
    at.to_rfc3339_opts(SecondsFormat::Secs, true).into()
}

/// The object in a JSON literal.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
