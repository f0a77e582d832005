//! Users who are in the cloud before the first request, from a file.

use serde_json::Value;

/// The users in a JSON text: a list of them, or a list answer (RFC 7644 section 3.4.2) as a real cloud
/// gives it. What only a cloud can set (`id`, `meta`, `groups`) is left out.
///
/// # Errors
/// In words, when it is neither.
pub fn read_people(text: &str) -> Result<Vec<Value>, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    let list = match json {
        Value::Array(list) => Some(list),
        Value::Object(mut object) => match object.remove("Resources") {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        },
        _ => None,
    };
    let list = list.ok_or("is neither a list of users nor an object with Resources")?;
    let people = (1_usize..).zip(list).map(|(number, person)| match person {
        Value::Object(mut person) => {
            for name in ["id", "meta", "groups"] {
                person.remove(name);
            }
            Ok(Value::Object(person))
        }
        _ => Err(format!(
            "number {number} of the list is not a user (an object in braces)"
        )),
    });
    people.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_list_answers_are_read() {
        let check = |text: &str, expected: Result<Value, &str>| {
            let read = read_people(text).map(Value::from);
            assert_eq!(
                read.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|e| *e),
                "{text}"
            );
        };
        check(r#"[]"#, Ok(json!([])));
        check(
            r#"[{"id":"1","userName":"ada","meta":{}}]"#,
            Ok(json!([{"userName": "ada"}])),
        );
        check(
            r#"{"totalResults":1,"Resources":[{"userName":"ada"}]}"#,
            Ok(json!([{"userName": "ada"}])),
        );
        let neither = "is neither a list of users nor an object with Resources";
        check("{}", Err(neither));
        check("7", Err(neither));
        check(r#"{"Resources":7}"#, Err(neither));
        check("[7]", Err("number 1 of the list is not a user (an object in braces)"));
        check("", Err("is not JSON: EOF while parsing a value at line 1 column 0"));
    }
}
