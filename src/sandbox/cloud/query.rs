//! What stands after the question mark.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use crate::profile::{Paging, Profile};

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
            None => Ok(parsed),
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
