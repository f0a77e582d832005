//! What the rules of a mapping have to look like.

use serde_json::Value;

/// Checks `rules`.
pub(super) fn check(rules: &Value) -> Result<(), String> {
    let rules = rules.as_array().filter(|rules| !rules.is_empty());
    for rule in rules.ok_or("rules has to be a list, and not an empty one")? {
        only(rule, &["local", "remote"])?;
        let remote = list(rule, "remote")?;
        for item in remote {
            check_remote(item)?;
        }
        // Placeholders count the remote items that have no condition.
        let values = remote.iter().filter(|item| !is_condition(item)).count();
        for item in list(rule, "local")? {
            check_local(item, values)?;
        }
    }
    Ok(())
}

fn check_local(item: &Value, values: usize) -> Result<(), String> {
    only(item, &["user", "group"])?;
    if item["user"].is_null() && item["group"].is_null() {
        return Err("an item of local needs user or group".to_owned());
    }
    for part in ["user", "group"] {
        if item[part].is_null() {
            continue;
        }
        only(&item[part], &["name"])?;
        let name = item[part]["name"]
            .as_str()
            .ok_or_else(|| format!("{part} needs a name"))?;
        for rest in name.split('{').skip(1) {
            let number = rest.split('}').next().and_then(|number| number.parse::<usize>().ok());
            if number.is_none_or(|number| number >= values) {
                return Err(format!("{name} asks for more than the {values} values of remote"));
            }
        }
    }
    Ok(())
}

fn check_remote(item: &Value) -> Result<(), String> {
    only(item, &["type", "any_one_of", "not_any_of", "regex"])?;
    if !item["type"].is_string() {
        return Err("an item of remote needs a type".to_owned());
    }
    let texts = |name: &str| {
        let list = item[name].as_array();
        item[name].is_null() || list.is_some_and(|list| list.iter().all(Value::is_string))
    };
    if !texts("any_one_of") || !texts("not_any_of") {
        return Err("any_one_of and not_any_of are lists of texts".to_owned());
    }
    if !item["any_one_of"].is_null() && !item["not_any_of"].is_null() {
        return Err("any_one_of and not_any_of exclude each other".to_owned());
    }
    if !item["regex"].is_null() && !item["regex"].is_boolean() {
        return Err("regex is true or false".to_owned());
    }
    Ok(())
}

fn is_condition(item: &Value) -> bool {
    !item["any_one_of"].is_null() || !item["not_any_of"].is_null()
}

fn list<'v>(rule: &'v Value, name: &str) -> Result<&'v Vec<Value>, String> {
    let list = rule[name].as_array().filter(|list| !list.is_empty());
    list.ok_or_else(|| format!("{name} has to be a list, and not an empty one"))
}

/// An object with these names and no others.
fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let object = value
        .as_object()
        .ok_or("an object is needed in the place of a rule or of a part of one")?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{name} is not known")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_have_to_make_sense() {
        let check = |rules: Value, expected: Option<&str>| {
            let said = super::check(&rules).err();
            let same = said.as_deref().map_or(expected.is_none(), |said| {
                expected.is_some_and(|word| said.contains(word))
            });
            assert!(same, "{rules}: {said:?}");
        };
        let user = json!([{"user": {"name": "{0}"}}]);
        let name = json!([{"type": "UserName"}]);
        check(json!([{"local": user, "remote": name}]), None);
        check(json!([{"local": [{"group": {"name": "admin"}}], "remote": name}]), None);
        check(json!([]), Some("not an empty one"));
        check(json!(7), Some("list"));
        check(json!([7]), Some("object"));
        check(json!([{"local": user, "remote": name, "x": 1}]), Some("x is not known"));
        check(json!([{"local": [], "remote": name}]), Some("local"));
        check(json!([{"local": user}]), Some("remote"));
        check(json!([{"local": [{}], "remote": name}]), Some("user or group"));
        check(json!([{"local": [{"user": {}}], "remote": name}]), Some("needs a name"));
        check(
            json!([{"local": [{"user": {"name": "{1}"}}], "remote": name}]),
            Some("1 values"),
        );
        let condition = json!([{"type": "Group", "any_one_of": ["a"]}]);
        check(json!([{"local": user, "remote": condition}]), Some("0 values"));
        check(json!([{"local": user, "remote": [{}]}]), Some("needs a type"));
        let both = json!([{"type": "Group", "any_one_of": ["a"], "not_any_of": ["b"]}]);
        check(json!([{"local": user, "remote": both}]), Some("exclude each other"));
        check(
            json!([{"local": user, "remote": [{"type": "a", "regex": 1}]}]),
            Some("true or false"),
        );
        check(
            json!([{"local": user, "remote": [{"type": "a", "any_one_of": "a"}]}]),
            Some("lists of texts"),
        );
    }
}
