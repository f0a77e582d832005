//! What one kind of cloud looks like on the wire beyond the rules for a person: which requests it
//! offers, and in which shapes it answers. The defaults are what RFC 7643 and RFC 7644 say.

use serde::Deserialize;

/// How much of the filter language is understood (RFC 7644 section 3.4.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterStyle {
    /// One comparison with `eq`, on the attributes that can be filtered on.
    Eq,
    /// Such comparisons joined by `and`.
    EqAnd,
    /// All of it, on every attribute.
    #[default]
    Full,
}

/// A JSON value in one of two types, or left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaKey {
    /// No `schema` beside `schemas`.
    #[default]
    Absent,
    /// `"schema": "urn:…"`.
    Text,
    /// `"schema": ["urn:…"]`.
    List,
}

/// How the moment is told in an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeStamp {
    /// Not at all.
    #[default]
    Absent,
    /// `2022-03-18T10:57:08Z`.
    Iso,
    /// `2022-03-18 10:57:08.014`.
    Spaced,
}

/// The body of an error (RFC 7644 section 3.12 and the departures from it).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorShape {
    /// A second `schema` beside `schemas`.
    pub schema: SchemaKey,
    /// `status` is a number, not a string.
    pub status_is_number: bool,
    /// `scimType` is told.
    pub scim_type: bool,
    /// `timeStamp`.
    pub time_stamp: TimeStamp,
    /// `exceptionRequestId`, a UUID.
    pub request_id: bool,
    /// `detail` of a 409 for a duplicate, where it is known word by word.
    pub duplicate: Option<String>,
}

impl Default for ErrorShape {
    fn default() -> Self {
        Self {
            schema: SchemaKey::Absent,
            status_is_number: false,
            scim_type: true,
            time_stamp: TimeStamp::Absent,
            request_id: false,
            duplicate: None,
        }
    }
}

/// Answers and what is offered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// `Content-Type` of answers.
    pub answer_type: String,
    /// The body of errors.
    pub error: ErrorShape,
    /// The discovery endpoints offered besides `ServiceProviderConfig`: `Schemas`, `ResourceTypes`.
    pub discovery: Vec<String>,
    /// `.search` takes searches as POST (RFC 7644 section 3.4.3).
    pub search: bool,
    /// `ServiceProviderConfig` is shown to everybody.
    pub config_without_token: bool,
    /// `type` of the authentication scheme in `ServiceProviderConfig`.
    pub authentication_type: String,
    /// `meta.location` and the `Location` header of a creation are told.
    pub location: bool,
    /// `schemas` of a user names the enterprise extension also when nothing of it is there.
    pub all_schemas: bool,
    /// Attributes of a user that are never in an answer.
    pub not_returned: Vec<String>,
    /// Numbers of a list of users that come as strings.
    pub user_list_strings: Vec<String>,
    /// Numbers of a list of groups that come as strings.
    pub group_list_strings: Vec<String>,
    /// Query parameters of a list that are answered with 400.
    pub refused_parameters: Vec<String>,
    /// How filters are understood.
    pub filter: FilterStyle,
    /// A search by filter that nobody matches is answered with 404; RFC 7644 section 3.4.2 asks for 200
    /// and an empty list. Where this is false a 404 is no answer to a search.
    pub no_match_is_404: bool,
    /// Accounts made by hand are not seen over SCIM.
    pub manual_hidden: bool,
    /// `null`, `[]` and `{}` in a request mean that there is nothing (RFC 7643 section 2.5); where this
    /// is false they are answered with 400.
    pub empty_is_absent: bool,
    /// A request's `schemas` has to name the extension whose attributes it holds.
    pub schemas_name_extensions: bool,
    /// What ids of users begin with.
    pub user_id_prefix: String,
    /// What ids of groups begin with.
    pub group_id_prefix: String,
    /// A header with the number of the request in every answer.
    pub request_id_header: Option<String>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            answer_type: "application/scim+json".into(),
            error: ErrorShape::default(),
            discovery: vec!["Schemas".into(), "ResourceTypes".into()],
            search: true,
            config_without_token: false,
            authentication_type: "oauthbearertoken".into(),
            location: true,
            all_schemas: false,
            not_returned: Vec::new(),
            user_list_strings: Vec::new(),
            group_list_strings: Vec::new(),
            refused_parameters: Vec::new(),
            filter: FilterStyle::Full,
            no_match_is_404: false,
            manual_hidden: false,
            empty_is_absent: true,
            schemas_name_extensions: true,
            user_id_prefix: String::new(),
            group_id_prefix: String::new(),
            request_id_header: None,
        }
    }
}

/// What a PATCH may do (RFC 7644 section 3.5.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatchRules {
    /// Attributes of a user that cannot be removed.
    pub not_removable: Vec<String>,
    /// Attributes of a user that at most one operation of a request may name.
    pub once: Vec<String>,
    /// An operation without a path may bring several attributes.
    pub several_without_path: bool,
    /// Filters in paths are `eq` only: `emails[type eq "work"]`.
    pub filters_are_eq: bool,
}

impl Default for PatchRules {
    fn default() -> Self {
        Self {
            not_removable: vec!["userName".into()],
            once: Vec::new(),
            several_without_path: true,
            filters_are_eq: false,
        }
    }
}
