//! The links of a transform chain.

mod phone;
mod time;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::{
    error::{Mistake, most_like},
    spec::{OneOrMany, TransformSpec, TransformTable},
};
use crate::model::{Scalar, dn};

/// One compiled transform.
#[derive(Clone, Debug)]
pub(super) enum Transform {
    Trim,
    Lower,
    Upper,
    /// Unicode normal form C.
    Nfc,
    Phone,
    /// RFC 4517 section 3.3.28: lines divided by `$`.
    PostalAddress,
    GeneralizedTime,
    WindowsFiletime,
    /// Bit 2 of `userAccountControl` (ADS_UF_ACCOUNTDISABLE) is off.
    AdEnabled,
    /// `accountExpires` lies ahead.
    AdNotExpired,
    Bool,
    Not,
    /// The value of the first RDN of this type; of the first RDN when empty.
    DnRdn(String),
    /// At most so many characters.
    Truncate(usize),
    Replace(Regex, String),
    Split(String),
    Index(i32),
    Join(String),
}

/// What a chain has made so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
}

/// Names that need no arguments.
static NAMED: [(&str, Transform); 13] = [
    ("trim", Transform::Trim),
    ("lower", Transform::Lower),
    ("upper", Transform::Upper),
    ("nfc", Transform::Nfc),
    ("phone", Transform::Phone),
    ("postal-address", Transform::PostalAddress),
    ("generalized-time", Transform::GeneralizedTime),
    ("windows-filetime", Transform::WindowsFiletime),
    ("ad-enabled", Transform::AdEnabled),
    ("ad-not-expired", Transform::AdNotExpired),
    ("bool", Transform::Bool),
    ("not", Transform::Not),
    ("dn-rdn", Transform::DnRdn(String::new())),
];

impl Transform {
    /// The chain that `spec` stands for.
    pub fn compile_all(spec: &OneOrMany<TransformSpec>) -> Result<Vec<Self>, Mistake> {
        let links = match spec {
            OneOrMany::One(link) => std::slice::from_ref(link),
            OneOrMany::Many(links) => links,
        };
        let mut chain = Vec::new();
        for link in links {
            match link {
                TransformSpec::Name(name) => chain.push(named(name)?),
                TransformSpec::Table(table) => chain.extend(with_arguments(table)?),
            }
        }
        Ok(chain)
    }

    /// What comes out when `input` goes in; a mistake when that cannot be.
    pub fn kind(&self, input: Kind) -> Result<Kind, Mistake> {
        match (self, input) {
            (Self::Not | Self::Bool, _) | (Self::AdEnabled | Self::AdNotExpired, Kind::Text) => Ok(Kind::Boolean),
            (_, Kind::Text) => Ok(Kind::Text),
            (_, Kind::Boolean) => Err(Mistake::new(
                "a transform for text comes after one that makes true or false",
                "put `bool`, `ad-enabled` and `ad-not-expired` last; only `not` may follow them",
            )),
        }
    }

    /// Whether the result depends on the time of the cycle.
    pub fn depends_on_time(&self) -> bool {
        matches!(self, Self::AdNotExpired)
    }

    /// Applies this to all values. The error is the value at fault and what is wrong with it.
    pub fn apply(&self, values: Vec<Scalar>, now: i64) -> Result<Vec<Scalar>, (String, String)> {
        match self {
            Self::Split(separator) => Ok(values
                .into_iter()
                .flat_map(|value| match value {
                    Scalar::Text(text) => text
                        .split(separator.as_str())
                        .map(|part| Scalar::Text(part.to_owned()))
                        .collect(),
                    other => vec![other],
                })
                .filter(|value| !is_empty(value))
                .collect()),
            Self::Index(index) => Ok(pick(values, *index).into_iter().collect()),
            Self::Join(separator) => {
                let texts: Vec<&str> = values.iter().filter_map(as_text).collect();
                Ok(Some(texts.join(separator))
                    .filter(|text| !text.is_empty())
                    .map(Scalar::Text)
                    .into_iter()
                    .collect())
            }
            _ => {
                let mut results = Vec::with_capacity(values.len());
                for value in values {
                    results.extend(self.apply_one(value, now)?.filter(|value| !is_empty(value)));
                }
                Ok(results)
            }
        }
    }

    fn apply_one(&self, value: Scalar, now: i64) -> Result<Option<Scalar>, (String, String)> {
        let text = match (value, self) {
            (Scalar::Boolean(value), Self::Not) => return Ok(Some(Scalar::Boolean(!value))),
            (Scalar::Boolean(value), _) => return Ok(Some(Scalar::Boolean(value))),
            (Scalar::Text(text), _) => text,
        };
        match self.apply_text(&text, now) {
            Ok(result) => Ok(result),
            Err(why) => Err((text, why)),
        }
    }

    fn apply_text(&self, text: &str, now: i64) -> Result<Option<Scalar>, String> {
        let result = match self {
            Self::Trim => text.trim().to_owned(),
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Nfc => text.nfc().collect(),
            Self::Phone => phone::clean(text)?,
            Self::PostalAddress => postal_address(text)?,
            Self::GeneralizedTime => time::generalized(text)?,
            Self::WindowsFiletime => return Ok(time::filetime(text)?.map(Scalar::Text)),
            Self::AdEnabled => return integer(text).map(|flags| Some(Scalar::Boolean(flags & 2 == 0))),
            Self::AdNotExpired => return time::not_expired(text, now).map(|valid| Some(Scalar::Boolean(valid))),
            Self::Bool => return boolean(text).map(|value| Some(Scalar::Boolean(value))),
            Self::Not => return boolean(text).map(|value| Some(Scalar::Boolean(!value))),
            Self::DnRdn(kind) => {
                dn::normalize(text).ok_or("not a distinguished name")?;
                return Ok(dn::rdn_value(text, kind).map(Scalar::Text));
            }
            Self::Truncate(length) => text.chars().take(*length).collect(),
            Self::Replace(regex, with) => regex.replace_all(text, with.as_str()).into_owned(),
            // Handled where the number of values can change.
            Self::Split(_) | Self::Index(_) | Self::Join(_) => text.to_owned(),
        };
        Ok(Some(Scalar::Text(result)))
    }
}

fn named(name: &str) -> Result<Transform, Mistake> {
    if let Some((_, transform)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(transform.clone());
    }
    let names = || NAMED.iter().map(|(name, _)| *name);
    let hint = match name {
        "regex" | "replace" => "write `{ regex = \"…\", replace = \"…\" }`".to_owned(),
        "split" | "index" | "join" | "truncate" => {
            "this one takes an argument: `{ split = \",\", index = 0 }`, `{ join = \" \" }`, `{ truncate = 64 }`"
                .to_owned()
        }
        _ => most_like(name, names()).map_or_else(
            || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            |like| format!("did you mean `{like}`?"),
        ),
    };
    Err(Mistake::new(format!("there is no transform `{name}`"), hint))
}

fn with_arguments(table: &TransformTable) -> Result<Vec<Transform>, Mistake> {
    let given = [
        table.regex.is_some() || table.replace.is_some(),
        table.split.is_some() || table.index.is_some() || table.join.is_some(),
        table.truncate.is_some(),
        table.dn_rdn.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 || (table.index.is_some() && table.join.is_some()) {
        return Err(Mistake::new(
            "a transform table holds exactly one transform",
            "write one table for each: `transform = [{ truncate = 64 }, { regex = \"…\", replace = \"…\" }]`",
        ));
    }
    match (table, table.truncate) {
        (
            TransformTable {
                regex: Some(regex),
                replace: Some(replace),
                ..
            },
            _,
        ) => Regex::new(regex)
            .map(|regex| vec![Transform::Replace(regex, replace.clone())])
            .map_err(|error| {
                let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                Mistake::new(
                    format!("`{regex}` is not a regular expression: {last}"),
                    "see docs.rs/regex for the syntax",
                )
            }),
        (TransformTable { regex: Some(_), .. } | TransformTable { replace: Some(_), .. }, _) => Err(Mistake::new(
            "`regex` and `replace` go together",
            "write `{ regex = \"…\", replace = \"…\" }`; an empty replace removes what matches",
        )),
        (_, Some(0)) => Err(Mistake::new(
            "`truncate = 0` leaves nothing",
            "give a length of 1 or more",
        )),
        (_, Some(length)) => Ok(vec![Transform::Truncate(length)]),
        (TransformTable { dn_rdn: Some(kind), .. }, _) => Ok(vec![Transform::DnRdn(kind.clone())]),
        (
            TransformTable {
                split: Some(separator), ..
            },
            _,
        ) if separator.is_empty() => Err(Mistake::new(
            "`split = \"\"` has no separator",
            "name the text between the parts",
        )),
        _ => {
            let split = table.split.clone().map(Transform::Split);
            let index = table.index.map(Transform::Index);
            let join = table.join.clone().map(Transform::Join);
            Ok([split, index, join].into_iter().flatten().collect())
        }
    }
}

fn pick(mut values: Vec<Scalar>, index: i32) -> Option<Scalar> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 {
        values.len().checked_sub(distance)?
    } else {
        distance
    };
    (position < values.len()).then(|| values.swap_remove(position))
}

pub(super) fn is_empty(value: &Scalar) -> bool {
    matches!(value, Scalar::Text(text) if text.is_empty())
}

fn as_text(value: &Scalar) -> Option<&str> {
    match value {
        Scalar::Text(text) => Some(text),
        Scalar::Boolean(_) => None,
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "t" | "on" => Ok(true),
        "false" | "0" | "no" | "n" | "f" | "off" => Ok(false),
        _ => Err("neither true nor false".to_owned()),
    }
}

fn integer(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| "not a whole number".to_owned())
}

/// The lines of a postal address, `\24` and `\5C` resolved.
fn postal_address(text: &str) -> Result<String, String> {
    let mut lines = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find(['$', '\\']) {
        let (before, special) = rest.split_at(position);
        lines.push_str(before);
        rest = if let Some(after) = special.strip_prefix('$') {
            lines.push('\n');
            after
        } else if let Some(after) = special.strip_prefix("\\24") {
            lines.push('$');
            after
        } else if let Some(after) = special.strip_prefix("\\5C").or_else(|| special.strip_prefix("\\5c")) {
            lines.push('\\');
            after
        } else {
            return Err("not a postal address: a backslash must be \\5C or \\24 (RFC 4517 section 3.3.28)".to_owned());
        };
    }
    lines.push_str(rest);
    Ok(lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n"))
}

#[cfg(test)]
mod tests;
