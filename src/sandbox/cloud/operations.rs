//! The operations of a PATCH as they come (RFC 7644 section 3.5.2), before anybody knows what they
//! are for.

use serde_json::{Map, Value};

use super::{filter::Filter, input, parse::Parser, path::AttrPath, refusal::Refusal};
use crate::profile::PatchRules;

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

/// Where: `path[filter].part`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub path: AttrPath,
    /// The items of a list that are meant.
    pub items: Option<Filter>,
    /// As written, for messages.
    pub written: String,
}

/// One operation; those without a path are taken apart into one for each attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub op: Op,
    pub place: Place,
    pub value: Option<Value>,
}

/// Reads the body of a PATCH.
pub(super) fn read(rules: &PatchRules, body: &Map<String, Value>) -> Result<Vec<Operation>, Refusal> {
    input::schemas(body, PATCH_OP)?;
    let list = body.get("Operations").and_then(Value::as_array);
    let list = list
        .filter(|list| !list.is_empty())
        .ok_or_else(|| Refusal::syntax("Operations: a list of at least one is needed"))?;
    let mut operations = Vec::new();
    for operation in list {
        let operation = operation
            .as_object()
            .ok_or_else(|| Refusal::syntax("Operations: every item is an object"))?;
        read_one(rules, operation, &mut operations)?;
    }
    Ok(operations)
}

fn read_one(rules: &PatchRules, operation: &Map<String, Value>, into: &mut Vec<Operation>) -> Result<(), Refusal> {
    if let Some(unknown) = operation
        .keys()
        .find(|key| !["op", "path", "value"].contains(&key.as_str()))
    {
        return Err(Refusal::syntax(format!(
            "{unknown}: an operation has op, path and value"
        )));
    }
    // Entra sends capitals; RFC 7643 section 2.1 has texts compared without case unless said otherwise.
    let op = operation.get("op").and_then(Value::as_str).unwrap_or_default();
    let op = match op.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => return Err(Refusal::syntax("op: one of add, replace, remove")),
    };
    let value = operation.get("value").cloned();
    match (op, operation.get("path"), value) {
        (_, Some(Value::String(path)), value) => {
            if value.is_none() && op != Op::Remove {
                return Err(Refusal::value(format!("{path}: add and replace need a value")));
            }
            let place = place(path)?;
            into.push(Operation { op, place, value });
        }
        (_, Some(_), _) => return Err(Refusal::path("path: is not a string")),
        (Op::Remove, None, _) => return Err(Refusal::no_target("remove: needs a path")),
        (_, None, Some(Value::Object(values))) => {
            if values.len() > 1 && !rules.several_without_path {
                return Err(Refusal::syntax("several attributes without a path are not supported"));
            }
            for (path, value) in values {
                let (place, value) = (place(&path)?, Some(value));
                into.push(Operation { op, place, value });
            }
        }
        (_, None, Some(_)) => return Err(Refusal::value("without a path the value is an object")),
        (_, None, None) => return Err(Refusal::value("add and replace need a value")),
    }
    Ok(())
}

/// `userName`, `name.givenName`, `emails[type eq "work"].value`, `URN:department`, `URN`.
fn place(written: &str) -> Result<Place, Refusal> {
    let refuse = |why: &str| Refusal::path(format!("{written}: {why}"));
    let whole = |path: AttrPath, items: Option<Filter>| Place {
        path,
        items,
        written: written.to_owned(),
    };
    if !written.contains('[') {
        let path = AttrPath::parse(written).ok_or_else(|| refuse("is not the path of an attribute"))?;
        return Ok(whole(path, None));
    }
    let mut parser = Parser::new(written);
    let mut path = parser.path().map_err(|why| refuse(&why))?;
    if !parser.rest.starts_with('[') || path.part.is_some() {
        return Err(refuse("a filter stands behind the name of a list"));
    }
    let items = parser.between('[', ']').map_err(|why| refuse(&why))?;
    if parser.takes('.') {
        let part = parser.path().map_err(|why| refuse(&why))?;
        path.part = part.attribute.filter(|_| part.urn.is_none() && part.part.is_none());
        if path.part.is_none() {
            return Err(refuse("one name stands behind the filter"));
        }
    }
    if parser.rest.is_empty() {
        Ok(whole(path, Some(items)))
    } else {
        Err(refuse("goes on behind its end"))
    }
}
