//! `[groups]`: which groups to read, what becomes of them, and how much may be taken away.

use super::{
    GroupsSettings, policy, rules,
    search::{self, DefaultFilter},
    section::Section,
    users,
};
use crate::{
    ldap::settings::Scope,
    mapping::spec::{GroupMappingSpec, GroupPreset, Preset},
    plan::settings::{GoneAction, GoneGroups, GroupLimits, Nesting},
};

const PRESETS: [(&str, GroupPreset); 3] = [
    ("groupofnames", GroupPreset::GroupOfNames),
    ("posixgroup", GroupPreset::PosixGroup),
    ("active-directory", GroupPreset::ActiveDirectory),
];

/// Reads the table; nothing when it is not there. `may_nest`: the profile lets groups be members.
pub(super) fn read(groups: &Section<'_>, users: &Section<'_>, may_nest: bool) -> Option<GroupsSettings> {
    if !groups.is_present() {
        return None;
    }
    let (preset, default_filter) = preset(groups, users);
    let scopes = [("base", Scope::Base), ("one", Scope::One), ("sub", Scope::Sub)];
    let bases = search::bases(groups, "ou=groups,dc=example,dc=org");
    let filter = search::filter(groups, default_filter, "groupOfNames");
    let mapping = GroupMappingSpec {
        preset,
        anchor: groups.text("anchor").map(ToOwned::to_owned),
        members: members(groups),
        from_people: groups.text("from_people").map(ToOwned::to_owned),
        map: rules::read_map(groups),
    };
    if let Err(mistakes) = (groups.report.checks.groups)(&mapping) {
        rules::note(groups, "groups.", mistakes, false);
    }
    let settings = GroupsSettings {
        scope: groups.choice("scope", Scope::Sub, &scopes),
        nesting: nesting(groups, may_nest),
        gone: gone(groups),
        limits: limits(groups),
        filter: filter?,
        mapping,
        bases,
    };
    (!settings.bases.is_empty()).then_some(settings)
}

/// The preset as written, else the one that goes with the preset of the people; and its filter.
fn preset(groups: &Section<'_>, users: &Section<'_>) -> (Option<GroupPreset>, DefaultFilter) {
    let preset = match groups.item("preset") {
        Some(item) => item.choice(&PRESETS).ok_or(()),
        None => match users::known_preset(users) {
            Ok(Some(Preset::InetOrgPerson)) => Ok(GroupPreset::GroupOfNames),
            Ok(Some(Preset::ActiveDirectory)) => Ok(GroupPreset::ActiveDirectory),
            Ok(None) => return (None, DefaultFilter::Missing),
            Err(()) => Err(()),
        },
    };
    let filter = match preset {
        Ok(GroupPreset::GroupOfNames) => {
            "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers))"
        }
        Ok(GroupPreset::PosixGroup) => "(objectClass=posixGroup)",
        Ok(GroupPreset::ActiveDirectory) => "(objectClass=group)",
        // What the rest says is checked against some preset, so that there are no echoes of this.
        Err(()) => return (Some(GroupPreset::GroupOfNames), DefaultFilter::Unknown),
    };
    (preset.ok(), DefaultFilter::Preset(filter))
}

fn members(groups: &Section<'_>) -> Option<Vec<String>> {
    const EXAMPLE: &str = "write members = [\"member\"], or [\"memberUid\"] for login names";
    let item = groups.item("members")?;
    // Whether nothing will do depends on from_people, which is for the mapping to say.
    if item.value.as_array().is_some_and(|array| array.is_empty()) {
        return Some(Vec::new());
    }
    let items = item.one_or_many(EXAMPLE)?;
    // Every element is looked at, so that every mistake is noted.
    let texts: Vec<Option<&str>> = items.iter().map(|item| item.text()).collect();
    texts.into_iter().map(|text| text.map(ToOwned::to_owned)).collect()
}

fn nesting(groups: &Section<'_>, may_nest: bool) -> Nesting {
    let choices = [("flatten", Nesting::Flatten), ("push", Nesting::Push)];
    let nesting = groups.choice("nested", Nesting::default(), &choices);
    if nesting == Nesting::Push
        && !may_nest
        && let Some(item) = groups.item("nested")
    {
        item.wrong(
            "the profile in [scim] takes no group as a member of a group",
            "write \"flatten\": the members of inner groups become members of the outer one",
        );
    }
    nesting
}

fn gone(groups: &Section<'_>) -> GoneGroups {
    let actions = [
        ("keep", GoneAction::Keep),
        ("empty", GoneAction::Empty),
        ("delete", GoneAction::Delete),
    ];
    let default = GoneGroups::default();
    let days = u64::from(default.delete_after_days);
    let days = groups.number("delete_after_days", days, 0..=36_500, "0 deletes at once");
    GoneGroups {
        action: groups.choice("gone", default.action, &actions),
        delete_after_days: u32::try_from(days).unwrap_or(u32::MAX),
    }
}

/// `[groups.limits]`
fn limits(groups: &Section<'_>) -> GroupLimits {
    let default = GroupLimits::default();
    let Some(limits) = groups.below("limits", super::keys::GROUP_LIMITS) else {
        return default;
    };
    let number = |key: &str, default: u64, why: &str| limits.number(key, default, 0..=1_000_000_000, why);
    let share = |key: &str, default: f64, what: &str| policy::share(&limits, key, what).unwrap_or(default);
    let settings = GroupLimits {
        max_removals: number("max_removals", default.max_removals, "0 holds every removal of a group"),
        max_removals_percent: share(
            "max_removals_percent",
            default.max_removals_percent,
            "the groups in use",
        ),
        max_member_removals: number(
            "max_member_removals",
            default.max_member_removals,
            "0 holds every removal of a member",
        ),
        max_member_removals_percent: share(
            "max_member_removals_percent",
            default.max_member_removals_percent,
            "the members of a group",
        ),
        min_group_size: number(
            "min_group_size",
            default.min_group_size,
            "members from which on the share is in force",
        ),
    };
    limits.finish();
    settings
}
