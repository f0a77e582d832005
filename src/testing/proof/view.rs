//! What a cloud holds, in a form that can be compared: ids differ from run to run, people do not.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::sandbox::Cloud;

/// Accounts and groups by `externalId`, those without one by name.
pub(super) type View = BTreeMap<String, Json>;

/// What `cloud` holds, without what a service provider makes itself. References are told by
/// `externalId`.
pub(super) fn view(cloud: &Cloud) -> View {
    let owners: BTreeMap<String, String> = cloud
        .users()
        .map(|user| (user.id.clone(), owner(&user.resource)))
        .collect();
    let mut view = View::new();
    for stored in cloud.users().chain(cloud.groups()) {
        let mut resource = stored.resource.clone();
        if !stored.members.is_empty() {
            let mut members: Vec<&String> = stored.members.keys().collect();
            members.sort_by_key(|id| owners.get(*id));
            resource.insert("members".into(), members.into_iter().cloned().collect());
        }
        for name in ["id", "meta", "schemas"] {
            resource.remove(name);
        }
        let mut resource = Json::Object(resource);
        name_owners(&mut resource, &owners);
        prune(&mut resource);
        let owner = owner(&stored.resource);
        // The checker says so as well; here it shows as a difference.
        if let Some(twin) = view.insert(owner.clone(), resource) {
            view.insert(format!("{owner} again"), twin);
        }
    }
    view
}

/// Whose account or group it is.
pub(super) fn owner(resource: &Map<String, Json>) -> String {
    let text = |name: &str| resource.get(name).and_then(Json::as_str).map(str::to_owned);
    let name = || text("userName").or_else(|| text("displayName")).unwrap_or_default();
    text("externalId").unwrap_or_else(|| format!("nobody's: {}", name()))
}

fn name_owners(value: &mut Json, owners: &BTreeMap<String, String>) {
    match value {
        Json::String(text) => {
            if let Some(owner) = owners.get(text.as_str()) {
                *text = format!("account of {owner}");
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| name_owners(item, owners)),
        Json::Object(object) => object.values_mut().for_each(|item| name_owners(item, owners)),
        _ => {}
    }
}

/// An empty object says no more than none.
fn prune(value: &mut Json) {
    if let Json::Object(object) = value {
        object.values_mut().for_each(prune);
        object.retain(|name, value| {
            name != "$ref"
                && value.as_object().is_none_or(|inner| !inner.is_empty())
                && *value != Json::Array(Vec::new())
        });
    }
}

/// How two views differ, for a message.
pub(super) fn difference(seen: &View, wanted: &View) -> String {
    let keys: std::collections::BTreeSet<_> = seen.keys().chain(wanted.keys()).collect();
    let lines = keys
        .into_iter()
        .filter(|key| seen.get(*key) != wanted.get(*key))
        .map(|key| {
            let show = |view: &View| view.get(key).map_or("nothing".to_owned(), ToString::to_string);
            format!("{key}:\n    is     {}\n    wanted {}", show(seen), show(wanted))
        });
    lines.collect::<Vec<_>>().join("\n  ")
}
