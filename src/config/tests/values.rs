//! What good configurations mean.

use std::{path::Path, time::Duration};

use super::{checks, minimal_with, read};
use crate::{
    config::{Checks, load, parse},
    ldap::settings::{Bind, LdapUrl, MinTls, Scope},
    logging::settings::LogFormat,
    mapping::spec::{
        DetailedRule, GroupPreset, OneOrMany, OverrideSpec, Preset, RuleSpec, TransformSpec, TransformTable,
    },
    model::Scalar,
    plan::settings::{GoneAction, GoneGroups, GroupLimits, LeaverAction, Nesting, OnExceeded, OnIncomplete},
    scim::settings::Adopt,
    secret::SecretSource,
};

#[test]
fn defaults() {
    let config = read(super::MINIMAL).unwrap();
    let seconds = Duration::from_secs;
    let ldap = &config.ldap;
    let url = LdapUrl {
        tls: true,
        host: "ldap.example.org".into(),
        port: 636,
    };
    assert_eq!(ldap.urls, [url]);
    assert_eq!(
        (ldap.start_tls, ldap.allow_plaintext, ldap.min_tls),
        (false, false, MinTls::Tls12)
    );
    assert_eq!((ldap.bind.clone(), ldap.page_size), (Bind::Anonymous, 1000));
    assert_eq!(
        (ldap.connect_timeout, ldap.bind_timeout, ldap.read_timeout),
        (seconds(10), seconds(10), seconds(60))
    );
    assert_eq!(config.on_incomplete, OnIncomplete::Abort);
    assert_eq!(config.users.bases, ["ou=people,dc=example,dc=org"]);
    assert_eq!(
        (config.users.scope, config.users.filter.as_str()),
        (Scope::Sub, "(objectClass=inetOrgPerson)")
    );
    assert_eq!(config.users.mapping.preset, Some(Preset::InetOrgPerson));
    let scim = &config.scim;
    assert_eq!(
        (config.profile.as_str(), scim.endpoint.as_str()),
        ("generic", "https://scim.example.org/v2/")
    );
    assert_eq!(scim.token, SecretSource::Env("TOKEN".into()));
    assert_eq!((scim.rate_per_s, scim.concurrency, scim.adopt), (25.0, 8, Adopt::Ours));
    assert_eq!(
        (scim.request_timeout, scim.max_tries, scim.max_elapsed),
        (seconds(30), 6, seconds(300))
    );
    let leavers = config.leavers;
    assert_eq!(
        (leavers.action, leavers.delete_after_days, leavers.confirm_cycles),
        (LeaverAction::Deactivate, 30, 1)
    );
    let limits = &config.limits;
    assert_eq!((limits.max_removals, limits.max_removals_percent), (50, 10.0));
    assert_eq!((limits.on_exceeded, limits.protected.len()), (OnExceeded::Hold, 0));
    assert_eq!(config.state_path, Path::new("/var/lib/scimward"));
    assert_eq!((config.groups, config.users.member_of.len()), (None, 0));
    assert_eq!(config.schedule, None);
    assert_eq!(
        (config.log.format, config.log.level.as_str()),
        (LogFormat::Text, "info")
    );
}

#[test]
fn groups() {
    let groups = read(&minimal_with("[groups] base = \"ou=g\"")).unwrap().groups.unwrap();
    assert_eq!(
        (groups.bases.as_slice(), groups.scope),
        (&["ou=g".to_owned()][..], Scope::Sub)
    );
    let mapping = &groups.mapping;
    assert_eq!(mapping.preset, Some(GroupPreset::GroupOfNames));
    assert_eq!(
        (&mapping.anchor, &mapping.members, &mapping.from_people),
        (&None, &None, &None)
    );
    assert!(mapping.map.is_empty());
    assert_eq!((groups.nesting, groups.gone), (Nesting::Flatten, GoneGroups::default()));
    assert_eq!(groups.limits, GroupLimits::default());
    let config = read(&minimal_with(
        "[groups] base = [\"ou=g\", \"ou=h\"]\n[groups] scope = \"one\"\n[groups] anchor = \"gidNumber\"\n\
         [groups] preset = \"posixgroup\"\n[groups] members = \"memberUid\"\n[groups] from_people = \"memberOf\"\n\
         [groups] nested = \"push\"\n[groups] gone = \"delete\"\n[groups] delete_after_days = 0\n\
         [groups.map] displayName = [\"description\", \"cn\"]\n[groups.limits] max_removals = 1\n\
         [groups.limits] max_removals_percent = 2.5\n[groups.limits] max_member_removals = 3\n\
         [groups.limits] max_member_removals_percent = 4\n[groups.limits] min_group_size = 5\n\
         [users] member_of = \"cn=cloud,ou=g\"",
    ))
    .unwrap();
    assert_eq!(config.users.member_of, ["cn=cloud,ou=g"]);
    let groups = config.groups.unwrap();
    assert_eq!((groups.bases.len(), groups.scope), (2, Scope::One));
    assert_eq!(groups.filter, "(objectClass=posixGroup)");
    let mapping = groups.mapping;
    assert_eq!(mapping.anchor.as_deref(), Some("gidNumber"));
    assert_eq!(mapping.members, Some(vec!["memberUid".to_owned()]));
    assert_eq!(mapping.from_people.as_deref(), Some("memberOf"));
    let rule = RuleSpec::FirstPresent(vec!["description".into(), "cn".into()]);
    assert_eq!(mapping.map.get("displayName"), Some(&rule));
    assert_eq!(groups.nesting, Nesting::Push);
    let gone = GoneGroups {
        action: GoneAction::Delete,
        delete_after_days: 0,
    };
    assert_eq!(groups.gone, gone);
    let limits = GroupLimits {
        max_removals: 1,
        max_removals_percent: 2.5,
        max_member_removals: 3,
        max_member_removals_percent: 4.0,
        min_group_size: 5,
    };
    assert_eq!(groups.limits, limits);
}

#[test]
fn groups_follow_the_preset_of_the_people() {
    let check = |people: &str, groups: &str, expected: &str| {
        let changes = format!("[users] preset = \"{people}\"\n[groups] base = \"ou=g\"\n{groups}");
        let groups = read(&minimal_with(&changes)).unwrap().groups.unwrap();
        assert_eq!(groups.filter, expected, "{changes}");
    };
    let names = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers))";
    check("inetorgperson", "", names);
    check("active-directory", "", "(objectClass=group)");
    check("active-directory", "[groups] preset = \"groupofnames\"", names);
    check("inetorgperson", "[groups] filter = \"(cn=*)\"", "(cn=*)");
}

#[test]
fn a_schedule_has_defaults_of_its_own() {
    let schedule = read(&minimal_with("[schedule] cron = \"* * * * *\""))
        .unwrap()
        .schedule
        .unwrap();
    assert_eq!(
        (schedule.cron.as_str(), schedule.timezone),
        ("* * * * *", chrono_tz::UTC)
    );
    assert_eq!(
        (schedule.run_at_start, schedule.jitter_s, schedule.catch_up),
        (true, 0, true)
    );
    let zone = read(&minimal_with(
        "[schedule] cron = \"* * * * *\"\n[schedule] timezone = \"Asia/Shanghai\"",
    ))
    .unwrap();
    assert_eq!(zone.schedule.unwrap().timezone, chrono_tz::Asia::Shanghai);
}

#[test]
fn ways_to_bind() {
    let check = |changes: &str, expected: Bind| assert_eq!(read(&minimal_with(changes)).unwrap().ldap.bind, expected);
    let simple = Bind::Simple {
        dn: "cn=a".into(),
        password: SecretSource::File("/etc/scimward/pw".into()),
    };
    check(
        "[ldap] bind_dn = \"cn=a\"\n[ldap] bind_password = { file = \"pw\" }",
        simple.clone(),
    );
    check(
        "[ldap] bind = \"simple\"\n[ldap] bind_dn = \"cn=a\"\n[ldap] bind_password = { file = \"/etc/scimward/pw\" }",
        simple,
    );
    check("[ldap] bind = \"anonymous\"", Bind::Anonymous);
    check(
        "[ldap] bind = \"external\"\n[ldap] client_cert = \"c\"\n[ldap] client_key = \"k\"",
        Bind::External,
    );
}

#[test]
fn plaintext_is_for_loopback_or_on_purpose() {
    for changes in [
        "[ldap] urls = \"ldap://localhost\"",
        "[ldap] urls = [\"ldap://127.0.0.1:3890\", \"ldap://127.0.0.2\"]",
        "[ldap] urls = \"ldap://ldap.example.org\"\n[ldap] start_tls = true",
        "[ldap] urls = \"ldap://ldap.example.org\"\n[ldap] allow_plaintext = true",
        "[scim] endpoint = \"http://127.0.0.1:8080/scim\"",
        "[scim] endpoint = \"http://scim.example.org/\"\n[scim] allow_plaintext = true",
    ] {
        let result = read(&minimal_with(changes));
        assert!(result.is_ok(), "{changes}: {}", result.unwrap_err());
    }
}

#[test]
fn numbers_and_durations_have_several_forms() {
    let config = read(&minimal_with(
        "[ldap] connect_timeout = 5\n[ldap] bind_timeout = \"500ms\"\n[ldap] read_timeout = \"2m\"\n\
         [scim] rate_per_s = 0.5\n[limits] max_removals_percent = 7.5\n[ldap] page_size = 0x1F4\n[scim] max_elapsed = \"1h\"",
    ))
    .unwrap();
    assert_eq!(config.ldap.connect_timeout, Duration::from_secs(5));
    assert_eq!(config.ldap.bind_timeout, Duration::from_millis(500));
    assert_eq!(config.ldap.read_timeout, Duration::from_secs(120));
    assert_eq!(config.ldap.page_size, 500);
    assert_eq!(config.scim.max_elapsed, Duration::from_secs(3600));
    assert_eq!((config.scim.rate_per_s, config.limits.max_removals_percent), (0.5, 7.5));
}

#[test]
fn the_state_is_where_it_is_written_else_where_systemd_says() {
    let check = |changes: &str, env: fn(&str) -> Option<std::ffi::OsString>, expected: &str| {
        let checks = Checks { env, ..checks() };
        let config = parse(&minimal_with(changes), Path::new("/srv/x/config.toml"), &checks).unwrap();
        assert_eq!(config.state_path, Path::new(expected));
    };
    let systemd = |name: &str| (name == "STATE_DIRECTORY").then(|| "/var/lib/private/scimward:/var/lib/b".into());
    check("", |_| None, "/var/lib/scimward");
    check("", systemd, "/var/lib/private/scimward");
    check("[state] path = \"state\"", systemd, "/srv/x/state");
    check("[state] path = \"/state\"", systemd, "/state");
}

#[test]
fn presets_bring_their_filter() {
    let check =
        |changes: &str, expected: &str| assert_eq!(read(&minimal_with(changes)).unwrap().users.filter, expected);
    check(
        "[users] preset = \"active-directory\"",
        "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))",
    );
    check("[users] filter = \"(uid=*)\"", "(uid=*)");
}

#[test]
fn rules_in_every_form() {
    let text = minimal_with("[users.map]")
        + r#"
userName = "uid"
"displayName" = ["displayName", "cn"]
"title" = false
"name.formatted" = { template = "{{ givenName }} {{ sn }}" }
"userType" = { attribute = ["employeeType", "title"], lookup = { C = "Contractor", X = true }, default = "Employee" }
"emails.work" = { attribute = "mail", all = true, primary = true, transform = "lower" }
"enterprise.manager" = { reference = "manager" }
"active" = { constant = true }
"nickName" = { attribute = "uid", transform = ["trim", { regex = "a", replace = "" }, { split = ",", index = -1 }, { join = "" }, { truncate = 9 }, { dn_rdn = "ou" }] }

[[users.override]]
anchor = "a1"
exclude = true

[[users.override]]
dn = "uid=ada"
set = { title = "Dr.", "active" = true }
"#;
    let mapping = read(&text).unwrap().users.mapping;
    let detailed = |rule: DetailedRule| RuleSpec::Detailed(Box::new(rule));
    let text = |text: &str| Scalar::Text(text.into());
    let one = |name: &str| Some(OneOrMany::One(name.to_owned()));
    let table = TransformSpec::Table;
    let transforms = vec![
        TransformSpec::Name("trim".into()),
        table(TransformTable {
            regex: Some("a".into()),
            replace: Some(String::new()),
            ..Default::default()
        }),
        table(TransformTable {
            split: Some(",".into()),
            index: Some(-1),
            ..Default::default()
        }),
        table(TransformTable {
            join: Some(String::new()),
            ..Default::default()
        }),
        table(TransformTable {
            truncate: Some(9),
            ..Default::default()
        }),
        table(TransformTable {
            dn_rdn: Some("ou".into()),
            ..Default::default()
        }),
    ];
    let expected = [
        (
            "active",
            detailed(DetailedRule {
                constant: Some(Scalar::Boolean(true)),
                ..Default::default()
            }),
        ),
        (
            "displayName",
            RuleSpec::FirstPresent(vec!["displayName".into(), "cn".into()]),
        ),
        (
            "emails.work",
            detailed(DetailedRule {
                attribute: one("mail"),
                all: true,
                primary: Some(true),
                transform: Some(OneOrMany::One(TransformSpec::Name("lower".into()))),
                ..Default::default()
            }),
        ),
        (
            "enterprise.manager",
            detailed(DetailedRule {
                reference: Some("manager".into()),
                ..Default::default()
            }),
        ),
        (
            "name.formatted",
            detailed(DetailedRule {
                template: Some("{{ givenName }} {{ sn }}".into()),
                ..Default::default()
            }),
        ),
        (
            "nickName",
            detailed(DetailedRule {
                attribute: one("uid"),
                transform: Some(OneOrMany::Many(transforms)),
                ..Default::default()
            }),
        ),
        ("title", RuleSpec::Remove(false)),
        ("userName", RuleSpec::Attribute("uid".into())),
        (
            "userType",
            detailed(DetailedRule {
                attribute: Some(OneOrMany::Many(vec!["employeeType".into(), "title".into()])),
                lookup: Some(
                    [
                        ("C".to_owned(), text("Contractor")),
                        ("X".to_owned(), Scalar::Boolean(true)),
                    ]
                    .into(),
                ),
                default: Some(text("Employee")),
                ..Default::default()
            }),
        ),
    ];
    let found: Vec<_> = mapping
        .map
        .iter()
        .map(|(path, rule)| (path.as_str(), rule.clone()))
        .collect();
    assert_eq!(found, expected);
    let overrides = [
        OverrideSpec {
            anchor: Some("a1".into()),
            exclude: true,
            ..Default::default()
        },
        OverrideSpec {
            dn: Some("uid=ada".into()),
            set: [
                ("active".to_owned(), Scalar::Boolean(true)),
                ("title".to_owned(), text("Dr.")),
            ]
            .into(),
            ..Default::default()
        },
    ];
    assert_eq!(mapping.overrides, overrides);
}

#[test]
fn files_are_read() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    let error = load(&path, &checks()).unwrap_err().to_string();
    assert!(
        error.contains("cannot be read") && error.contains("--config"),
        "{error}"
    );
    std::fs::write(&path, b"[ldap]\n# caf\xe9\n").unwrap();
    let error = load(&path, &checks()).unwrap_err().to_string();
    assert!(error.contains("line 2 is not UTF-8"), "{error}");
    std::fs::write(&path, super::MINIMAL).unwrap();
    assert_eq!(load(&path, &checks()).unwrap().path, path);
    let real = Checks {
        file: Checks::files,
        env: Checks::environment,
        ..checks()
    };
    std::fs::write(
        &path,
        minimal_with("[scim] ca_file = \"ca.pem\"\n[ldap] ca_file = \".\""),
    )
    .unwrap();
    let error = load(&path, &real).unwrap_err().to_string();
    assert!(
        error.contains("ca.pem: there is no such file") && error.contains("is a folder"),
        "{error}"
    );
}
