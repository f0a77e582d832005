//! Reading rules with messages that say what may stand there. Derived untagged enums say only "did
//! not match any variant".

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{super::target::Target, DetailedRule, OneOrMany, RuleSpec, TransformSpec, TransformTable};
use crate::model::Scalar;

impl<'de> Deserialize<'de> for RuleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = RuleSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute name, a list of them, a table such as { template = \"…\" }, or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<RuleSpec, E> {
                Ok(RuleSpec::Remove(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<RuleSpec, E> {
                Ok(RuleSpec::Attribute(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RuleSpec, A::Error> {
                elements(&mut list).map(RuleSpec::FirstPresent)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<RuleSpec, A::Error> {
                DetailedRule::deserialize(MapAccessDeserializer::new(table))
                    .map_err(unquoted)
                    .map(|rule| RuleSpec::Detailed(Box::new(rule)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one, or a list of them")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<OneOrMany<T>, E> {
                T::deserialize(value.into_deserializer()).map(OneOrMany::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<OneOrMany<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(table)).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany<T>, A::Error> {
                elements(&mut list).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de> Deserialize<'de> for TransformSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = TransformSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a transform, or a table such as { truncate = 64 }")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<TransformSpec, E> {
                Ok(TransformSpec::Name(value.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<TransformSpec, A::Error> {
                TransformTable::deserialize(MapAccessDeserializer::new(table)).map(TransformSpec::Table)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A [`Scalar`] as it may be written: numbers stand for their digits.
struct ScalarSpec(Scalar);

impl<'de> Deserialize<'de> for ScalarSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = ScalarSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<ScalarSpec, E> {
                Ok(ScalarSpec(Scalar::Boolean(value)))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<ScalarSpec, E> {
                Ok(ScalarSpec(Scalar::Text(value.to_owned())))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<ScalarSpec, E> {
                Ok(ScalarSpec(Scalar::Text(value.to_string())))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

pub(super) fn optional_scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    ScalarSpec::deserialize(deserializer).map(|spec| Some(spec.0))
}

pub(super) fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Scalar>, D::Error> {
    let written = BTreeMap::<String, ScalarSpec>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|(key, spec)| (key, spec.0)).collect())
}

pub(super) fn optional_scalars<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Scalar>>, D::Error> {
    scalars(deserializer).map(Some)
}

/// Without quotes, `name.familyName = "sn"` is a table `name` with a key `familyName`.
fn unquoted<E: Error>(error: E) -> E {
    let message = error.to_string();
    let key = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let is_part = |key: &str| {
        matches!(key, "work" | "home" | "mobile" | "other")
            || ["name", "enterprise"]
                .iter()
                .any(|parent| Target::parse(&format!("{parent}.{key}")).is_ok())
    };
    match key.filter(|key| is_part(key)) {
        Some(key) => E::custom(format!(
            "`{key}` is not part of a rule; a path with a dot has to be in quotes, as in \"name.familyName\" = \"sn\""
        )),
        None => error,
    }
}

fn elements<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(list: &mut A) -> Result<Vec<T>, A::Error> {
    let mut elements = Vec::new();
    while let Some(element) = list.next_element()? {
        elements.push(element);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<RuleSpec, String> {
        let table: BTreeMap<String, RuleSpec> = toml::from_str(line).map_err(|error| error.message().to_owned())?;
        table.into_values().next().ok_or_else(String::new)
    }

    #[test]
    fn every_form_is_read() {
        let detailed = |line: &str| match read(line) {
            Ok(RuleSpec::Detailed(rule)) => *rule,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(read("a = false"), Ok(RuleSpec::Remove(false)));
        assert_eq!(read("a = 'uid'"), Ok(RuleSpec::Attribute("uid".into())));
        assert_eq!(
            read("a = ['x', 'y']"),
            Ok(RuleSpec::FirstPresent(vec!["x".into(), "y".into()]))
        );
        assert_eq!(
            detailed("a = { constant = 7 }").constant,
            Some(Scalar::Text("7".into()))
        );
        assert_eq!(
            detailed("a = { constant = true }").constant,
            Some(Scalar::Boolean(true))
        );
        let rule =
            detailed("a = { attribute = ['x', 'y'], transform = ['trim', { truncate = 3 }], lookup = { a = true } }");
        assert_eq!(rule.attribute, Some(OneOrMany::Many(vec!["x".into(), "y".into()])));
        assert_eq!(
            rule.transform,
            Some(OneOrMany::Many(vec![
                TransformSpec::Name("trim".into()),
                TransformSpec::Table(TransformTable {
                    truncate: Some(3),
                    ..TransformTable::default()
                }),
            ]))
        );
        assert_eq!(
            detailed("a = { attribute = 'x', transform = { dn-rdn = 'ou' } }").transform,
            Some(OneOrMany::One(TransformSpec::Table(TransformTable {
                dn_rdn: Some("ou".into()),
                ..TransformTable::default()
            })))
        );
    }

    #[test]
    fn mistakes_are_named() {
        let check = |line: &str, expected: &str| {
            let message = read(line).expect_err(line);
            assert!(message.contains(expected), "{line}: {message}");
        };
        check(
            "a = 3",
            "invalid type: integer `3`, expected an attribute name, a list of them",
        );
        check(
            "a = { atribute = 'x' }",
            "unknown field `atribute`, expected one of `attribute`",
        );
        check("name.familyName = 'sn'", "a path with a dot has to be in quotes");
        check("emails.work = 'mail'", "a path with a dot has to be in quotes");
        check("a = { constant = [] }", "expected a text, true or false");
        check(
            "a = { attribute = 'x', transform = 3 }",
            "expected one, or a list of them",
        );
        check(
            "a = { attribute = 'x', transform = [3] }",
            "expected the name of a transform, or a table",
        );
        check(
            "a = { attribute = 'x', transform = { trunc = 3 } }",
            "unknown field `trunc`",
        );
    }
}
