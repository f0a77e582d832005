//! The people of the SCIM side, as CloudSSO's own operations show them.

use serde_json::{Value, json};

use super::{Outcome, Parameters, Refusal, object, time};
use crate::sandbox::cloud::{Cloud, Stored};

/// People in one answer, when nothing is said and at most.
const RESULTS: usize = 10;
const RESULTS_MAX: usize = 100;

/// A page of those who fit. `NextToken` is the id of the last one of the page before.
pub(super) fn list_users(parameters: &Parameters, cloud: &Cloud) -> Outcome {
    parameters.directory()?;
    let most = match parameters.get("MaxResults") {
        None => RESULTS,
        Some(text) => {
            let read = text.parse().ok().filter(|most| (1..=RESULTS_MAX).contains(most));
            read.ok_or_else(|| Refusal::invalid("MaxResults", "it is from 1 to 100"))?
        }
    };
    let filter = parameters.get("Filter").map(Filter::parse).transpose()?;
    let manual = parameters.one_of("ProvisionType", ["Manual", "Synchronized"])?;
    let status = parameters.one_of("Status", ["Enabled", "Disabled"])?;
    let fits = |stored: &&Stored| {
        filter.as_ref().is_none_or(|filter| filter.fits(stored.name()))
            && manual.is_none_or(|manual| manual == provision_type(stored))
            && status.is_none_or(|status| status == user_status(stored))
    };
    let all: Vec<&Stored> = cloud.users().filter(fits).collect();
    let from = match parameters.get("NextToken") {
        None => 0,
        Some(last) => {
            let at = all.iter().position(|stored| stored.id == last);
            at.ok_or_else(|| Refusal::invalid("NextToken", "it is none of ours"))? + 1
        }
    };
    let page: Vec<&Stored> = all.iter().copied().skip(from).take(most).collect();
    let more = from + page.len() < all.len();
    let mut body = object(json!({
        "Users": page.iter().map(|stored| user(stored)).collect::<Vec<_>>(),
        "TotalCounts": all.len(),
        "MaxResults": most,
        "IsTruncated": more,
    }));
    if let Some(last) = page.last().filter(|_| more) {
        body.insert("NextToken".into(), last.id.clone().into());
    }
    Ok(body)
}

/// The user with an `ExternalId`, which is a JSON text.
pub(super) fn user_id(parameters: &Parameters, cloud: &Cloud) -> Outcome {
    parameters.directory()?;
    let wanted: Value = serde_json::from_str(parameters.must("ExternalId")?).unwrap_or_default();
    let (Some(id), Some(issuer)) = (wanted["Id"].as_str(), wanted["Issuer"].as_str()) else {
        return Err(Refusal::invalid("ExternalId", "it is a JSON object with Id and Issuer"));
    };
    let found = cloud
        .users()
        .find(|stored| issuer == "SCIM" && !stored.manual && stored.text("externalId") == Some(id));
    let found = found.ok_or_else(|| Refusal::no_entity("User"))?;
    Ok(object(json!({ "UserId": found.id })))
}

/// `UserName eq x`, `UserName sw x`; names are compared without case.
struct Filter {
    whole: bool,
    value: String,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut words = text.splitn(3, ' ');
        let (name, operator, value) = (words.next(), words.next(), words.next());
        let whole = match operator {
            Some("eq") => true,
            Some("sw") => false,
            _ => return Err(Refusal::invalid("Filter", "it is UserName eq NAME or UserName sw NAME")),
        };
        match (name, value) {
            (Some("UserName"), Some(value)) if !value.is_empty() => Ok(Self {
                whole,
                value: value.to_lowercase(),
            }),
            _ => Err(Refusal::invalid("Filter", "it is UserName eq NAME or UserName sw NAME")),
        }
    }

    fn fits(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        if self.whole {
            name == self.value
        } else {
            name.starts_with(&self.value)
        }
    }
}

fn provision_type(stored: &Stored) -> &'static str {
    if stored.manual { "Manual" } else { "Synchronized" }
}

fn user_status(stored: &Stored) -> &'static str {
    match stored.resource.get("active") {
        Some(Value::Bool(false)) => "Disabled",
        _ => "Enabled",
    }
}

fn user(stored: &Stored) -> Value {
    let resource = &stored.resource;
    let name = |part: &str| {
        resource
            .get("name")
            .and_then(|name| name.get(part))
            .cloned()
            .unwrap_or_default()
    };
    let emails = resource.get("emails").and_then(Value::as_array);
    let email = emails.and_then(|emails| {
        let primary = emails.iter().find(|email| email["primary"] == true);
        primary.or(emails.first())
    });
    let mut shown = json!({
        "UserId": stored.id,
        "UserName": stored.name(),
        "DisplayName": resource.get("displayName"),
        "FirstName": name("givenName"),
        "LastName": name("familyName"),
        "Email": email.map(|email| email["value"].clone()),
        "Description": "",
        "Status": user_status(stored),
        "ProvisionType": provision_type(stored),
        "CreateTime": time(stored.created),
        "UpdateTime": time(stored.last_modified),
    });
    if let Some(id) = stored.text("externalId").filter(|_| !stored.manual) {
        shown["ExternalId"] = json!({ "Id": id, "Issuer": "SCIM" });
    }
    shown
}
