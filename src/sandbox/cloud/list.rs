//! Lists: filters as far as a cloud understands them, and its kind of paging.

use serde_json::{Map, Value, json};

use super::{
    Cloud, Kind, Stored,
    filter::Filter,
    path::AttrPath,
    query::Query,
    refusal::Refusal,
    schema,
    show::{Among, projected},
};
use crate::profile::{FilterStyle, Paging};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The part of all matches that one answer shows.
struct Page {
    numbers: Vec<u64>,
    next_cursor: Option<String>,
    /// 1-based, for paging by index.
    start: usize,
}

impl Cloud {
    /// The list of these kinds.
    pub(super) fn list(&self, kinds: &[Kind], query: &Query) -> Result<Value, Refusal> {
        let mut matches = Vec::new();
        for kind in kinds {
            let filter = match &query.filter {
                Some(text) => Some(self.read_filter(*kind, text)?),
                None => None,
            };
            matches.extend(self.matches(*kind, filter.as_ref()));
        }
        // Numbers are given to both kinds in turn, so this is the order of creation.
        matches.sort_unstable();
        let page = self.page(&matches, query)?;
        let shown = |number: &u64| {
            let mut stored = kinds
                .iter()
                .filter_map(|kind| Some((*kind, self.table(*kind).row(*number)?)));
            let (kind, stored) = stored.next()?;
            Some(Value::Object(projected(self.shown(kind, stored, Among::List), query)))
        };
        let resources: Vec<Value> = page.numbers.iter().filter_map(shown).collect();
        let mut list = Map::new();
        list.insert("schemas".into(), json!([LIST]));
        list.insert("itemsPerPage".into(), json!(resources.len()));
        if query.cursor.is_none() {
            // Where there is no paging, what lies beyond the cap is not counted: whoever takes the number
            // for a proof that the list is whole is wrong there.
            let total = match self.profile.paging {
                Paging::None => resources.len(),
                Paging::Index | Paging::Cursor => matches.len(),
            };
            list.insert("totalResults".into(), json!(total));
            list.insert("startIndex".into(), json!(page.start));
        }
        list.extend(page.next_cursor.map(|cursor| ("nextCursor".to_owned(), cursor.into())));
        list.insert("Resources".into(), resources.into());
        let as_text = match kinds {
            [Kind::Group] => &self.profile.wire.group_list_strings,
            _ => &self.profile.wire.user_list_strings,
        };
        for name in as_text {
            if let Some(value) = list.get_mut(name) {
                *value = value.to_string().into();
            }
        }
        Ok(Value::Object(list))
    }

    /// The numbers of all that fit, in the order of creation.
    fn matches(&self, kind: Kind, filter: Option<&Filter>) -> Vec<u64> {
        let table = self.table(kind);
        let visible = |stored: &Stored| !(stored.manual && self.hides_manual(kind));
        let Some(filter) = filter else {
            return table
                .rows()
                .filter(|(_, stored)| visible(stored))
                .map(|(n, _)| n)
                .collect();
        };
        let fits = |stored: &Stored| {
            let whole = Value::Object(self.whole(kind, stored));
            visible(stored) && filter.fits(&whole, &|path| self.is_exact(kind, path))
        };
        match self.candidates(kind, filter) {
            Some(numbers) => {
                let fitting = |number: &u64| table.row(*number).is_some_and(fits);
                numbers.into_iter().filter(fitting).collect()
            }
            None => table
                .rows()
                .filter(|(_, stored)| fits(stored))
                .map(|(n, _)| n)
                .collect(),
        }
    }

    /// Those who can fit, when an index knows.
    fn candidates(&self, kind: Kind, filter: &Filter) -> Option<Vec<u64>> {
        let table = self.table(kind);
        filter.equalities()?.into_iter().find_map(|(path, value)| {
            let of = |id: &str| table.number(id).into_iter().collect();
            match (kind, path.folded().as_str()) {
                (_, "id") => Some(of(value)),
                (Kind::Group, "members" | "members.value") => {
                    let groups = self.memberships.get(value).into_iter().flatten();
                    let mut numbers: Vec<u64> = groups.filter_map(|id| table.number(id)).collect();
                    numbers.sort_unstable();
                    Some(numbers)
                }
                (Kind::User, "groups" | "groups.value") => {
                    let members = self.groups.get(value).map(|group| &group.members);
                    let members = members.into_iter().flatten();
                    let mut numbers: Vec<u64> = members.filter_map(|(id, _)| table.number(id)).collect();
                    numbers.sort_unstable();
                    Some(numbers)
                }
                (_, "username") => table.holders("userName", value),
                (_, "externalid") => table.holders("externalId", value),
                (_, "displayname") => table.holders("displayName", value),
                _ => None,
            }
        })
    }

    fn read_filter(&self, kind: Kind, text: &str) -> Result<Filter, Refusal> {
        let mut filter = Filter::parse(text).map_err(|why| Refusal::filter(format!("filter: {why}")))?;
        if self.profile.wire.filter == FilterStyle::Full {
            return Ok(filter);
        }
        spell_out(&mut filter);
        let equalities = filter.equalities().unwrap_or_default();
        let asked: Vec<String> = equalities.iter().map(|(path, _)| path.folded()).collect();
        if self.takes_filter(kind, &asked) {
            Ok(filter)
        } else {
            let known = match kind {
                Kind::User => &self.profile.filterable,
                Kind::Group => &self.profile.groups.filterable,
            };
            let why = format!("filter: {} eq \"value\" is what can be asked for", known.join(" | "));
            Err(Refusal::filter(why))
        }
    }

    /// Whether these attributes, in small letters, can be asked for in one filter.
    fn takes_filter(&self, kind: Kind, asked: &[String]) -> bool {
        let is = |name: &String, path: &String| name.to_lowercase() == *path;
        let among = |list: &[String], path: &String| list.iter().any(|name| is(name, path));
        let known = |path: &String| match kind {
            Kind::User => among(&self.profile.filterable, path),
            Kind::Group => among(&self.profile.groups.filterable, path),
        };
        let pairs = &self.profile.filterable_together;
        match asked {
            [] => false,
            [path] => known(path),
            _ if self.profile.wire.filter == FilterStyle::Eq => false,
            // Where pairs are named, they are all there is.
            [a, b] if kind == Kind::User && !pairs.is_empty() => {
                pairs.iter().any(|[c, d]| is(c, a) && is(d, b) || is(c, b) && is(d, a))
            }
            all => all.iter().all(known),
        }
    }

    fn page(&self, matches: &[u64], query: &Query) -> Result<Page, Refusal> {
        let cap = usize::try_from(self.profile.page_cap).unwrap_or(usize::MAX);
        let first = |count: usize| Page {
            numbers: matches.iter().take(count).copied().collect(),
            next_cursor: None,
            start: 1,
        };
        match (self.profile.paging, &query.cursor) {
            (Paging::None, _) => Ok(first(cap)),
            (Paging::Index, _) => {
                let start = usize::try_from(query.start_index.unwrap_or(1)).unwrap_or(1).max(1);
                let count = usize::try_from(query.count.unwrap_or(i64::MAX)).unwrap_or(0).min(cap);
                Ok(Page {
                    numbers: matches.iter().skip(start - 1).take(count).copied().collect(),
                    next_cursor: None,
                    start,
                })
            }
            (Paging::Cursor, cursor) => {
                let count = query.count.unwrap_or(i64::from(self.profile.page_cap));
                let count = usize::try_from(count).ok().filter(|count| (1..=cap).contains(count));
                let count =
                    count.ok_or_else(|| Refusal::new(400, Some("invalidCount"), format!("count: 1 to {cap}")))?;
                match cursor {
                    None => Ok(first(count)),
                    Some(cursor) => after(matches, cursor, count),
                }
            }
        }
    }

    /// Whether values at this path are compared with case (RFC 7643 section 8.7.1, and what the profile
    /// says of names).
    fn is_exact(&self, kind: Kind, path: &AttrPath) -> bool {
        match path.folded().as_str() {
            "username" => !self.profile.user_name_case_insensitive,
            "displayname" if kind == Kind::Group => !self.profile.groups.display_name_case_insensitive,
            "id" | "externalid" | "members" | "members.value" | "groups" | "groups.value" => true,
            other => {
                other.starts_with("meta.")
                    || other.ends_with(".$ref")
                    || other == format!("{}:manager", schema::ENTERPRISE_USER).to_lowercase()
            }
        }
    }
}

/// Clouds that understand little write `manager` without its URN.
fn spell_out(filter: &mut Filter) {
    match filter {
        Filter::And(all) => all.iter_mut().for_each(spell_out),
        Filter::Compare(path, ..) if path.urn.is_none() && path.attribute.as_deref() == Some("manager") => {
            path.urn = Some(schema::ENTERPRISE_USER.to_owned());
        }
        _ => {}
    }
}

/// The page behind a cursor. All but the last hold one less than was asked for: the end of a list is
/// the absence of a cursor, not a short page (RFC 9865 section 2.1).
fn after(matches: &[u64], cursor: &str, count: usize) -> Result<Page, Refusal> {
    let bad = || Refusal::new(400, Some("invalidCursor"), "cursor: is not one of ours");
    let seen = match cursor {
        "" => 0,
        cursor => cursor
            .strip_prefix("n:")
            .and_then(|number| number.parse::<u64>().ok())
            .ok_or_else(bad)?,
    };
    let rest: Vec<u64> = matches.iter().copied().filter(|number| *number > seen).collect();
    let numbers: Vec<u64> = match rest.len() > count {
        true => rest.into_iter().take((count - 1).max(1)).collect(),
        false => rest,
    };
    let last = numbers.last().copied().unwrap_or(seen);
    let more = matches.iter().any(|number| *number > last);
    Ok(Page {
        next_cursor: more.then(|| format!("n:{last}")),
        numbers,
        start: 1,
    })
}
