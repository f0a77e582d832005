//! What comes back, read as leniently as can be: every cloud departs from the RFC in its own way.
//!
//! Parse leniently, send strictly. Nothing here fails: what cannot be read is absent.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use super::shown;
use crate::{
    https::{WORDS_CHARS_MAX, clean},
    model::ResourceId,
    ports::CloudAccount,
};

/// Longer ids are not believed (the clouds we know stay below 64).
const ID_BYTES_MAX: usize = 1024;

/// A user or a group as the provider tells it. Everything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Account {
    /// `id`, also when it is a number.
    #[serde(default, deserialize_with = "id")]
    pub id: Option<ResourceId>,
    /// `userName`.
    #[serde(default, rename = "userName", deserialize_with = "text")]
    pub user_name: Option<String>,
    /// `displayName`, which is the name of a group.
    #[serde(default, rename = "displayName", deserialize_with = "text")]
    pub display_name: Option<String>,
    /// `externalId`; not every cloud returns it.
    #[serde(default, rename = "externalId", deserialize_with = "text")]
    pub external_id: Option<String>,
    /// `active`, also as a string.
    #[serde(default, deserialize_with = "truth")]
    pub active: Option<bool>,
    /// All of it, for accounts out of a list.
    #[serde(skip)]
    whole: Json,
}

impl Account {
    /// The user in the body of an answer; empty when there is none.
    pub(super) fn parse(body: &[u8]) -> Self {
        // Read as a whole first: also what is not looked at has to be JSON (RFC 8259), every escape of it.
        let whole = serde_json::from_slice(body).ok();
        whole.as_ref().map(Self::of).unwrap_or_default()
    }

    /// The user in a JSON value; empty when there is none.
    pub(super) fn of(body: &Json) -> Self {
        // An array would be read too, member after member.
        match body {
            Json::Object(_) => Self::deserialize(body).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// An account out of a list with all that was shown of it.
    pub(super) fn shown(&self) -> Option<CloudAccount> {
        shown::account(&self.whole)
    }
}

/// The account in the body of an answer, with all that is shown of it.
pub(super) fn account(body: &[u8]) -> Option<CloudAccount> {
    shown::account(&serde_json::from_slice(body).ok()?)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(loose(&Json::deserialize(deserializer)?))
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ResourceId>, D::Error> {
    Ok(text(deserializer)?
        .filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX)
        // These two cannot be written as a path segment (RFC 3986 section 5.2.4).
        .filter(|id| id != "." && id != ".." && !id.contains(char::is_control))
        .map(ResourceId))
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(truth_of(&Json::deserialize(deserializer)?))
}

/// A boolean, also as a string.
pub(super) fn truth_of(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A string, or a number as its digits.
pub(super) fn loose(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A group as the provider tells it when asked for it by its id.
#[derive(Debug, Deserialize)]
pub(super) struct GroupShown {
    /// `id`.
    #[serde(default, deserialize_with = "id")]
    pub id: Option<ResourceId>,
    /// `members`; none is told by an empty list, by null, or by leaving it out (RFC 7643 section 2.5).
    #[serde(default)]
    members: Option<Vec<MemberShown>>,
}

#[derive(Debug, Deserialize)]
struct MemberShown {
    #[serde(default, deserialize_with = "id")]
    value: Option<ResourceId>,
}

impl GroupShown {
    /// The group in the body of an answer.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        // An array would be read too, member after member.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        is_object.then(|| serde_json::from_slice(body).ok()).flatten()
    }

    /// The ids of its members.
    pub(super) fn into_members(self) -> Vec<ResourceId> {
        let members = self.members.unwrap_or_default();
        members.into_iter().filter_map(|member| member.value).collect()
    }
}

/// One page of a list (RFC 7644 section 3.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The users; those without a usable `id` are left out.
    pub accounts: Vec<Account>,
    /// More matches may exist than this page holds.
    pub partial: bool,
    /// How many the page holds, those without a usable `id` included.
    pub held: u64,
    /// `totalResults`.
    pub total: Option<u64>,
    /// `nextCursor` (RFC 9865), when there is one.
    pub cursor: Option<String>,
}

impl Page {
    /// The page in the body, or nothing when the body is not a list.
    pub(super) fn parse(body: &[u8], page_cap: u32) -> Option<Self> {
        let Json::Object(mut list) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        let total = field(&list, "totalResults")
            .and_then(loose)
            .and_then(|n| n.parse::<u64>().ok());
        let cursor = field(&list, "nextCursor")
            .and_then(loose)
            .filter(|cursor| !cursor.is_empty());
        let key = list.keys().find(|key| key.eq_ignore_ascii_case("Resources")).cloned();
        let resources = match key.and_then(|key| list.remove(&key)) {
            Some(Json::Array(resources)) => resources,
            None | Some(Json::Null) if total.is_some() || is_list(&list) => Vec::new(),
            _ => return None,
        };
        let held = resources.len() as u64;
        let accounts = resources
            .into_iter()
            .map(|whole| (Account::of(&whole), whole))
            .filter(|(account, _)| account.id.is_some())
            .map(|(account, whole)| Account { whole, ..account })
            .collect();
        Some(Self {
            accounts,
            // Some clouds count only what they return, so a full page is suspect as well.
            partial: cursor.is_some() || total.is_some_and(|total| total > held) || held >= u64::from(page_cap.max(1)),
            held,
            total,
            cursor,
        })
    }
}

fn is_list(list: &Map<String, Json>) -> bool {
    let is_list_urn = |value: &Json| value.as_str().is_some_and(|urn| urn.ends_with(":ListResponse"));
    field(list, "schemas")
        .and_then(Json::as_array)
        .is_some_and(|schemas| schemas.iter().any(is_list_urn))
}

fn field<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// Whether a 404 with this body is the provider's own. One that is a web page or a line of text
/// comes from something in front of it and says nothing about the account.
pub(super) fn is_scim_answer(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace) || is_scim_error(body)
}

/// Whether the body is a web page: no service provider answers so, but a proxy or a sign-in portal in
/// front of it does, with any status.
pub(super) fn is_web_page(body: &[u8]) -> bool {
    looks_like_html(&String::from_utf8_lossy(&body[..body.len().min(WORDS_CHARS_MAX)]))
}

/// Whether the body is the provider's own error and no more than that.
pub(super) fn is_scim_error(body: &[u8]) -> bool {
    matches!(serde_json::from_slice(body), Ok(Json::Object(_)))
}

/// Whether the error says "not unique" (RFC 7644 section 3.12), which some say with 400.
pub(super) fn is_uniqueness_error(body: &[u8]) -> bool {
    has_scim_type(body, "uniqueness")
}

/// Whether the error says that the path of an operation found nothing (RFC 7644 section 3.12).
pub(super) fn is_no_target_error(body: &[u8]) -> bool {
    has_scim_type(body, "noTarget")
}

fn has_scim_type(body: &[u8], keyword: &str) -> bool {
    matches!(serde_json::from_slice(body), Ok(Json::Object(error))
        if field(&error, "scimType").and_then(Json::as_str) == Some(keyword))
}

/// The provider's words in an error answer, whatever their shape, on one line, with the request id
/// that its support will ask for.
pub(super) fn explain(body: &[u8], request_id: Option<&str>) -> String {
    let text = String::from_utf8_lossy(body);
    let (words, id) = match serde_json::from_str::<Json>(&text) {
        Ok(Json::Object(error)) => (words_of(&error), first(&error, REQUEST_IDS)),
        Ok(Json::String(words)) => (Some(words), None),
        _ if looks_like_html(&text) => (Some(text_of_html(&text)), None),
        _ => (Some(text.into_owned()), None),
    };
    let words = words.map(|words| clean(&words)).filter(|words| !words.is_empty());
    let words = words.unwrap_or_else(|| "no explanation given".into());
    match request_id.map(str::to_owned).or(id).map(|id| clean(&id)) {
        Some(id) if !id.is_empty() => format!("{words} (request id {id})"),
        _ => words,
    }
}

const REQUEST_IDS: &[&str] = &["exceptionRequestId", "request_id", "requestId"];
const WORDS: &[&str] = &["detail", "error_msg", "error_description", "message", "title"];
const KEYWORDS: &[&str] = &["scimType", "error_code", "code"];

fn words_of(error: &Map<String, Json>) -> Option<String> {
    let words = first(error, WORDS).or_else(|| match field(error, "error") {
        Some(Json::Object(inner)) => words_of(inner),
        Some(other) => loose(other),
        None => field(error, "Errors").and_then(Json::as_array).and_then(|errors| {
            let first = errors.first()?;
            first.as_object().and_then(words_of).or_else(|| loose(first))
        }),
    });
    match (words, first(error, KEYWORDS)) {
        (Some(words), Some(keyword)) => Some(format!("{keyword}: {words}")),
        (words, keyword) => words.or(keyword),
    }
}

fn first(object: &Map<String, Json>, names: &[&str]) -> Option<String> {
    names
        .iter()
        .filter_map(|name| field(object, name).and_then(loose))
        .find(|text| !text.trim().is_empty())
}

fn looks_like_html(text: &str) -> bool {
    text.trim_start().starts_with('<')
}

/// The text of a page: its title when it has one, else everything outside of tags.
fn text_of_html(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len()).and_then(|start| {
        let end = lower.get(start..)?.find("</title>")?;
        page.get(start..start + end)
    });
    let words = title
        .filter(|title| !title.trim().is_empty())
        .map_or_else(|| without_tags(page), str::to_owned);
    format!("a web page: {words}")
}

fn without_tags(page: &str) -> String {
    let mut inside = false;
    page.chars()
        .map(|c| match c {
            '<' => {
                inside = true;
                ' '
            }
            '>' => {
                inside = false;
                ' '
            }
            _ if inside => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn error_bodies_of_every_shape() {
        let check = |body: &str, expected: &str| assert_eq!(explain(body.as_bytes(), None), expected, "{body}");
        check(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"taken","status":"409"}"#,
            "uniqueness: taken",
        );
        check(
            r#"{"schema":"urn:ietf:params:scim:api:messages:2.0:Error","schemas":["x"],"detail":"bad","status":400,"timeStamp":"t"}"#,
            "bad",
        );
        check(
            r#"{"schema":["x"],"schemas":["x"],"detail":"dup","status":"409","exceptionRequestId":"r-1","timeStamp":"t"}"#,
            "dup (request id r-1)",
        );
        check(
            r#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM information","request_id":"r-2"}"#,
            "APIGW.0301: Incorrect IAM information (request id r-2)",
        );
        check(
            r#"{"RequestId":"r-3","Code":"Throttling","Message":"slow"}"#,
            "Throttling: slow (request id r-3)",
        );
        check(r#"{"Errors":[{"description":"x","code":400}]}"#, "400");
        check(r#"{"error":"invalid_token","error_description":"expired"}"#, "expired");
        check(r#"{"error":{"message":"nested"}}"#, "nested");
        check(r#"{"detail":null,"status":[]}"#, "no explanation given");
        check(r#"{"detail":"cut of"#, r#"{"detail":"cut of"#);
        check("", "no explanation given");
        check(" \r\n ", "no explanation given");
        check("null", "null");
        check("\"just words\"", "just words");
        check("upstream timed out", "upstream timed out");
        check(
            "<html><head><TITLE>502 Bad\nGateway</TITLE></head><body>x</body>",
            "a web page: 502 Bad Gateway",
        );
        check("<p>Sorry, <b>no</b></p>", "a web page: Sorry, no");
        check("a\u{1b}[31mred\u{0}\nforged line\u{202e}", "a [31mred forged line");
    }

    #[test]
    fn words_are_bounded_and_need_not_be_utf8() {
        assert_eq!(
            explain(&[0xff, b'o', b'k'], Some("r\n9")),
            "\u{fffd}ok (request id r 9)"
        );
        assert_eq!(explain(&vec![b'x'; 1 << 20], None).chars().count(), WORDS_CHARS_MAX + 1);
        assert_eq!(explain(&vec![b'['; 1 << 20], None).chars().count(), WORDS_CHARS_MAX + 1);
    }

    #[test]
    fn accounts() {
        let check = |body: &str, id: Option<&str>, external: Option<&str>, active| {
            let account = Account::parse(body.as_bytes());
            let seen = (
                account.id.as_ref().map(|id| id.0.as_str()),
                account.external_id.as_deref(),
                account.active,
            );
            assert_eq!(seen, (id, external, active), "{body}");
        };
        check(
            r#"{"id":"a","externalId":"x","active":true,"more":[{}]}"#,
            Some("a"),
            Some("x"),
            Some(true),
        );
        check(
            r#"{"id":42,"externalId":7,"active":"False"}"#,
            Some("42"),
            Some("7"),
            Some(false),
        );
        check(r#"{"id":null,"externalId":null,"active":null}"#, None, None, None);
        check(r#"{"id":"..","externalId":{}}"#, None, None, None);
        check(r#"{"id":""}"#, None, None, None);
        check(r#"{"id":"../Groups/1"}"#, Some("../Groups/1"), None, None);
        check("[]", None, None, None);
        check(r#"["a","ada","Ada","x",true]"#, None, None, None);
        check(r#"{"id":"a","more":"\ud800\u0020"}"#, None, None, None);
        check("<html>", None, None, None);
    }

    #[test]
    fn lists() {
        let check = |body: &str, expected: Option<(usize, bool)>| {
            let page = Page::parse(body.as_bytes(), 50).map(|page| (page.accounts.len(), page.partial));
            assert_eq!(page, expected, "{body}");
        };
        check(r#"{"totalResults":1,"Resources":[{"id":"a"}]}"#, Some((1, false)));
        check(
            r#"{"totalResults":"2","itemsPerPage":"1","startIndex":"1","Resources":[{"id":"a"}]}"#,
            Some((1, true)),
        );
        check(r#"{"totalResults":1,"resources":[{"id":1}]}"#, Some((1, false)));
        check(r#"{"Resources":[{"id":"a"},{"noid":1},7]}"#, Some((1, false)));
        check(r#"{"Resources":[],"nextCursor":"abc"}"#, Some((0, true)));
        check(r#"{"totalResults":0}"#, Some((0, false)));
        check(r#"{"totalResults":0,"Resources":null}"#, Some((0, false)));
        check(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"]}"#,
            Some((0, false)),
        );
        check(r#"{"Resources":{}}"#, None);
        check(r#"{"status":"ok"}"#, None);
        check("[]", None);
        check(r#"{"totalResults":1,"Resources":[{"id":"#, None);
        check("", None);
    }

    #[test]
    fn only_a_scim_404_is_believed() {
        let check = |body: &str, expected| assert_eq!(is_scim_answer(body.as_bytes()), expected, "{body}");
        check(r#"{"status":"404"}"#, true);
        check("", true);
        check("404 page not found", false);
        check("<html></html>", false);
        check("404", false);
    }

    proptest! {
        #[test]
        fn nothing_from_the_network_panics(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Account::parse(&body);
            let _ = Page::parse(&body, 0);
            let words = explain(&body, None);
            prop_assert!(!words.contains(char::is_control));
        }

        #[test]
        fn html_of_any_shape(body in "<[a-zé<>/ ]{0,64}(<title>)?[é ]{0,8}(</title>)?") {
            let _ = explain(body.as_bytes(), None);
        }
    }
}
