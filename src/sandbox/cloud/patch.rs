//! PATCH of a user. Operations change a copy of the attributes; the result is checked as a whole by
//! the caller, so that a PATCH happens entirely or not at all.

use serde_json::{Map, Value, json};

use super::{
    filter::Filter,
    operations::{Op, Operation, Place},
    path::AttrPath,
    refusal::Refusal,
    schema::{self, ENTERPRISE, ENTERPRISE_USER, Type, USER_ATTRIBUTES},
};
use crate::profile::PatchRules;

type Object = Map<String, Value>;

/// Where an operation points, in the schema's spelling.
struct Target<'a> {
    /// The extension's URN, when it is inside of one.
    urn: Option<&'a str>,
    attribute: String,
    /// Nothing for an attribute of an extension whose schema is not known.
    kind: Option<Type>,
    items: Option<&'a Filter>,
    part: Option<String>,
}

/// Applies the operations one after the other.
pub(super) fn apply(rules: &PatchRules, user: &mut Object, operations: &[Operation]) -> Result<(), Refusal> {
    let mut once: Vec<&str> = Vec::new();
    for operation in operations {
        let target = target(rules, &operation.place)?;
        if let Some(attribute) = named(&rules.once, &target) {
            if once.contains(&attribute) {
                return Err(Refusal::value(format!(
                    "{attribute}: several operations in one request"
                )));
            }
            once.push(attribute);
        }
        match (operation.op, &operation.value) {
            (Op::Remove, None) => {
                if let Some(attribute) = named(&rules.not_removable, &target) {
                    return Err(Refusal::mutability(format!("{attribute}: cannot be removed")));
                }
                remove(user, &target);
            }
            (Op::Remove, Some(_)) => return Err(Refusal::value("remove: takes no value")),
            (op, Some(value)) => set(user, &target, value, op == Op::Add)?,
            (_, None) => return Err(Refusal::value("add and replace need a value")),
        }
    }
    Ok(())
}

/// The attribute of `list` that is the target.
fn named<'a>(list: &'a [String], target: &Target<'_>) -> Option<&'a str> {
    let mut names = list.iter().filter(|_| target.urn.is_none());
    names.find(|name| **name == target.attribute).map(String::as_str)
}

fn target<'a>(rules: &PatchRules, place: &'a Place) -> Result<Target<'a>, Refusal> {
    let unknown = || Refusal::path(format!("{}: not an attribute of User", place.written));
    let AttrPath { urn, attribute, part } = &place.path;
    let (urn, attribute) = match (urn.as_deref(), attribute) {
        (Some(urn), Some(attribute)) => (Some(urn), attribute.as_str()),
        // An extension as a whole is a complex attribute.
        (Some(urn), None) => (None, urn),
        (None, Some(attribute)) => (None, attribute.as_str()),
        (None, None) => return Err(unknown()),
    };
    if urn.is_none()
        && ["id", "meta", "schemas", "groups"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(attribute))
    {
        return Err(Refusal::mutability(format!("{attribute}: is read-only")));
    }
    let known = match urn {
        None => Some(schema::find(USER_ATTRIBUTES, attribute).ok_or_else(unknown)?),
        Some(ENTERPRISE_USER) => Some(schema::find(ENTERPRISE, attribute).ok_or_else(unknown)?),
        Some(_) => None,
    };
    let part = match (part, known) {
        (Some(part), Some((_, kind))) => Some(
            schema::find(schema::parts(kind), part)
                .ok_or_else(unknown)?
                .0
                .to_owned(),
        ),
        (part, _) => part.clone(),
    };
    if let Some(filter) = &place.items {
        if !matches!(known, Some((_, Type::Many(_))) | None) {
            return Err(Refusal::path(format!("{}: is not a list", place.written)));
        }
        if rules.filters_are_eq && filter.equalities().is_none_or(|all| all.len() != 1) {
            let why = format!("{}: filters in paths are [attribute eq \"value\"]", place.written);
            return Err(Refusal::filter(why));
        }
    }
    Ok(Target {
        urn,
        attribute: known.map_or(attribute, |(name, _)| name).to_owned(),
        kind: known.map(|(_, kind)| kind),
        items: place.items.as_ref(),
        part,
    })
}

/// The object that holds the attribute; it is made where there is none.
fn holder<'a>(user: &'a mut Object, urn: Option<&str>) -> Result<&'a mut Object, Refusal> {
    match urn {
        None => Ok(user),
        Some(urn) => object(user, urn),
    }
}

fn object<'a>(parent: &'a mut Object, name: &str) -> Result<&'a mut Object, Refusal> {
    parent
        .entry(name)
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .ok_or_else(|| Refusal::path(format!("{name}: is not an object")))
}

fn set(user: &mut Object, target: &Target<'_>, value: &Value, add: bool) -> Result<(), Refusal> {
    let name = &target.attribute;
    if matches!(target.kind, Some(Type::Many(_))) {
        return set_list(user, target, value, add);
    }
    let holder = holder(user, target.urn)?;
    match (target.kind, &target.part) {
        (_, Some(part)) => drop(object(holder, name)?.insert(part.clone(), value.clone())),
        (Some(Type::Complex(parts)), None) => {
            let given = value
                .as_object()
                .ok_or_else(|| Refusal::value(format!("{name}: has the wrong JSON type")))?;
            let held = object(holder, name)?;
            for (part, value) in given {
                let known = schema::find(parts, part).map_or(part.as_str(), |(known, _)| known);
                held.insert(known.to_owned(), value.clone());
            }
        }
        (_, None) => drop(holder.insert(name.clone(), value.clone())),
    }
    Ok(())
}

fn set_list(user: &mut Object, target: &Target<'_>, value: &Value, add: bool) -> Result<(), Refusal> {
    let name = &target.attribute;
    let held = user.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let list = match (target.items, &target.part) {
        (Some(filter), part) => changed_items(name, held, filter, part.as_deref(), value, add)?,
        (None, Some(_)) => {
            let why = format!("{name}: which item is meant needs a filter, as in {name}[type eq \"work\"]");
            return Err(Refusal::path(why));
        }
        (None, None) => {
            let given = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            if add { joined(held, given) } else { given }
        }
    };
    user.insert(name.clone(), Value::Array(list));
    Ok(())
}

/// What `add` makes of two lists. A new primary item takes that from the old one (RFC 7644 section
/// 3.5.2).
fn joined(held: Vec<Value>, given: Vec<Value>) -> Vec<Value> {
    let fresh: Vec<Value> = given.into_iter().filter(|item| !held.contains(item)).collect();
    let demoted = fresh.iter().any(is_primary);
    let old = held.into_iter().map(|item| if demoted { demote(item) } else { item });
    old.chain(fresh).collect()
}

fn changed_items(
    name: &str,
    held: Vec<Value>,
    filter: &Filter,
    part: Option<&str>,
    value: &Value,
    add: bool,
) -> Result<Vec<Value>, Refusal> {
    let hit: Vec<bool> = held.iter().map(|item| fits(filter, item)).collect();
    if !hit.contains(&true) {
        return Err(Refusal::no_target(format!("{name}: no item fits the filter")));
    }
    let change = |item: &Value| match (part, item, value) {
        (Some(part), Value::Object(item), _) => {
            let mut item = item.clone();
            item.insert(part.to_owned(), value.clone());
            Value::Object(item)
        }
        (None, Value::Object(item), Value::Object(given)) if add => {
            let (mut item, given) = (item.clone(), given.clone());
            item.extend(given);
            Value::Object(item)
        }
        _ => value.clone(),
    };
    let changed: Vec<Value> = held
        .iter()
        .zip(&hit)
        .map(|(item, hit)| if *hit { change(item) } else { item.clone() })
        .collect();
    let newly_primary = changed
        .iter()
        .zip(&held)
        .any(|(new, old)| is_primary(new) && !is_primary(old));
    let settle = |(item, hit): (Value, bool)| if newly_primary && !hit { demote(item) } else { item };
    Ok(changed.into_iter().zip(hit).map(settle).collect())
}

fn is_primary(item: &Value) -> bool {
    item.get("primary") == Some(&Value::Bool(true))
}

fn demote(mut item: Value) -> Value {
    if is_primary(&item) {
        item["primary"] = Value::Bool(false);
    }
    item
}

/// Types and values of items are compared without case (RFC 7643 section 4.1.2).
fn fits(filter: &Filter, item: &Value) -> bool {
    filter.fits(item, &|_| false)
}

/// Takes away what is there; what is not there is gone already.
fn remove(user: &mut Object, target: &Target<'_>) {
    let name = &target.attribute;
    let holder = match target.urn {
        None => Some(&mut *user),
        Some(urn) => user.get_mut(urn).and_then(Value::as_object_mut),
    };
    let Some(holder) = holder else { return };
    match (target.items, &target.part) {
        (None, None) => drop(holder.remove(name)),
        (items, part) => {
            if let Some(value) = holder.get_mut(name) {
                remove_inside(value, items, part.as_deref());
            }
            if holder.get(name).is_some_and(is_empty) {
                holder.remove(name);
            }
        }
    }
    if let Some(urn) = target.urn.filter(|urn| user.get(*urn).is_some_and(is_empty)) {
        user.remove(urn);
    }
}

fn remove_inside(value: &mut Value, items: Option<&Filter>, part: Option<&str>) {
    let meant = |item: &Value| items.is_none_or(|filter| fits(filter, item));
    match (value, part) {
        (Value::Object(object), Some(part)) => drop(object.remove(part)),
        (Value::Array(list), Some(part)) => {
            for item in list.iter_mut().filter(|item| meant(item)) {
                item.as_object_mut().map(|item| item.remove(part));
            }
        }
        (Value::Array(list), None) => list.retain(|item| !meant(item)),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}
