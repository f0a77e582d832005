//! `[users]`: whom to read, and what becomes of them.

use super::{MappingMistake, UsersSettings, item::Item, keys, rules, section::Section};
use crate::{
    ldap::settings::Scope,
    mapping::spec::{MappingSpec, Preset},
};

/// Reads the table.
pub(super) fn read(users: &Section<'_>) -> Option<UsersSettings> {
    let presets = [
        ("inetorgperson", Preset::InetOrgPerson),
        ("active-directory", Preset::ActiveDirectory),
    ];
    let preset_item = users.item("preset");
    let preset = preset_item.as_ref().and_then(|item| item.choice(&presets));
    let scopes = [("base", Scope::Base), ("one", Scope::One), ("sub", Scope::Sub)];
    let bases = read_bases(users);
    let filter = read_filter(users, preset, preset_item.is_some());
    let mapping = MappingSpec {
        preset,
        anchor: users.text("anchor").map(ToOwned::to_owned),
        map: rules::read_map(users),
        overrides: rules::read_overrides(users),
    };
    check_mapping(users, &mapping, preset.is_none() && preset_item.is_some());
    let settings = UsersSettings {
        scope: users.choice("scope", Scope::Sub, &scopes),
        filter: filter?,
        mapping,
        bases,
    };
    (!settings.bases.is_empty()).then_some(settings)
}

fn read_bases(users: &Section<'_>) -> Vec<String> {
    const EXAMPLE: &str = "write base = \"ou=people,dc=example,dc=org\", or a list of such names";
    let mut bases: Vec<String> = Vec::new();
    for item in users
        .required("base", EXAMPLE)
        .and_then(|item| item.one_or_many(EXAMPLE))
        .unwrap_or_default()
    {
        let Some(text) = item.text() else { continue };
        if !text.contains('=') {
            item.wrong(format!("{text:?} is not a distinguished name"), EXAMPLE);
        } else if bases.iter().any(|base| base.eq_ignore_ascii_case(text)) {
            item.wrong(format!("{text} is listed twice"), "take one out");
        } else {
            bases.push(text.to_owned());
        }
    }
    bases
}

/// The filter as written, or the one that goes with the preset.
fn read_filter(users: &Section<'_>, preset: Option<Preset>, preset_is_written: bool) -> Option<String> {
    let Some(item) = users.item("filter") else {
        let default = match preset {
            Some(Preset::InetOrgPerson) => "(objectClass=inetOrgPerson)",
            // Computers are users too in AD; the category leaves them out, and contacts with them.
            Some(Preset::ActiveDirectory) => {
                "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))"
            }
            None if preset_is_written => return None,
            None => {
                users.missing(
                    "filter",
                    "is missing; only a preset brings a filter of its own",
                    "write filter = \"(objectClass=person)\" or the like, or name a preset",
                );
                return None;
            }
        };
        return Some(default.to_owned());
    };
    let text = item.text()?;
    if let Err((char, problem)) = (users.report.checks.filter)(text) {
        item.wrong_at(
            char,
            format!("is not a search filter, at character {}: {problem}", char + 1),
            "correct it by RFC 4515: (&(objectClass=person)(!(employeeType=robot))); \\28 \\29 \\2a \\5c for ( ) * \\ in values",
        );
        return None;
    }
    Some(text.to_owned())
}

/// Asks the mapping itself. What had no shape it has not seen, so what it says of that is an echo; so is all
/// that is missing because the preset is not one.
fn check_mapping(users: &Section<'_>, mapping: &MappingSpec, preset_is_wrong: bool) {
    let Err(mistakes) = (users.report.checks.mapping)(mapping) else {
        return;
    };
    let place = |mistake: MappingMistake| {
        let key = mistake.key.strip_prefix("users.").unwrap_or(&mistake.key).to_owned();
        (find(users, &key), key, mistake)
    };
    let echo = |item: &Option<Item<'_>>| item.as_ref().is_some_and(|item| users.report.is_wrong(&item.key));
    // All of them before the first is noted, since two may be about one key.
    let places: Vec<_> = mistakes
        .into_iter()
        .map(place)
        .filter(|(item, ..)| !echo(item))
        .collect();
    for (item, key, mistake) in places {
        match item {
            Some(item) => item.wrong(mistake.problem, mistake.mend),
            None if preset_is_wrong => {}
            None => users.missing(&key, mistake.problem, mistake.mend),
        }
    }
}

/// The value at `anchor`, `map.userName` or `override[2].set.title`, or at the nearest thing around it.
fn find<'a>(users: &Section<'a>, key: &str) -> Option<Item<'a>> {
    if let Some(path) = key.strip_prefix("map.") {
        return rules::map_section(users)?.any(path);
    }
    if let Some((index, _)) = key.strip_prefix("override[").and_then(|rest| rest.split_once(']')) {
        return users.item("override")?.elements()?.into_iter().nth(index.parse().ok()?);
    }
    if keys::USERS.contains(&key) {
        users.item(key)
    } else {
        None
    }
}
