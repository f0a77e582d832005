//! README and documentation under test: what stands there is what the program takes, does and says.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use scimward::{
    cli::Cli,
    mapping::{
        Mapper,
        spec::{MappingSpec, RuleSpec},
    },
    model::{Attribute, DirectoryEntry, Mapped},
    profile::Profile,
    report,
};
use support::scimward::Scimward;
use toml::{Table, Value};

mod support;

/// Whatever a fragment leaves out.
const BASE: &str = r#"
ldap = { urls = "ldaps://ldap.example.org" }
users = { base = "ou=people,dc=example,dc=org", preset = "inetorgperson" }
scim = { profile = "generic", endpoint = "https://cloud.example.org/scim/v2/", token = { env = "TOKEN" } }
"#;

/// Files that may be named below `/etc/scimward`, where a test has none.
const NAMED_FILES: [&str; 9] = [
    "token",
    "cloud-ca.pem",
    "corp-ca.pem",
    "ldap-ca.pem",
    "scim-ca.pem",
    "client.pem",
    "client.key",
    "access-key",
    "secret-key",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page, relative to the root.
fn pages() -> Vec<String> {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()).display().to_string());
        paths.filter(|path| path.ends_with(".md")).collect()
    };
    let mut pages = [names(""), names("docs")].concat();
    pages.sort();
    assert!(pages.len() >= 8, "{pages:?}");
    pages
}

/// The fenced blocks of a language, each with the number of its first line.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let text = read(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines().zip(2..);
    while let Some((line, number)) = lines.next() {
        let Some(found) = line.strip_prefix("```") else {
            continue;
        };
        let inside = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```");
        let block = inside.collect::<Vec<_>>().join("\n");
        if found == language {
            blocks.push((number, block));
        }
    }
    blocks
}

/// The rows of the table below `| first |`, cell by cell, without backticks around a whole cell.
fn table(page: &str, heading: &str, first: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let at = text.find(heading).unwrap_or_else(|| panic!("{page}: no {heading:?}"));
    let rows = text[at..].lines().skip_while(|line| !line.starts_with(first)).skip(2);
    let rows: Vec<Vec<String>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect();
    assert!(!rows.is_empty(), "{page}: no table {first:?} below {heading:?}");
    rows
}

/// What stands in a cell that is one piece of code.
fn code(cell: &str) -> Option<&str> {
    let inside = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inside.contains('`')).then_some(inside)
}

/// Puts the keys of a fragment into the tables of `whole`.
fn merge(whole: &mut Table, fragment: Table) {
    for (name, value) in fragment {
        match (whole.get_mut(&name), value) {
            (Some(Value::Table(table)), Value::Table(keys)) => table.extend(keys),
            (_, value) => drop(whole.insert(name, value)),
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => support::config::text(text),
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let is_bare = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let pair = |(key, value): (&String, &Value)| match is_bare(key) {
                true => format!("{key} = {}", inline(value)),
                false => format!("{} = {}", support::config::text(key), inline(value)),
            };
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        plain => json(plain),
    }
}

/// Numbers, true and false are written alike in TOML and JSON.
fn json(plain: &Value) -> String {
    serde_json::to_value(plain).unwrap().to_string()
}

/// Has the program itself read a configuration with all its checks; it need not reach anything.
fn accepted(place: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMED_FILES {
        let path = folder.path().join(name);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let here = folder.path().display().to_string();
    let text = text
        .replace("/etc/scimward", &here)
        .replace("/var/lib/scimward", &format!("{here}/state"));
    let config = folder.path().join("config.toml");
    fs::write(&config, text).unwrap();
    let run = Scimward::bare()
        .args(&["--config", &config.display().to_string(), "status"])
        .run();
    assert_eq!(run.code, Some(0), "{place}\n{}", run.everything());
}

#[test]
fn every_configuration_shown_is_accepted() {
    let mut seen = 0;
    for page in pages() {
        for (line, block) in blocks(&page, "toml") {
            let place = format!("{page}:{line}");
            let mut whole: Table = toml::from_str(BASE).unwrap();
            merge(
                &mut whole,
                toml::from_str(&block).unwrap_or_else(|error| panic!("{place}: {error}")),
            );
            let text: Vec<String> = whole
                .iter()
                .map(|(key, value)| format!("{key} = {}\n", inline(value)))
                .collect();
            accepted(&place, &text.concat());
            seen += 1;
        }
    }
    assert!(seen >= 8, "only {seen} blocks");
}

/// The first one in the README is what a reader copies: it has to stand alone.
#[test]
fn the_first_configuration_is_whole() {
    accepted("README.md", &blocks("README.md", "toml")[0].1);
}

/// The README shows what a slip in that configuration leads to.
#[test]
fn the_mistake_shown_is_reported_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let (_, whole) = blocks("README.md", "toml").remove(0);
    fs::write(
        &config,
        whole.replacen("\n\n[users]", "\npage_sise = 500\n\n[users]", 1),
    )
    .unwrap();
    let path = config.display().to_string();
    let run = Scimward::bare().args(&["--config", &path, "status"]).run().expect(2);
    let shown = blocks("README.md", "text").into_iter().map(|(_, block)| block);
    let shown = shown
        .filter(|block| block.starts_with("scimward: "))
        .collect::<Vec<_>>();
    assert_eq!(
        shown,
        [run.stderr.trim_end().replace(&path, "/etc/scimward/config.toml")]
    );
}

#[test]
fn the_example_is_accepted_as_it_is_and_with_every_key() {
    let example = read("config.example.toml");
    accepted("config.example.toml", &example);
    let whole: Vec<&str> = example
        .lines()
        .map(|line| commented_key(line).unwrap_or(line))
        .collect();
    accepted("config.example.toml, every key", &whole.join("\n"));
}

/// A key that the example shows without putting it in force.
fn commented_key(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    rest.starts_with(|c: char| c == '"' || c == '[' || c.is_ascii_lowercase())
        .then_some(rest)
}

#[test]
fn every_command_line_shown_is_understood() {
    let mut seen = 0;
    for page in pages() {
        for (line, block) in blocks(&page, "sh") {
            for command in block.replace("\\\n", " ").lines() {
                let Some(arguments) = arguments(command) else { continue };
                let read = Cli::read(std::iter::once("scimward".to_owned()).chain(arguments));
                assert!(read.is_ok(), "{page}:{line}: {command}\n{}", read.unwrap_err());
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "only {seen} command lines");
}

/// What a shell would hand to the program, if the line calls it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next()?.split(" > ").next()?.split(" < ").next()?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let ours = |word: &&str| matches!(*word, "scimward" | "/usr/bin/scimward");
    let at = match words.as_slice() {
        ["cargo", "run", ..] => words.iter().position(|word| *word == "--")?,
        ["scimward", ..] | ["sudo", "scimward" | "systemd-run", ..] => words.iter().position(ours)?,
        _ => return None,
    };
    Some(words[at + 1..].iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn files_named_in_command_lines_exist() {
    for page in pages() {
        for (line, block) in blocks(&page, "sh") {
            let ours = |word: &&str| {
                ["systemd/", "tests/", ".ci/", "config."]
                    .iter()
                    .any(|start| word.starts_with(start))
            };
            for word in block.split_whitespace().filter(ours) {
                assert!(root().join(word).exists(), "{page}:{line}: {word}");
            }
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                PathBuf::from(&page)
            } else {
                folder.join(path)
            };
            assert!(root().join(&target).exists(), "{page}: {link}");
            let anchors = if anchor.is_empty() {
                BTreeSet::new()
            } else {
                anchors(&target)
            };
            assert!(
                anchor.is_empty() || anchors.contains(anchor),
                "{page}: {link}; there are {anchors:?}"
            );
        }
    }
}

/// Headings as links name them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let kept = heading
            .trim_matches(['#', ' '])
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(slug).collect()
}

fn help() -> String {
    Scimward::bare().args(&["-h"]).run().expect(0).stdout
}

#[test]
fn the_command_table_is_the_programs() {
    let help = help();
    let section = |from: &str| {
        let lines = help.lines().skip_while(|line| !line.starts_with(from)).skip(1);
        lines
            .take_while(|line| !line.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let word = |line: &str, indent: usize| {
        let name = line.get(indent..)?.split_whitespace().next()?;
        (line.starts_with(&" ".repeat(indent)) && !line[indent..].starts_with(' ')).then(|| name.to_owned())
    };
    let commands = section("Commands:")
        .iter()
        .filter_map(|line| word(line, 2))
        .collect::<Vec<_>>();
    let modes = section("Modes:")
        .iter()
        .filter_map(|line| word(line, 6))
        .collect::<Vec<_>>();
    let wanted: BTreeSet<String> = [commands, modes, vec![String::new()]].concat().into_iter().collect();
    let shown: BTreeSet<String> = table("README.md", "## Commands", "| command |")
        .iter()
        .map(|row| {
            code(&row[0])
                .unwrap()
                .split_whitespace()
                .nth(1)
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(shown, wanted);
}

#[test]
fn the_exit_code_table_is_the_programs() {
    let help = help();
    let (_, below) = help.split_once("Exit codes:\n").unwrap();
    let codes = below.lines().filter_map(|line| line.trim().split_once(' '));
    let wanted: Vec<Vec<String>> = codes
        .map(|(code, words)| vec![code.to_owned(), words.trim().to_owned()])
        .collect();
    assert_eq!(table("README.md", "## Commands", "| exit code |"), wanted);
}

/// `[table]` → key → the value in the example, and whether that is only shown.
fn example() -> BTreeMap<String, BTreeMap<String, (String, bool)>> {
    let mut tables: BTreeMap<String, BTreeMap<String, (String, bool)>> = BTreeMap::new();
    let mut current = String::new();
    for line in read("config.example.toml").lines() {
        let (line, shown) = commented_key(line).map_or((line, false), |line| (line, true));
        if let Some(header) = line.strip_prefix('[') {
            current = header.trim_matches(['[', ']']).to_owned();
            if let Some((table, key)) = current.split_once('.') {
                tables
                    .entry(table.to_owned())
                    .or_default()
                    .insert(key.to_owned(), (String::new(), shown));
            }
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = (value.to_owned(), shown);
            tables.entry(current.clone()).or_default().insert(key.to_owned(), value);
        }
    }
    tables.retain(|table, _| !table.is_empty() && !["users.map", "groups.map"].contains(&table.as_str()));
    tables.retain(|table, _| !table.starts_with("users.override"));
    assert_eq!(tables.len(), 14, "{tables:?}");
    tables
}

#[test]
fn the_configuration_page_has_every_key_with_its_default() {
    const PAGE: &str = "docs/configuration.md";
    for (name, keys) in example() {
        let rows = table(PAGE, &format!("\n## `[{name}]`"), "| key |");
        let described: BTreeSet<&str> = rows.iter().filter_map(|row| code(&row[0])).collect();
        assert_eq!(described, keys.keys().map(String::as_str).collect(), "[{name}]");
        for row in &rows {
            let (key, default) = (code(&row[0]).unwrap(), &row[1]);
            let (value, shown) = &keys[key];
            let words = [
                "required",
                "none",
                "the system's",
                "the preset's",
                "the profile's",
                "by what is there",
                "the one of `[users]`",
                "see below",
            ];
            match code(default) {
                Some(default) => assert_eq!((default, *shown), (value.as_str(), true), "[{name}] {key}"),
                None => assert!(words.contains(&default.as_str()), "[{name}] {key}: {default}"),
            }
        }
    }
}

#[test]
fn the_preset_table_is_the_presets() {
    const PAGE: &str = "docs/configuration.md";
    let rows = table(PAGE, "\n## Presets", "| SCIM attribute |");
    let about = table(PAGE, "\n## `[users]`", "| preset |");
    for (column, name) in [(1, "inetorgperson"), (2, "active-directory")] {
        let file: Table = toml::from_str(&read(&format!("src/mapping/presets/{name}.toml"))).unwrap();
        let row = about.iter().find(|row| code(&row[0]) == Some(name)).unwrap();
        assert_eq!(code(&row[2]), file["anchor"].as_str());
        let wanted: BTreeMap<&str, String> = file["map"]
            .as_table()
            .unwrap()
            .iter()
            .map(|(key, rule)| (key.as_str(), in_words(rule)))
            .collect();
        let shown = rows.iter().filter(|row| row[column] != "—");
        let shown: BTreeMap<&str, String> = shown.map(|row| (code(&row[0]).unwrap(), row[column].clone())).collect();
        assert_eq!(shown, wanted, "{name}");
    }
}

#[test]
fn the_table_of_group_presets_is_the_presets() {
    let rows = table("docs/configuration.md", "\n## `[groups]`", "| preset |");
    let names: Vec<_> = rows.iter().filter_map(|row| code(&row[0])).collect();
    assert_eq!(names, ["groupofnames", "posixgroup", "active-directory"]);
    for row in &rows {
        let name = code(&row[0]).unwrap();
        let file: Table = toml::from_str(&read(&format!("src/mapping/presets/groups/{name}.toml"))).unwrap();
        let members = file["members"].as_array().unwrap().iter();
        let members: Vec<_> = members
            .map(|member| format!("`{}`", member.as_str().unwrap()))
            .collect();
        assert_eq!(code(&row[2]), file["anchor"].as_str(), "{name}");
        assert_eq!(row[3], members.join(", "), "{name}");
        assert_eq!(code(&row[4]), file["map"]["displayName"].as_str(), "{name}");
    }
}

/// A preset's rule as the table has it.
fn in_words(rule: &Value) -> String {
    let code = |value: &Value| format!("`{}`", value.as_str().map_or_else(|| json(value), str::to_owned));
    let rule = match rule {
        Value::Array(names) => return names.iter().map(code).collect::<Vec<_>>().join(", else "),
        Value::Table(rule) => rule,
        plain => return code(plain),
    };
    if let Some(constant) = rule.get("constant") {
        return code(constant);
    }
    if let Some(reference) = rule.get("reference") {
        return format!("the person {} names", code(reference));
    }
    if let Some(parts) = rule.get("all_of") {
        return parts
            .as_array()
            .unwrap()
            .iter()
            .map(in_words)
            .collect::<Vec<_>>()
            .join("; and ");
    }
    let transform = match &rule["transform"] {
        table @ Value::Table(_) => format!("`{}`", inline(table)),
        name => code(name),
    };
    let mut words = format!("{} by {transform}", code(&rule["attribute"]));
    if rule.get("required") == Some(&Value::Boolean(true)) {
        words += ", required";
    }
    if rule.get("default") == Some(&Value::Boolean(true)) {
        words += ", absent counts as true";
    }
    words
}

#[test]
fn the_profile_table_is_the_profiles() {
    let rows = table("docs/configuration.md", "\n## Profiles", "| | `huawei`");
    let cell = |row: &str, column: usize| rows.iter().find(|cells| cells[0] == row).unwrap()[column].clone();
    let list = |names: &[String], none: &str| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            none.to_owned()
        } else {
            names.join(", ")
        }
    };
    for (name, column) in ["huawei", "aws", "alibaba", "generic"].into_iter().zip(1..) {
        let profile = Profile::named(name).unwrap();
        let whole = profile
            .mandatory
            .iter()
            .filter(|path| *path != "userName" && !path.starts_with("emails."));
        let mandatory: Vec<String> = whole.cloned().collect();
        assert_eq!(cell("mandatory", column), list(&mandatory, "nothing more"), "{name}");
        assert_eq!(
            cell("one item only", column),
            list(&profile.single_valued, "none"),
            "{name}"
        );
        assert_eq!(
            cell("`userName` may change", column).as_str(),
            yes(profile.user_name_mutable),
            "{name}"
        );
        assert_eq!(
            cell("requests a second", column),
            profile.default_rate_per_s.to_string(),
            "{name}"
        );
        assert_eq!(
            cell("in flight", column),
            profile.default_concurrency.to_string(),
            "{name}"
        );
        // Some clouds can be asked for more than we ask for.
        let asked = |key: &&String| ["externalId", "userName"].contains(&key.as_str());
        let mut keys: Vec<String> = profile.filterable.iter().filter(asked).cloned().collect();
        keys.sort();
        assert_eq!(cell("looked up by", column), list(&keys, "nothing"), "{name}");
    }
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// The worked examples of the configuration page, worked.
#[test]
fn the_mapping_examples_are_right() {
    const PAGE: &str = "docs/configuration.md";
    let text = read(PAGE);
    let after = &text[text.find("<!-- maps -->").unwrap()..];
    let block = after.split("```").nth(1).unwrap().strip_prefix("toml\n").unwrap();
    let lines: Table = toml::from_str(block).unwrap();
    let rules = lines["users"]["map"].as_table().unwrap();
    let mut map: BTreeMap<String, RuleSpec> = rules
        .iter()
        .map(|(path, rule)| (path.clone(), rule.clone().try_into().unwrap()))
        .collect();
    map.insert("userName".into(), RuleSpec::Attribute("uid".into()));
    let spec = MappingSpec {
        preset: Some(scimward::mapping::spec::Preset::InetOrgPerson),
        map,
        ..MappingSpec::default()
    };
    let mapper = Mapper::compile(&spec).unwrap();
    let mut ada = DirectoryEntry {
        dn: "uid=alovelace,o=Example".into(),
        ..DirectoryEntry::default()
    };
    for (name, values) in [
        ("entryuuid", &["0f6c2c2e-8f6f-4f0e-9c43-5a4d1a1a7d10"][..]),
        ("uid", &["alovelace"]),
        ("givenname", &["Ada"]),
        ("sn", &["Lovelace"]),
        ("employeetype", &["C"]),
        ("departmentnumber", &["4711/London"]),
        ("departmentdn", &["ou=Research,o=Example"]),
        ("mail", &["ada@example.org", "a.lovelace@example.org"]),
        ("title", &["Analyst"]),
    ] {
        ada.attributes.push(Attribute {
            name: name.into(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
    }
    let Mapped::InScope(user) = mapper.map(&ada, 0) else {
        panic!("not in scope")
    };
    let made: BTreeMap<String, String> = user
        .resource
        .attributes
        .iter()
        .map(|(path, value)| (path.short(), report::value_text(value)))
        .collect();
    let rows = table(PAGE, "<!-- maps -->", "| attribute | becomes |");
    for row in &rows {
        assert_eq!(made.get(code(&row[0]).unwrap()), Some(&row[1]), "{row:?} of {made:?}");
    }
    assert_eq!(
        rows.len(),
        rules.len() - 1,
        "every line but the one that takes a rule out"
    );
    assert!(!made.contains_key("title"), "{made:?}");
}

/// The report in the README is the demo's, line for line.
#[test]
fn the_report_shown_is_what_the_demo_prints() {
    let text = read("README.md");
    let (_, after) = text
        .split_once("<!-- printed by: scimward demo -->\n```text\n")
        .unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    let printed = Scimward::bare().args(&["demo", "--no-pause"]).run().expect(0).stdout;
    let printed = without_ports(&printed);
    assert!(
        printed.contains(shown),
        "the README shows\n{shown}\nbut the demo prints\n{printed}"
    );
}

/// Ports are other ones in every run.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "127.0.0.1:PORT";
        out += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out
}
