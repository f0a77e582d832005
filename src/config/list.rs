//! Lists, and keys that may be one thing or a list.

use toml::de::DeValue;

use super::{item::Item, section::Section};

impl<'a> Item<'a> {
    /// A value on its own, or the elements of a list with at least one.
    pub(super) fn one_or_many(&self, mend: &str) -> Option<Vec<Self>> {
        match self.value {
            DeValue::String(_) => Some(vec![self.clone()]),
            DeValue::Array(array) if array.is_empty() => {
                self.wrong("is an empty list", mend);
                None
            }
            DeValue::Array(_) => self.elements(),
            _ => {
                self.wrong_type("text or a list of texts", mend);
                None
            }
        }
    }

    /// A list of texts, none of them empty.
    pub(super) fn texts(&self, mend: &str) -> Option<Vec<String>> {
        let Some(elements) = self.elements() else {
            self.wrong_type("a list of texts", mend);
            return None;
        };
        // Every element is looked at, so that every mistake is noted.
        let texts: Vec<Option<&str>> = elements.iter().map(Item::text).collect();
        texts.into_iter().map(|text| text.map(ToOwned::to_owned)).collect()
    }
}

impl<'a> Section<'a> {
    /// Every key with its value, for tables whose keys are the operator's.
    pub(super) fn items(&self) -> Vec<(&'a str, Item<'a>)> {
        let entries = self.table.iter().flat_map(|table| table.iter());
        entries
            .map(|(key, value)| (key.get_ref().as_ref(), self.make_item(key.get_ref(), value)))
            .collect()
    }

    /// The value of any key.
    pub(super) fn any(&self, key: &str) -> Option<Item<'a>> {
        let (key, value) = self.table?.get_key_value(key)?;
        Some(self.make_item(key.get_ref(), value))
    }
}
