//! The probe of `scimward check`: is the endpoint right, is the token good, does filtering work?

use serde_json::Value as Json;

use super::{
    client::{ScimClient, WEB_PAGE},
    request,
    wire::Page,
};
use crate::{
    ports::ProviderError,
    profile::{Profile, UpdateVerb},
};

/// A name nobody has.
const NOBODY: &str = "scimward-check";

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Works, but not fully.
    Warning,
    /// A cycle would fail.
    Error,
}

/// One thing found out, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is and what to do.
    pub text: String,
}

impl ScimClient {
    /// Asks the service provider what it is and whether it lets us in. Changes nothing there.
    pub async fn check(&self) -> Vec<Finding> {
        let mut findings = match self.send(&request::provider_config()).await {
            Ok(answer) => judge_config(&self.profile, answer.status, answer.body.ok().as_deref()),
            // Some ask for the token here and some do not, so the look-up decides on that.
            Err(ProviderError::Unauthorized { .. }) => Vec::new(),
            Err(error) => return vec![error_finding(&error)],
        };
        findings.push(self.check_look_up().await);
        findings
    }

    async fn check_look_up(&self) -> Finding {
        let answer = match self.send(&request::find("userName", NOBODY)).await {
            Ok(answer) => answer,
            Err(error) => return error_finding(&error),
        };
        match answer.status {
            200..=299 => match Page::parse(answer.body.as_deref().unwrap_or_default(), self.profile.page_cap) {
                Some(page) if page.accounts.is_empty() => fine("the token is good, and users can be looked up"),
                Some(_) => warning(
                    "the token is good, but the service provider ignores filters: accounts that exist already may not \
                     be found"
                        .into(),
                ),
                None => Finding {
                    severity: Severity::Error,
                    text: "the answer to a look-up of users is not a SCIM list, so this is no SCIM endpoint; correct \
                           [scim] endpoint"
                        .into(),
                },
            },
            404 => Finding {
                severity: Severity::Error,
                text: format!(
                    "there is no Users below the endpoint (404: {}); correct [scim] endpoint",
                    answer.detail
                ),
            },
            status => warning(format!(
                "a look-up of users was answered with {status}: {}",
                answer.detail
            )),
        }
    }
}

/// What the provider says about itself.
pub(super) fn judge_config(profile: &Profile, status: u16, body: Option<&[u8]>) -> Vec<Finding> {
    let config = body.and_then(|body| serde_json::from_slice::<Json>(body).ok());
    match (status, config) {
        (200..=299, Some(config)) => {
            let mut findings = vec![fine("ServiceProviderConfig can be read")];
            let off = |feature: &str| config[feature]["supported"] == Json::Bool(false);
            if off("patch") && profile.update != UpdateVerb::Put {
                findings.push(warning(format!(
                    "the service provider says that it has no PATCH, which profile {:?} uses",
                    profile.name
                )));
            }
            if off("filter") {
                findings.push(warning(
                    "the service provider says that it cannot filter: accounts that exist already may not be found"
                        .into(),
                ));
            }
            findings
        }
        (200..=299, None) => vec![warning(
            "ServiceProviderConfig is not JSON; is this a SCIM endpoint?".into(),
        )],
        (status, _) => vec![fine(&format!("no ServiceProviderConfig ({status}), which is allowed"))],
    }
}

fn fine(text: &str) -> Finding {
    Finding {
        severity: Severity::Fine,
        text: text.to_owned(),
    }
}

fn warning(text: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        text,
    }
}

fn error_finding(error: &ProviderError) -> Finding {
    let mut text = error.to_string();
    if text.contains(WEB_PAGE) {
        text.push_str("; if that is no passing fault, this is no SCIM endpoint; correct [scim] endpoint");
    }
    Finding {
        severity: Severity::Error,
        text,
    }
}
