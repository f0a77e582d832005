//! What stands after the question mark.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{input, refusal::Refusal};
use crate::profile::{Paging, Profile};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The parameters of RFC 7644 section 3.4.2 and RFC 9865.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub filter: Option<String>,
    pub start_index: Option<i64>,
    pub count: Option<i64>,
    /// Given empty for the first page.
    pub cursor: Option<String>,
    pub attributes: Vec<String>,
    pub excluded: Vec<String>,
}

impl Query {
    /// Reads the parameters that this cloud knows; any other is an error, so that a client cannot
    /// believe in what is not there.
    pub(super) fn parse(profile: &Profile, query: Option<&str>) -> Result<Self, Refusal> {
        let mut given = pairs(query.unwrap_or_default())?;
        let mut take = |name: &str| given.remove(name);
        for name in &profile.wire.refused_parameters {
            if take(name).is_some() {
                return Err(Refusal::value(format!("{name}: is not supported")));
            }
        }
        let number = |name: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| Refusal::value(format!("{name}: is not a number"))),
        };
        let names = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        let parsed = Self {
            filter: take("filter"),
            start_index: number("startIndex", take("startIndex"))?,
            count: number("count", take("count"))?,
            cursor: match profile.paging {
                Paging::Cursor => take("cursor"),
                Paging::None | Paging::Index => None,
            },
            attributes: names(take("attributes")),
            excluded: names(take("excludedAttributes")),
        };
        // RFC 7644 section 3.4.2.3: who does not sort ignores these.
        drop((take("sortBy"), take("sortOrder")));
        if !parsed.attributes.is_empty() && !parsed.excluded.is_empty() {
            return Err(Refusal::value("attributes and excludedAttributes exclude each other"));
        }
        match given.keys().next() {
            Some(unknown) => Err(Refusal::value(format!("{unknown}: is not supported"))),
            None => parsed.chosen_once(),
        }
    }

    /// Reads a search that comes as a POST (RFC 7644 section 3.4.3).
    pub(super) fn search(body: &Map<String, Value>) -> Result<Self, Refusal> {
        input::schemas(body, SEARCH)?;
        let mut query = Self::default();
        let wrong = |name: &str| Refusal::value(format!("{name}: has the wrong JSON type"));
        let names = |name: &str, value: &Value| -> Result<Vec<String>, Refusal> {
            let texts = value
                .as_array()
                .map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
            let texts = texts.flatten().ok_or_else(|| wrong(name))?;
            Ok(texts.into_iter().map(str::to_owned).collect())
        };
        for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
            let number = || value.as_i64().ok_or_else(|| wrong(name));
            match name.as_str() {
                "filter" => query.filter = Some(value.as_str().ok_or_else(|| wrong(name))?.to_owned()),
                "startIndex" => query.start_index = Some(number()?),
                "count" => query.count = Some(number()?),
                "attributes" => query.attributes = names(name, value)?,
                "excludedAttributes" => query.excluded = names(name, value)?,
                "schemas" | "sortBy" | "sortOrder" => {}
                _ => return Err(Refusal::value(format!("{name}: is not supported"))),
            }
        }
        query.chosen_once()
    }

    fn chosen_once(self) -> Result<Self, Refusal> {
        if self.attributes.is_empty() || self.excluded.is_empty() {
            Ok(self)
        } else {
            Err(Refusal::value("attributes and excludedAttributes exclude each other"))
        }
    }
}

fn pairs(query: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut pairs = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name)?;
        if pairs.insert(name.clone(), decoded(value)?).is_some() {
            return Err(Refusal::value(format!("{name}: is there twice")));
        }
    }
    Ok(pairs)
}

/// Percent-decoded, with `+` as the space that it is in a query.
fn decoded(text: &str) -> Result<String, Refusal> {
    let text = text.replace('+', " ");
    percent_decode_str(&text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Refusal::value("the query is not UTF-8"))
}
