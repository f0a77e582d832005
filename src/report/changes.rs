//! What differs between two states of a person.

use std::cmp::Ordering;

use serde::Serialize;

use crate::model::{AttributePath, ManagerRef, Pushed, Value};

/// One attribute that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// The path as people write it (`enterprise.department`).
    pub path: String,
    /// The value so far; none when the attribute is new.
    pub before: Option<Value>,
    /// The value to come; none when the attribute is cleared.
    pub after: Option<Value>,
}

/// Everything that differs, in the order of [`AttributeChange::path`]. No `before` is a person to be created, no `after` one to be
/// deleted. The manager stands under `enterprise.manager` by DN; another spelling of the same
/// person's DN is no change.
#[must_use]
pub fn changes(before: Option<&Pushed>, after: Option<&Pushed>) -> Vec<AttributeChange> {
    let mut found = Vec::new();
    let mut old = before.iter().flat_map(|pushed| &pushed.resource.attributes).peekable();
    let mut new = after.iter().flat_map(|pushed| &pushed.resource.attributes).peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let was = if order.is_le() { old.next() } else { None };
        let is = if order.is_ge() { new.next() } else { None };
        let (was_value, is_value) = (was.map(|(_, value)| value), is.map(|(_, value)| value));
        if let Some((path, _)) = was.or(is)
            && was_value != is_value
        {
            found.push(change(path, was_value.cloned(), is_value.cloned()));
        }
    }
    let manager = |pushed: Option<&Pushed>| pushed.and_then(|pushed| pushed.manager.clone());
    let (old, new) = (manager(before), manager(after));
    if old.as_ref().map(|manager| manager.key) != new.as_ref().map(|manager| manager.key) {
        let by_dn = |manager: ManagerRef| Value::Text(manager.dn);
        found.push(change(
            &AttributePath::enterprise("manager"),
            old.map(by_dn),
            new.map(by_dn),
        ));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn change(path: &AttributePath, before: Option<Value>, after: Option<Value>) -> AttributeChange {
    AttributeChange {
        path: path.short(),
        before,
        after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Anchor, Resource},
        report::samples::pushed,
    };

    fn manager(name: &str, dn: &str) -> Option<ManagerRef> {
        Some(ManagerRef {
            key: Anchor::new(name).key(),
            dn: dn.to_owned(),
        })
    }

    #[track_caller]
    fn check(before: Option<Pushed>, after: Option<Pushed>, expected: &[&str]) {
        let show = |value: &Option<Value>| match value {
            Some(Value::Text(text)) => text.clone(),
            Some(value) => format!("{value:?}"),
            None => String::new(),
        };
        let found: Vec<String> = changes(before.as_ref(), after.as_ref())
            .iter()
            .map(|change| format!("{}: {} → {}", change.path, show(&change.before), show(&change.after)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn differences_in_path_order() {
        let a = pushed(&[("title", "Clerk"), ("userName", "a"), ("enterprise.division", "North")]);
        let b = pushed(&[("nickName", "Al"), ("userName", "b"), ("enterprise.division", "North")]);
        check(Some(a.clone()), Some(a.clone()), &[]);
        check(None, None, &[]);
        check(Some(Pushed::default()), None, &[]);
        check(
            Some(a.clone()),
            Some(b.clone()),
            &["nickName:  → Al", "title: Clerk → ", "userName: a → b"],
        );
        check(
            None,
            Some(b),
            &["enterprise.division:  → North", "nickName:  → Al", "userName:  → b"],
        );
        check(
            Some(a),
            None,
            &["enterprise.division: North → ", "title: Clerk → ", "userName: a → "],
        );
    }

    #[test]
    fn the_manager_is_compared_by_anchor_and_shown_by_dn() {
        let with = |manager| Pushed {
            resource: Resource::default(),
            manager,
        };
        let (m, moved) = (manager("m", "uid=m,ou=a"), manager("m", "uid=m,ou=b"));
        check(Some(with(m.clone())), Some(with(moved)), &[]);
        let other = manager("n", "uid=n");
        check(
            Some(with(m.clone())),
            Some(with(other)),
            &["enterprise.manager: uid=m,ou=a → uid=n"],
        );
        check(
            Some(with(m.clone())),
            Some(with(None)),
            &["enterprise.manager: uid=m,ou=a → "],
        );
        check(None, Some(with(m)), &["enterprise.manager:  → uid=m,ou=a"]);
    }
}
