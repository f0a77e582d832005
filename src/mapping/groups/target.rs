//! The left-hand sides of `[groups.map]`, checked against the Group schema (RFC 7643 section 4.2).

use crate::{
    mapping::{
        error::{Mistake, most_like},
        target::{Target, same_name, strip_schema},
    },
    model::AttributePath,
};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const DISPLAY_NAME: &str = "displayName";
const EXTERNAL_ID: &str = "externalId";
const TEXTS: [&str; 2] = [DISPLAY_NAME, EXTERNAL_ID];
const READ_ONLY: [&str; 3] = ["id", "meta", "schemas"];

/// The target that `written` stands for.
pub(super) fn parse(written: &str) -> Result<Target, Mistake> {
    let name = written.trim();
    let name = strip_schema(name, SCHEMA).unwrap_or(name);
    if let Some(name) = same_name(&TEXTS, name) {
        return Ok(Target::Text(AttributePath::new(name)));
    }
    if same_name(&["members", "members.value"], name).is_some() {
        return Err(Mistake::new(
            "members are not mapped by a rule",
            "name the attributes that hold them: members = [\"member\"] in [groups]",
        ));
    }
    if same_name(&READ_ONLY, name).is_some() {
        return Err(Mistake::new(
            format!("`{written}` is set by the service provider"),
            "take the line out",
        ));
    }
    let hint = match most_like(name, TEXTS) {
        Some(like) => format!("did you mean `{like}`?"),
        None => "a group has displayName and externalId (RFC 7643 section 4.2)".to_owned(),
    };
    Err(Mistake::new(
        format!("`{written}` is not an attribute of a SCIM Group"),
        hint,
    ))
}

/// The name of the group.
pub(super) fn display_name() -> Target {
    Target::Text(AttributePath::new(DISPLAY_NAME))
}

/// Our key of the group.
pub(super) fn external_id() -> Target {
    Target::Text(AttributePath::new(EXTERNAL_ID))
}
