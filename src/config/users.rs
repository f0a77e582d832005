//! `[users]`: whom to read, and what becomes of them.

use super::{
    UsersSettings, rules,
    search::{self, DefaultFilter},
    section::Section,
};
use crate::{
    ldap::settings::Scope,
    mapping::spec::{MappingSpec, Preset},
};

const PRESETS: [(&str, Preset); 2] = [
    ("inetorgperson", Preset::InetOrgPerson),
    ("active-directory", Preset::ActiveDirectory),
];

/// Reads the table. `has_groups`: there is a table `[groups]`.
pub(super) fn read(users: &Section<'_>, has_groups: bool) -> Option<UsersSettings> {
    let preset_item = users.item("preset");
    let preset = preset_item.as_ref().and_then(|item| item.choice(&PRESETS));
    let scopes = [("base", Scope::Base), ("one", Scope::One), ("sub", Scope::Sub)];
    let bases = search::bases(users, "ou=people,dc=example,dc=org");
    let default = match preset {
        Some(Preset::InetOrgPerson) => DefaultFilter::Preset("(objectClass=inetOrgPerson)"),
        // Computers are users too in AD; the category leaves them out, and contacts with them.
        Some(Preset::ActiveDirectory) => {
            DefaultFilter::Preset("(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))")
        }
        None if preset_item.is_some() => DefaultFilter::Unknown,
        None => DefaultFilter::Missing,
    };
    let filter = search::filter(users, default, "person");
    let mapping = MappingSpec {
        preset,
        anchor: users.text("anchor").map(ToOwned::to_owned),
        map: rules::read_map(users),
        overrides: rules::read_overrides(users),
    };
    if let Err(mistakes) = (users.report.checks.mapping)(&mapping) {
        rules::note(users, "users.", mistakes, preset.is_none() && preset_item.is_some());
    }
    let settings = UsersSettings {
        scope: users.choice("scope", Scope::Sub, &scopes),
        member_of: read_member_of(users, has_groups),
        filter: filter?,
        mapping,
        bases,
    };
    (!settings.bases.is_empty()).then_some(settings)
}

/// The preset, where no mistake is to be noted; an error when there is one that nobody knows.
pub(super) fn known_preset(users: &Section<'_>) -> Result<Option<Preset>, ()> {
    let Some(item) = users.item("preset") else {
        return Ok(None);
    };
    let named = |(name, _): &&(&str, Preset)| item.value.as_str() == Some(name);
    PRESETS.iter().find(named).map(|(_, preset)| Some(*preset)).ok_or(())
}

/// `member_of`: groups of which people have to be members.
fn read_member_of(users: &Section<'_>, has_groups: bool) -> Vec<String> {
    const EXAMPLE: &str = "write member_of = [\"cn=cloud,ou=groups,dc=example,dc=org\"]";
    let Some(item) = users.item("member_of") else {
        return Vec::new();
    };
    let names = search::names(item.one_or_many(EXAMPLE), EXAMPLE);
    if !has_groups && !names.is_empty() {
        item.wrong(
            "needs the table [groups]: without it no groups are read",
            "write [groups] with the base under which these groups are",
        );
    }
    names
}
