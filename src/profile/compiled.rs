//! A profile's rules in the form in which they are applied: one look-up for each attribute, no
//! parsing, no allocation while all is well. A first sync checks up to a million people.

use std::{collections::BTreeMap, fmt, sync::Arc};

use regex::Regex;

use super::{
    TextRule,
    schema::{self, Kind},
};

/// The lists of a profile that this is made of.
pub(super) struct Parts<'a> {
    pub mandatory: &'a [String],
    pub allowed: &'a [String],
    pub allowed_sub_attributes: &'a BTreeMap<String, Vec<String>>,
    pub single_valued: &'a [String],
    pub primary_required: &'a [String],
    pub text: &'a BTreeMap<String, TextRule>,
    pub group_text: &'a BTreeMap<String, TextRule>,
}

/// Everything needed to check a resource. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Compiled(Arc<Rules>);

#[derive(Default)]
pub(super) struct Rules {
    /// Single or multi-valued attributes that have to be there, by canonical path.
    pub mandatory: Vec<String>,
    /// The rules of every attribute of the schema.
    pub attributes: BTreeMap<String, AttributeRule>,
    /// For attributes of foreign extensions.
    pub other: AttributeRule,
    /// Of groups, where they differ from the other texts.
    group_text: BTreeMap<String, TextCheck>,
}

impl Rules {
    /// The text rule of an attribute of groups.
    pub(super) fn group_text(&self, attribute: &str) -> &TextCheck {
        self.group_text.get(attribute).unwrap_or(&self.other.text)
    }
}

/// The rules at one path.
#[derive(Default)]
pub(super) struct AttributeRule {
    pub allowed: bool,
    /// What has to stand here; nothing when the schema is not known.
    pub kind: Option<Kind>,
    pub text: TextCheck,
    /// For multi-valued attributes.
    pub items: ItemRule,
}

/// The rules of the items of a multi-valued attribute.
#[derive(Default)]
pub(super) struct ItemRule {
    pub single: bool,
    pub primary_required: bool,
    /// Sub-attributes every item must have.
    pub mandatory: Vec<String>,
    /// The sub-attributes an item may have; all when nothing.
    pub allowed: Option<Vec<String>>,
    /// Text rules by sub-attribute, where they differ from the attribute's.
    pub text: BTreeMap<String, TextCheck>,
}

impl Compiled {
    /// Compiles the rules; the second part names every rule that cannot be.
    pub(super) fn new(parts: &Parts<'_>) -> (Self, Vec<String>) {
        let mut bad = Vec::new();
        let text = text_checks("text", parts.text, &mut bad);
        let group_text = text_checks("groups.text", parts.group_text, &mut bad);
        let fallback = text.get("*").cloned().unwrap_or_default();
        let mut rules = Rules {
            other: AttributeRule {
                allowed: parts.allowed.is_empty(),
                text: fallback.clone(),
                ..AttributeRule::default()
            },
            group_text: group_text
                .into_iter()
                .map(|(path, check)| (path.to_owned(), check))
                .collect(),
            ..Rules::default()
        };
        // Paths of other extensions that the file names get rules like those of the schema.
        let foreign = parts
            .allowed
            .iter()
            .chain(parts.text.keys().filter(|path| *path != "*"));
        let foreign = foreign
            .filter(|path| path.starts_with("urn:"))
            .map(|path| (path.clone(), None));
        let known = schema::paths().map(|(path, kind)| (path.as_str().to_owned(), Some(kind)));
        for (path, kind) in foreign.chain(known) {
            let rule = AttributeRule {
                allowed: parts.allowed.is_empty() || parts.allowed.contains(&path),
                kind,
                text: text.get(path.as_str()).unwrap_or(&fallback).clone(),
                items: ItemRule::new(&path, parts, &text),
            };
            rules.attributes.insert(path, rule);
        }
        rules.attributes.insert("password".to_owned(), AttributeRule::default());
        let whole = parts.mandatory.iter().filter(|path| item_part(path).is_none());
        rules.mandatory = whole.cloned().collect();
        (Self(Arc::new(rules)), bad)
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.0
    }
}

/// The rules of one table, compiled; those that cannot be are told in `bad`.
fn text_checks<'a>(
    table: &str,
    rules: &'a BTreeMap<String, TextRule>,
    bad: &mut Vec<String>,
) -> BTreeMap<&'a str, TextCheck> {
    let mut checks = BTreeMap::new();
    for (path, rule) in rules {
        match TextCheck::new(rule) {
            Ok(check) => drop(checks.insert(path.as_str(), check)),
            Err(reason) => bad.push(format!("{table}.{path:?}: {reason}")),
        }
    }
    checks
}

impl ItemRule {
    fn new(attribute: &str, parts: &Parts<'_>, text: &BTreeMap<&str, TextCheck>) -> Self {
        let mine = |path: &str| {
            item_part(path)
                .filter(|(list, _)| *list == attribute)
                .map(|(_, part)| part.to_owned())
        };
        Self {
            single: parts.single_valued.iter().any(|path| path == attribute),
            primary_required: parts.primary_required.iter().any(|path| path == attribute),
            mandatory: parts.mandatory.iter().filter_map(|path| mine(path)).collect(),
            allowed: parts.allowed_sub_attributes.get(attribute).cloned(),
            text: text
                .iter()
                .filter_map(|(path, check)| Some((mine(path)?, check.clone())))
                .collect(),
        }
    }
}

/// `emails.type` taken apart; nothing for paths that are not inside a multi-valued attribute.
fn item_part(path: &str) -> Option<(&str, &str)> {
    path.split_once('.').filter(|(list, _)| schema::parts(list).is_some())
}

/// One text rule, ready to use.
#[derive(Clone, Debug, Default)]
pub(super) struct TextCheck {
    pub min_chars: usize,
    pub max_chars: Option<usize>,
    characters: Option<Arc<Class>>,
}

impl TextCheck {
    fn new(rule: &TextRule) -> Result<Self, String> {
        let check = Self {
            min_chars: rule.min_chars.unwrap_or_default(),
            max_chars: rule.max_chars,
            characters: match &rule.characters {
                Some(class) => Some(Arc::new(Class::new(class, rule.characters_in_words.as_deref())?)),
                None => None,
            },
        };
        match check.max_chars {
            Some(max) if max < check.min_chars.max(1) => Err(format!("max_chars = {max} leaves nothing that fits")),
            _ => Ok(check),
        }
    }

    /// The words of the character rule, when `text` breaks it.
    pub(super) fn bad_characters(&self, text: &str) -> Option<&str> {
        let class = self.characters.as_deref()?;
        let bad = if text.is_ascii() {
            text.bytes().any(|byte| !class.has_ascii(byte))
        } else {
            !text.chars().all(|c| class.has(c))
        };
        bad.then_some(class.in_words.as_str())
    }
}

/// A character class: a table for ASCII, which is nearly everything, and the regular expression for
/// the rest.
#[derive(Debug)]
struct Class {
    ascii: u128,
    any: Regex,
    in_words: String,
}

impl Class {
    fn new(class: &str, in_words: Option<&str>) -> Result<Self, String> {
        if !(class.starts_with('[') && class.ends_with(']')) {
            return Err(format!(
                "characters = {class:?} is not one character class like \"[A-Za-z0-9]\""
            ));
        }
        let any = Regex::new(&format!(r"\A(?:{class})\z")).map_err(|error| format!("characters: {error}"))?;
        let mut ascii = 0;
        for byte in 0..128_u8 {
            let fits = any.is_match(char::from(byte).encode_utf8(&mut [0; 4]));
            ascii |= u128::from(fits) << byte;
        }
        let in_words = in_words.map_or_else(|| format!("only characters of {class}"), ToOwned::to_owned);
        Ok(Self { ascii, any, in_words })
    }

    fn has_ascii(&self, byte: u8) -> bool {
        byte < 128 && self.ascii >> byte & 1 == 1
    }

    fn has(&self, c: char) -> bool {
        match u8::try_from(c) {
            Ok(byte) if byte < 128 => self.has_ascii(byte),
            _ => self.any.is_match(c.encode_utf8(&mut [0; 4])),
        }
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}

impl PartialEq for Compiled {
    /// Always: it follows from the other fields of the profile.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
