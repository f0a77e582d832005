//! Holds the direction of dependencies between the modules, as the crate's map describes it: the
//! core knows nothing of the outside, shells know nothing of each other, and each outside library
//! has one home.
#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// One source file: its path below `src`, with slashes, and its text.
struct Source {
    path: String,
    text: String,
}

/// Who may use which of our modules. A file is ruled by the first prefix that fits; files without
/// one (the process around core and shells) are free, but for [`TOP`].
const MAY_USE: [(&str, &[&str]); 17] = [
    ("expiry.rs", &["expiry"]),
    ("model/", &["model"]),
    ("mapping/", &["mapping", "model"]),
    ("profile/", &["profile", "model"]),
    ("plan/", &["plan", "model"]),
    ("ports", &["model", "ports"]),
    ("secret.rs", &["secret"]),
    ("ldap/", &["ldap", "model", "ports", "secret"]),
    ("https.rs", &["https"]),
    ("scim/", &["scim", "https", "model", "ports", "profile", "secret"]),
    ("cloud/", &["cloud", "https", "secret"]),
    ("store/", &["store", "model", "ports", "secret"]),
    // What the client sends is what the sandbox is asked in its tests.
    (
        "sandbox/cloud/tests/",
        &["sandbox", "model", "ports", "profile", "scim"],
    ),
    ("sandbox/cloud/", &["sandbox", "made_uuid", "model", "profile"]),
    ("sandbox/", &["sandbox", "made_uuid", "profile"]),
    ("demo/directory", &["demo", "made_uuid", "model"]),
    ("demo/company", &["demo", "model"]),
];

/// The process: named by itself and by what starts the program, by nobody else.
const TOP: [&str; 3] = ["app", "cli", "daemon"];
/// What starts the program. The demo runs it as a whole; fuzzing wants the checks it starts with.
const MAY_USE_TOP: [&str; 7] = ["app.rs", "app/", "cli.rs", "cli/", "main.rs", "demo/", "fuzzing/"];
/// The schedule's settings belong to the daemon; the configuration makes them.
const ALSO: [(&str, &str); 1] = [("config/", "daemon")];

/// Libraries and where they are at home: one place for each, but for what speaks HTTPS, which two
/// clients share.
const HOMES: [(&str, &[&str]); 8] = [
    ("sled", &["store/"]),
    ("ldap3", &["ldap/"]),
    ("lber", &["ldap/"]),
    ("reqwest", &["https.rs", "scim/", "cloud/"]),
    ("ldap3_proto", &["demo/"]),
    // What verifies signatures shares nothing with what makes them.
    ("hmac", &["sandbox/control/sign/"]),
    ("sha1", &["sandbox/control/sign/"]),
    ("sha2", &["sandbox/control/sign/"]),
];
/// Tests of a shell may play the other side with the library of another one.
const TEST_FILES: [&str; 3] = ["/tests.rs", "/testing.rs", "/tests/"];

/// What the pure core must not ask: the time, chance, the disk, the network.
const NOT_IN_CORE: [&str; 10] = [
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "fastrand",
    "std::fs",
    "std::net",
    "std::env",
    "tokio",
    "tracing",
];
const CORE: [&str; 6] = [
    "model/",
    "mapping/",
    "profile/",
    "plan/",
    "expiry.rs",
    "sandbox/control/",
];

#[test]
fn dependencies_point_inwards() {
    let sources = read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 20, "only {} source files found", sources.len());
    let broken: Vec<String> = sources.iter().flat_map(violations).collect();
    assert!(
        broken.is_empty(),
        "the architecture is broken:\n  {}",
        broken.join("\n  ")
    );
}

#[test]
fn planted_violations_are_found() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let source = Source {
            path: path.into(),
            text: text.into(),
        };
        assert_eq!(violations(&source), expected, "{path}: {text}");
    };
    check(
        "model/entry.rs",
        "use crate::ports::Event;",
        &["src/model/entry.rs: uses crate::ports; allowed: model"],
    );
    check(
        "plan/order.rs",
        "use crate::{\n    model::{Action, Operation},\n    store::Sled,\n};",
        &["src/plan/order.rs: uses crate::store; allowed: plan, model"],
    );
    check(
        "mapping/mod.rs",
        "fn f() { crate::app::run() }",
        &["src/mapping/mod.rs: uses crate::app; allowed: mapping, model"],
    );
    check(
        "cycle.rs",
        "use crate::cli::Args;",
        &["src/cycle.rs: uses crate::cli, which belongs to the program's start"],
    );
    check("daemon/signals.rs", "use crate::daemon::x;", &[]);
    check("config/mod.rs", "use crate::daemon::settings::ScheduleSettings;", &[]);
    check(
        "daemon/signals.rs",
        "use crate::cli::x;",
        &["src/daemon/signals.rs: uses crate::cli, which belongs to the program's start"],
    );
    check(
        "scim/client.rs",
        "use crate::{profile::Profile, ports::Probe, secret::SecretSource}; use super::x;",
        &[],
    );
    check(
        "ldap/paged.rs",
        "use crate::scim::request;",
        &["src/ldap/paged.rs: uses crate::scim; allowed: ldap, model, ports, secret"],
    );
    check(
        "cycle.rs",
        "fn f(db: sled::Db) {}",
        &["src/cycle.rs: names sled, which is at home in src/store"],
    );
    check(
        "ldap/mod.rs",
        "use ldap3_proto::LdapCodec;",
        &["src/ldap/mod.rs: names ldap3_proto, which is at home in src/demo"],
    );
    check("demo/directory.rs", "use ldap3_proto::LdapCodec;", &[]);
    check("cloud/encode.rs", "fn f(key: &ring::hmac::Key) {}", &[]);
    check(
        "cloud/encode.rs",
        "use hmac::Mac;",
        &["src/cloud/encode.rs: names hmac, which is at home in src/sandbox/control/sign"],
    );
    check(
        "plan/mod.rs",
        "let now = SystemTime::now();",
        &["src/plan/mod.rs: asks SystemTime::now; the core takes it as an argument"],
    );
    check(
        "plan/mod.rs",
        "// crate::app and sled and SystemTime::now\nlet a = \"crate::app, sled\";",
        &[],
    );
    check(
        "plan/mod.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::store::Sled;\n}\n",
        &[],
    );
    check("scim/x.rs", "pub(in crate::scim) fn f() {}", &[]);
}

/// Every broken rule of one file, in words.
fn violations(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let code = code_only(text);
    let mut found = Vec::new();
    let used = used_modules(&code);
    let allowed = MAY_USE
        .iter()
        .find(|(prefix, _)| fits(path, prefix))
        .map(|(_, allowed)| *allowed);
    for module in &used {
        let own = path.split(['/', '.']).next() == Some(module)
            || ALSO.iter().any(|(prefix, also)| fits(path, prefix) && also == module);
        match allowed {
            Some(allowed) if !allowed.contains(&module.as_str()) => {
                found.push(format!(
                    "src/{path}: uses crate::{module}; allowed: {}",
                    allowed.join(", ")
                ));
            }
            None if TOP.contains(&module.as_str()) && !own && !MAY_USE_TOP.iter().any(|p| path.starts_with(p)) => {
                found.push(format!(
                    "src/{path}: uses crate::{module}, which belongs to the program's start"
                ));
            }
            _ => {}
        }
    }
    for (library, homes) in HOMES
        .into_iter()
        .filter(|_| !TEST_FILES.iter().any(|file| path.contains(file)))
    {
        if !homes.iter().any(|home| fits(path, home)) && names(&code, library) {
            let homes: Vec<_> = homes
                .iter()
                .map(|home| format!("src/{}", home.trim_end_matches('/')))
                .collect();
            found.push(format!(
                "src/{path}: names {library}, which is at home in {}",
                homes.join(", ")
            ));
        }
    }
    if CORE.iter().any(|core| fits(path, core)) {
        for banned in NOT_IN_CORE.into_iter().filter(|banned| names(&code, banned)) {
            found.push(format!("src/{path}: asks {banned}; the core takes it as an argument"));
        }
    }
    found
}

/// `model/` is for `model/x.rs` and for `model.rs`.
fn fits(path: &str, prefix: &str) -> bool {
    path.starts_with(prefix)
        || path
            .strip_suffix(".rs")
            .is_some_and(|stem| format!("{stem}/") == prefix)
}

/// The first path segments after `crate::`, also inside `use crate::{…}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) || code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.trim_start().strip_prefix('{') {
            Some(group) => used.extend(group_heads(group)),
            None => used.extend(first_word(rest)),
        }
    }
    used
}

/// The first words of the items of a brace group, whose opening brace is already taken.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut item_start) = (0_usize, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(first_word(group[item_start..at].trim_start()));
                item_start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn first_word(text: &str) -> Option<String> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    // `crate::Something` is an item of the root, not a module.
    text[..end]
        .starts_with(|c: char| c.is_ascii_lowercase())
        .then(|| text[..end].to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `code` has `name` as a whole word that begins a path.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let path_goes_on = name.contains("::") || after.trim_start().starts_with("::") || after.starts_with(';');
        // `ring::hmac::Key` is of ring, and of no library named hmac.
        let of_another = !name.contains("::") && before.strip_suffix("::").is_some_and(|path| path.ends_with(is_word));
        !before.ends_with(is_word) && !after.starts_with(is_word) && path_goes_on && !of_another
    })
}

/// The text without comments, without what stands in quotes, and without the unit tests at its end.
fn code_only(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut quoted, mut escaped) = (false, false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if !quoted && c == '/' && chars.peek() == Some(&'/') {
                break;
            }
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && c == '\\' && !escaped;
            if !quoted {
                code.push(c);
            }
        }
        code.push('\n');
    }
    code
}

fn read_sources(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source {
                    path: below,
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}
