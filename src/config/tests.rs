//! The whole module from outside: text in, configuration or mistakes out.

mod cloud;
mod example;
mod mistakes;
mod values;

use std::path::Path;

use crate::ldap::settings::LdapUrl;

use super::{Checks, Config, ConfigErrors, MappingMistake, ProfileDefaults, parse};

/// As little as there can be.
const MINIMAL: &str = r#"
[ldap]
urls = ["ldaps://ldap.example.org"]

[users]
base = "ou=people,dc=example,dc=org"
preset = "inetorgperson"

[scim]
profile = "generic"
endpoint = "https://scim.example.org/v2"
token = { env = "TOKEN" }
"#;

/// Checks with an opinion, as small as they can be.
fn checks() -> Checks {
    Checks {
        ldap_url: |text| {
            let (scheme, rest) = text.split_once("://").ok_or("has no scheme")?;
            let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "636"));
            Ok(LdapUrl {
                tls: match scheme {
                    "ldaps" => true,
                    "ldap" => false,
                    _ => return Err("is not a directory".to_owned()),
                },
                host: host.to_ascii_lowercase(),
                port: port.parse().map_err(|_| "has a bad port")?,
            })
        },
        filter: |text| match text.chars().position(|char| char == '!') {
            Some(char) => Err((char, "no exclamation marks".to_owned())),
            None => Ok(()),
        },
        mapping: |mapping| {
            let mistake = |key: &str| MappingMistake {
                key: key.to_owned(),
                problem: "is bad".to_owned(),
                mend: "make it good".to_owned(),
            };
            let bad = mapping.map.keys().filter(|key| key.starts_with("bad"));
            let mut mistakes: Vec<_> = bad.map(|key| mistake(&format!("users.map.{key}"))).collect();
            match mapping.anchor.as_deref() {
                Some("anchor") => mistakes.push(mistake("users.anchor")),
                Some("missing") => mistakes.push(mistake("users.map.userName")),
                Some("second") => mistakes.push(mistake("users.override[1].set.title")),
                Some("second twice") => {
                    mistakes.extend(["title", "nickName"].map(|path| mistake(&format!("users.override[1].set.{path}"))))
                }
                _ => {}
            }
            if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
        },
        groups: |mapping| {
            let mistake = |key: &str| MappingMistake {
                key: format!("groups.{key}"),
                problem: "is bad".to_owned(),
                mend: "make it good".to_owned(),
            };
            let bad = mapping.map.keys().filter(|key| key.starts_with("bad"));
            let mut mistakes: Vec<_> = bad.map(|key| mistake(&format!("map.{key}"))).collect();
            let members = mapping.members.iter().flatten();
            mistakes.extend(members.filter(|name| *name == "bad").map(|_| mistake("members")));
            if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
        },
        profile: |name| match name {
            "generic" | "flat" | "huawei" | "alibaba" => Ok(ProfileDefaults {
                rate_per_s: 25.0,
                concurrency: 8,
                nested_groups: name == "generic",
            }),
            _ => Err("there is no such profile".to_owned()),
        },
        cron: |text| {
            if text == "* * * * *" {
                Ok(())
            } else {
                Err("five fields, please".to_owned())
            }
        },
        log_level: crate::logging::check_level,
        file: |path| {
            if path.ends_with("absent") {
                Err("there is no such file".to_owned())
            } else {
                Ok(())
            }
        },
        env: |_| None,
    }
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    parse(text, Path::new("/etc/scimward/config.toml"), &checks())
}

/// [`MINIMAL`] with lines put at the top of tables (`[users] scope = …`), in place of lines there with
/// the same key; a table that is not there yet is added.
fn minimal_with(changes: &str) -> String {
    let mut text = MINIMAL.to_owned();
    for change in changes.lines().map(str::trim).filter(|change| !change.is_empty()) {
        let (table, line) = change.split_once("] ").unwrap_or((change.trim_end_matches(']'), ""));
        let (header, key) = (format!("{table}]\n"), line.split('=').next().unwrap_or(""));
        if !text.contains(&header) {
            text.push_str(&header);
        }
        let at = text.find(&header).unwrap() + header.len();
        let end = text[at..].find("\n[").map_or(text.len(), |end| at + end);
        let kept: String = text[at..end]
            .split_inclusive('\n')
            .filter(|old| key.is_empty() || !old.starts_with(key))
            .collect();
        text.replace_range(at..end, &format!("{line}\n{kept}"));
    }
    text
}
