//! Attributes that vanish. When the bind account may not read an attribute any more, every entry looks as
//! if it never had one; a value lost by many people at once is held like a wave of removals.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Item, Pushed, Scalar, Value};

/// Which attributes an operation takes away: one bit for each of [`Losses`].
pub(super) type Lost = u64;

/// Attributes told apart. More are counted together, which holds too much rather than too little.
const ATTRIBUTES_MAX: usize = 64;
/// Fewer people than this are no wave, however small the company.
const PEOPLE_MIN: u64 = 5;
/// Attributes that a reason names.
const NAMED_MAX: usize = 3;

/// The attributes that somebody loses in a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    bits: BTreeMap<String, usize>,
}

impl Losses {
    /// What of `before` is not in `after` any more. A value that changes is not lost.
    pub(super) fn of(&mut self, before: &Pushed, after: &Pushed) -> Lost {
        let mut lost = 0;
        for (path, value) in &before.resource.attributes {
            match (value, after.resource.attributes.get(path)) {
                (_, None) => lost |= self.bit(&path.short()),
                (Value::List(old), Some(Value::List(new))) => {
                    let new = kinds(new);
                    for kind in kinds(old).difference(&new) {
                        lost |= self.bit(&format!("{}.{kind}", path.short()));
                    }
                }
                _ => {}
            }
        }
        lost
    }

    /// The manager.
    pub(super) fn manager(&mut self) -> Lost {
        self.bit("enterprise.manager")
    }

    fn bit(&mut self, name: &str) -> Lost {
        if let Some(bit) = self.bits.get(name) {
            return 1 << bit;
        }
        let bit = self.bits.len().min(ATTRIBUTES_MAX - 1);
        if self.bits.len() < ATTRIBUTES_MAX {
            self.bits.insert(name.to_owned(), bit);
        }
        1 << bit
    }

    /// The attributes that so many of `people` lose that it is no coincidence: more than `allowed`, and
    /// more than half of the accounts in use. With their names and numbers.
    pub(super) fn waves(
        &self,
        people: impl Iterator<Item = Lost>,
        in_use: u64,
        allowed: u64,
    ) -> (Lost, Vec<(&str, u64)>) {
        let mut numbers = [0_u64; ATTRIBUTES_MAX];
        for lost in people.filter(|lost| *lost != 0) {
            for (bit, number) in numbers.iter_mut().enumerate() {
                *number += (lost >> bit) & 1;
            }
        }
        let is_wave = |number: u64| number >= PEOPLE_MIN && number > allowed && number.saturating_mul(2) > in_use;
        let (mut mask, mut named) = (0, Vec::new());
        for (name, &bit) in &self.bits {
            let number = numbers.get(bit).copied().unwrap_or_default();
            if is_wave(number) {
                mask |= 1 << bit;
                named.push((name.as_str(), number));
            }
        }
        (mask, named)
    }

    /// The names behind the bits.
    pub(super) fn names(&self, lost: Lost) -> impl Iterator<Item = &str> {
        let has = move |bit: &usize| (lost >> *bit) & 1 == 1;
        self.bits
            .iter()
            .filter(move |(_, bit)| has(bit))
            .map(|(name, _)| name.as_str())
    }
}

/// The types of the items of a list.
fn kinds(items: &[Item]) -> BTreeSet<&str> {
    items.iter().filter_map(kind).collect()
}

fn kind(item: &Item) -> Option<&str> {
    match item.get("type") {
        Some(Scalar::Text(kind)) => Some(kind),
        _ => None,
    }
}

/// Why waves are held.
pub(super) fn in_words(waves: &[(&str, u64)], in_use: u64) -> String {
    let mut names: Vec<String> = waves
        .iter()
        .take(NAMED_MAX)
        .map(|(name, number)| format!("{number} of {in_use} accounts in use would lose {name}"))
        .collect();
    if waves.len() > NAMED_MAX {
        names.push(format!(
            "and {} more attributes are lost like this",
            waves.len() - NAMED_MAX
        ));
    }
    format!(
        "{}: lost read rights look exactly like this, and so does a rule taken out of [users.map]",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttributePath, Resource};

    fn pushed(flat: &serde_json::Value) -> Pushed {
        let resource: Resource = serde_json::from_value(flat.clone()).unwrap();
        Pushed {
            resource,
            manager: None,
        }
    }

    #[test]
    fn what_is_gone_is_lost_and_what_changed_is_not() {
        let check = |before, after, expected: &[&str]| {
            let mut losses = Losses::default();
            let lost = losses.of(&pushed(&before), &pushed(&after));
            assert_eq!(losses.names(lost).collect::<Vec<_>>(), expected);
        };
        use serde_json::json;
        check(json!({"title": "a", "x": "1"}), json!({"title": "b", "y": "2"}), &["x"]);
        check(json!({}), json!({"title": "b"}), &[]);
        let phones = |kinds: &[&str]| {
            let items: Vec<_> = kinds.iter().map(|kind| json!({"value": "1", "type": kind})).collect();
            json!({"phoneNumbers": items})
        };
        check(phones(&["work", "mobile"]), phones(&["work"]), &["phoneNumbers.mobile"]);
        check(phones(&["work"]), phones(&["mobile", "work"]), &[]);
        check(phones(&["work"]), json!({}), &["phoneNumbers"]);
        check(
            json!({"photos": [{"value": "a"}, {"value": "b"}]}),
            json!({"photos": [{"value": "a"}]}),
            &[],
        );
    }

    #[test]
    fn a_wave_is_many_people_and_more_than_half() {
        let check = |people: u64, in_use, allowed, held| {
            let mut losses = Losses::default();
            let lost = losses.bit("title");
            let waves = losses.waves((0..people).map(|_| lost), in_use, allowed);
            assert_eq!(waves.0 == lost, held, "{people} of {in_use}, {allowed}");
            assert_eq!(waves.1.len(), usize::from(held));
        };
        check(6, 10, 5, true);
        check(5, 10, 1, false);
        check(6, 10, 6, false);
        check(4, 4, 0, false);
        check(5, 5, 0, true);
        check(0, 0, 0, false);
    }

    #[test]
    fn more_attributes_than_bits_are_counted_together() {
        let mut losses = Losses::default();
        let before = pushed(&serde_json::json!({}));
        let mut many = before.clone();
        for number in 0..200 {
            let path = AttributePath::new(&format!("x{number}"));
            many.resource.attributes.insert(path, Value::Boolean(true));
        }
        assert_eq!(losses.of(&many, &before), Lost::MAX);
        assert_eq!(losses.names(Lost::MAX).count(), ATTRIBUTES_MAX);
    }
}
