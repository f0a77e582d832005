//! The groups of the small cloud for tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::profile::{MembersReturned, Profile};

/// Groups, by the rules of a profile as far as these tests need them.
pub(in crate::scim) struct Groups {
    pub all: BTreeMap<String, Json>,
    /// Who there is, when it matters.
    pub people: Option<BTreeSet<String>>,
    /// A removal that finds nobody is refused.
    pub minds_no_target: bool,
    profile: Profile,
}

impl Groups {
    pub fn new(profile: &Profile) -> Self {
        Self {
            all: BTreeMap::new(),
            people: None,
            minds_no_target: false,
            profile: profile.clone(),
        }
    }

    /// The ids in a group, in order of coming.
    pub fn members(&self, id: &str) -> Vec<String> {
        ids(&self.all[id]["members"])
    }

    /// Answers a request below `Groups`; a new group gets `new_id`.
    pub fn answer(&mut self, method: &str, path: &str, body: &Json, new_id: &str) -> (u16, Json) {
        let id = path.strip_prefix("Groups/").unwrap_or_default().to_owned();
        if let Some(filter) = path.strip_prefix("Groups?filter=") {
            return (200, self.list(filter));
        }
        if self.profile.groups.display_name_unique && self.holds_name(&id, body) {
            return (409, json!({"detail": "taken", "status": 409}));
        }
        if method == "POST" {
            assert_eq!(body.get("members"), None, "a group is created empty");
            let mut group = body.clone();
            (group["id"], group["members"]) = (json!(new_id), json!([]));
            self.all.insert(new_id.to_owned(), group.clone());
            return (201, group);
        }
        if !self.all.contains_key(&id) {
            return (404, json!({"detail": "no such group"}));
        }
        match method {
            "GET" => (200, self.shown(&id, true)),
            "DELETE" => {
                self.all.remove(&id);
                (204, Json::Null)
            }
            "PUT" => {
                assert!(self.profile.groups.put, "this cloud has no PUT for groups");
                let mut group = body.clone();
                group["id"] = json!(id);
                self.all.insert(id.clone(), group);
                (200, self.shown(&id, true))
            }
            _ => self.patch(&id, body),
        }
    }

    fn holds_name(&self, id: &str, body: &Json) -> bool {
        let fold = |name: &Json| {
            let name = name.as_str().unwrap_or_default();
            match self.profile.groups.display_name_case_insensitive {
                true => name.to_lowercase(),
                false => name.to_owned(),
            }
        };
        let renamed = body["Operations"].as_array().into_iter().flatten();
        let renamed = renamed.filter(|op| op["path"] == "displayName").map(|op| &op["value"]);
        let names: Vec<String> = renamed.chain([&body["displayName"]]).map(fold).collect();
        self.all
            .iter()
            .any(|(other, group)| other != id && names.contains(&fold(&group["displayName"])))
    }

    fn patch(&mut self, id: &str, body: &Json) -> (u16, Json) {
        let operations = body["Operations"].as_array().unwrap();
        let mut group = self.all[id].clone();
        let mut members = ids(&group["members"]);
        let mut named = 0;
        for operation in operations {
            let (op, path) = (operation["op"].as_str().unwrap(), operation["path"].as_str().unwrap());
            let value = &operation["value"];
            let out = match (op, path) {
                ("add", "members") => {
                    let new = ids(value);
                    named += new.len();
                    let unknown = |id: &&String| self.people.as_ref().is_some_and(|people| !people.contains(*id));
                    if let Some(unknown) = new.iter().find(unknown) {
                        let status = self.profile.groups.unknown_member_status;
                        return (status, json!({"detail": format!("there is no {unknown}")}));
                    }
                    members.retain(|id| !new.contains(id));
                    members.extend(new);
                    continue;
                }
                ("remove", "members") => ids(value),
                ("remove", path) if path.starts_with("members[value eq ") => {
                    let id = path.trim_start_matches("members[value eq ").trim_end_matches(']');
                    vec![serde_json::from_str(id).unwrap()]
                }
                ("remove", path) => {
                    group.as_object_mut().unwrap().remove(path);
                    continue;
                }
                (_, path) => {
                    group[path] = value.clone();
                    continue;
                }
            };
            assert!(!out.is_empty(), "never all members at once");
            named += out.len();
            if self.minds_no_target && out.iter().any(|id| !members.contains(id)) {
                return (400, json!({"scimType": "noTarget", "detail": "nobody there"}));
            }
            members.retain(|id| !out.contains(id));
        }
        if self.profile.groups.member_chunk.is_some_and(|most| named > most) {
            return (400, json!({"detail": "too many members"}));
        }
        group["members"] = members.iter().map(|id| json!({"value": id})).collect();
        self.all.insert(id.to_owned(), group);
        (204, Json::Null)
    }

    fn shown(&self, id: &str, alone: bool) -> Json {
        let mut group = self.all[id].clone();
        let returned = self.profile.groups.members_returned;
        if returned == MembersReturned::Never || (returned == MembersReturned::One && !alone) {
            group["members"] = json!([]);
        }
        group
    }

    fn list(&self, filter: &str) -> Json {
        let (filter, wants_members) = match filter.strip_suffix("&excludedAttributes=members") {
            Some(filter) => (filter, false),
            None => (filter, true),
        };
        let (attribute, value) = filter.split_once(" eq ").unwrap();
        let value: String = serde_json::from_str(value).unwrap();
        assert!(self.profile.groups.filterable.iter().any(|known| known == attribute));
        let found = self.all.iter().filter(|(_, group)| {
            let there = group[attribute].as_str().unwrap_or_default();
            there == value
                || (self.profile.groups.display_name_case_insensitive && there.to_lowercase() == value.to_lowercase())
        });
        let found: Vec<Json> = found
            .map(|(id, _)| {
                let mut group = self.shown(id, false);
                if !wants_members {
                    group.as_object_mut().unwrap().remove("members");
                }
                group
            })
            .collect();
        json!({"totalResults": found.len(), "Resources": found})
    }
}

fn ids(members: &Json) -> Vec<String> {
    let id = |member: &Json| member["value"].as_str().unwrap().to_owned();
    members.as_array().unwrap().iter().map(id).collect()
}
