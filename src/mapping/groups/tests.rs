use super::*;
use crate::{
    mapping::spec::{GroupPreset, RuleSpec},
    model::Attribute,
};

const UUID: &str = "597ae2f6-16a6-1027-98f4-d28b5365dc14";

fn spec(preset: Option<GroupPreset>) -> GroupMappingSpec {
    GroupMappingSpec {
        preset,
        ..GroupMappingSpec::default()
    }
}

fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> DirectoryEntry {
    let attributes = attributes.iter().map(|(name, values)| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|value| value.to_vec()).collect(),
    });
    DirectoryEntry {
        dn: dn.to_owned(),
        attributes: attributes.collect(),
    }
}

fn sorted(mut keys: Vec<MemberKey>) -> Vec<MemberKey> {
    keys.sort_unstable();
    keys
}

/// Groups with a name and a key, and what `map` adds.
fn mapped(map: &str, attributes: &[(&str, &[&[u8]])]) -> Result<String, String> {
    let spec = GroupMappingSpec {
        map: toml::from_str(map).unwrap(),
        ..spec(Some(GroupPreset::GroupOfNames))
    };
    let mapper = GroupMapper::compile(&spec).unwrap_or_else(|errors| panic!("{map}: {errors:?}"));
    let anchor: &[&[u8]] = &[UUID.as_bytes()];
    let attributes = [&[("entryuuid", anchor)], attributes].concat();
    let group = mapper.map(&entry("cn=g,dc=x", &attributes));
    assert_eq!(group.anchor, Some(Anchor::new(UUID)));
    match group.resource {
        Ok(resource) => Ok(resource
            .attributes
            .keys()
            .map(|path| format!("{}={}", path.short(), resource.text(path.as_str()).unwrap_or("?")))
            .collect::<Vec<_>>()
            .join(" ")),
        Err(problems) => Err(problems
            .iter()
            .map(|problem| format!("{}: {} [{}]", problem.attribute, problem.rule, problem.value))
            .collect::<Vec<_>>()
            .join("; ")),
    }
}

#[test]
fn members_by_name() {
    let mapper = GroupMapper::compile(&spec(Some(GroupPreset::GroupOfNames))).unwrap();
    assert_eq!(mapper.attributes(), ["cn", "entryuuid", "member", "uniquemember"]);
    assert_eq!(mapper.anchor_attribute(), "entryuuid");
    let entry = entry(
        "cn=All, dc=x",
        &[
            ("entryuuid", &[UUID.to_uppercase().as_bytes()]),
            ("cn", &[b"All", b"Everybody"]),
            ("member", &[b"uid=a,dc=x", b"UID=A, DC=X", b"", b"cn=\xff\x00,dc=x"]),
            ("uniquemember", &[b"uid=b,dc=x#'01'B"]),
            ("memberuid", &[b"c"]),
        ],
    );
    let group = mapper.map(&entry);
    assert_eq!(group.dn, "cn=All, dc=x");
    assert_eq!(group.source, entry.digest());
    assert_eq!(group.anchor, Some(Anchor::new(UUID)));
    assert_eq!(group.aliases, []);
    let members = ["uid=a,dc=x", "uid=b,dc=x", "cn=\\ff\0,dc=x"].map(MemberKey::dn);
    assert_eq!(group.members, sorted(members.to_vec()));
    let resource = group.resource.unwrap();
    assert_eq!(resource.text("displayName"), Some("All"));
    assert_eq!(resource.text("externalId"), Some(UUID));
    assert_eq!(resource.attributes.len(), 2);
}

#[test]
fn members_by_login_name() {
    let spec = spec(Some(GroupPreset::PosixGroup));
    let mapper = GroupMapper::compile(&spec).unwrap();
    let group = mapper.map(&entry(
        "cn=g",
        &[
            ("entryuuid", &[UUID.as_bytes()]),
            ("cn", &[b"g"]),
            ("memberuid", &[b"ada", b"bob", b"\xff"]),
        ],
    ));
    let members = ["ada", "bob", "\\ff"].map(MemberKey::uid);
    assert_eq!(group.members, sorted(members.to_vec()));

    let roster = RosterRule::compile(&spec).unwrap();
    assert_eq!(roster.attributes(), ["uid"]);
    let ada = roster.read(&entry("uid=ada,dc=x", &[("uid", &[b"Ada", b"lovelace", b"\xff"])]));
    let names = [
        MemberKey::dn("uid=ada,dc=x"),
        MemberKey::uid("ada"),
        MemberKey::uid("lovelace"),
    ];
    assert_eq!(ada.names, names);
    assert_eq!(ada.groups, []);
}

#[test]
fn active_directory() {
    let sid = |rid: u32| {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21_u32, 7, 8, 9, rid] {
            sid.extend(part.to_le_bytes());
        }
        sid
    };
    let spec = spec(Some(GroupPreset::ActiveDirectory));
    let mapper = GroupMapper::compile(&spec).unwrap();
    assert_eq!(mapper.attributes(), ["cn", "member", "objectguid", "objectsid"]);
    let group = mapper.map(&entry(
        "CN=Domain Users,DC=x",
        &[
            ("objectguid", &[&[7; 16]]),
            ("objectsid", &[&sid(513)]),
            ("cn", &[b"Domain Users"]),
            ("member", &[b"CN=a,DC=x"]),
        ],
    ));
    assert_eq!(group.anchor, Some(Anchor::new("07070707-0707-0707-0707-070707070707")));
    assert_eq!(group.aliases, [MemberKey::sid("S-1-5-21-7-8-9-513")]);
    assert_eq!(group.members, [MemberKey::dn("cn=a,dc=x")]);

    let spec = GroupMappingSpec {
        from_people: Some("memberOf".into()),
        ..spec
    };
    let roster = RosterRule::compile(&spec).unwrap();
    assert_eq!(roster.attributes(), ["memberof", "objectsid", "primarygroupid"]);
    let check = |sids: &[&[u8]], primary: &[u8], expected: &[MemberKey]| {
        let person = roster.read(&entry(
            "CN=p,DC=x",
            &[
                ("objectsid", sids),
                ("primarygroupid", &[primary]),
                ("memberof", &[b"CN=g,DC=x", b"cn=G, dc=x", b""]),
            ],
        ));
        assert_eq!(person.names, [MemberKey::dn("cn=p,dc=x")]);
        let expected = [expected, &[MemberKey::dn("cn=g,dc=x")]].concat();
        assert_eq!(person.groups, sorted(expected));
    };
    check(&[&sid(1104)], b"513", &group.aliases);
    check(&[b"S-1-5-21-7-8-9-1104"], b"513", &group.aliases);
    check(&[&sid(1104)[..20]], b"513", &[]);
    check(&[], b"513", &[]);
    check(&[&sid(1104)], b"-1", &[]);
    check(&[&sid(1104)], b"\xff", &[]);
}

#[test]
fn memberships_of_people_alone() {
    let spec = GroupMappingSpec {
        anchor: Some("gidNumber".into()),
        members: Some(Vec::new()),
        from_people: Some("isMemberOf".into()),
        map: [("displayName".to_owned(), RuleSpec::Attribute("cn".into()))].into(),
        ..spec(None)
    };
    let mapper = GroupMapper::compile(&spec).unwrap();
    assert_eq!(mapper.attributes(), ["cn", "gidnumber"]);
    assert_eq!(RosterRule::compile(&spec).unwrap().attributes(), ["ismemberof"]);
}

#[test]
fn a_group_without_anchor_keeps_its_members() {
    let mapper = GroupMapper::compile(&spec(Some(GroupPreset::GroupOfNames))).unwrap();
    let group = mapper.map(&entry("cn=g", &[("cn", &[b"g"]), ("member", &[b"cn=a"])]));
    assert_eq!(group.anchor, None);
    assert_eq!(group.members, [MemberKey::dn("cn=a")]);
    let problems = group.resource.unwrap_err();
    assert!(
        problems[0].rule.starts_with("groups.anchor: the entry has none"),
        "{problems:?}"
    );
}

#[test]
fn attributes_by_rule() {
    let external = format!("externalId={UUID}");
    let check = |map: &str, attributes: &[(&str, &[&[u8]])], expected: &str| {
        assert_eq!(mapped(map, attributes).as_deref(), Ok(expected), "{map}");
    };
    check("", &[("cn", &[b"a b"])], &format!("displayName=a b {external}"));
    check(
        "displayName = { template = 'ldap-{{ cn }}', transform = 'lower' }",
        &[("cn", &[b"A"])],
        &format!("displayName=ldap-a {external}"),
    );
    check(
        "'urn:ietf:params:scim:schemas:core:2.0:Group:DISPLAYNAME' = ['description', 'cn']\nexternalId = 'gidNumber'",
        &[("cn", &[b"A"]), ("gidnumber", &[b"7"])],
        "displayName=A externalId=7",
    );
    check("externalId = false", &[("cn", &[b"A"])], "displayName=A");
}

#[test]
fn names_that_cannot_be_pushed() {
    let check = |map: &str, attributes: &[(&str, &[&[u8]])], expected: &str| {
        let problem = mapped(map, attributes).unwrap_err();
        assert!(problem.contains(expected), "{map}: {problem}");
    };
    check(
        "",
        &[],
        "must have a displayName (RFC 7643 section 4.2), and the entry has no cn",
    );
    check("", &[("cn", &[b"   "])], "must have a displayName");
    check("", &[("cn", &[b"\xff\xfe"])], "not UTF-8 text [\\ff\\fe]");
    check("displayName = { attribute = 'ou', required = true }", &[], "required");
}

#[test]
fn mistakes_come_all_at_once() {
    let check = |spec: &GroupMappingSpec, expected: &[(&str, &str, &str)]| {
        let mut errors = GroupMapper::compile(spec).err().unwrap_or_default();
        errors.extend(RosterRule::compile(spec).err().unwrap_or_default());
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        for (error, (key, message, hint)) in errors.iter().zip(expected) {
            assert_eq!(error.key, *key, "{error:?}");
            assert!(
                error.message.contains(message) && error.hint.contains(hint),
                "{error:?}"
            );
        }
    };
    let with = |map: &str| GroupMappingSpec {
        map: toml::from_str(map).unwrap(),
        ..spec(Some(GroupPreset::GroupOfNames))
    };
    check(
        &spec(None),
        &[
            ("groups.anchor", "has to be named", "entryUUID"),
            ("groups.members", "have to be named", "memberUid"),
            ("groups.map.displayName", "must have a displayName", "cn"),
        ],
    );
    check(
        &GroupMappingSpec {
            anchor: Some("DN".into()),
            members: Some(Vec::new()),
            ..spec(Some(GroupPreset::GroupOfNames))
        },
        &[
            ("groups.anchor", "DN changes", "never"),
            ("groups.members", "is empty", "from_people"),
        ],
    );
    check(
        &GroupMappingSpec {
            members: Some(vec!["dn".into()]),
            from_people: Some("member of".into()),
            ..spec(Some(GroupPreset::GroupOfNames))
        },
        &[
            ("groups.members", "names the group", "members = "),
            ("groups.from_people", "not the name of an LDAP attribute", "letters"),
        ],
    );
    check(
        &with("displayName = false\ndisplayNam = 'cn'\nmembers = 'member'\nid = 'cn'\nuserName = 'cn'"),
        &[
            (
                "groups.map.displayNam",
                "not an attribute of a SCIM Group",
                "did you mean `displayName`?",
            ),
            ("groups.map.id", "set by the service provider", "take the line out"),
            ("groups.map.members", "not mapped by a rule", "members = "),
            ("groups.map.userName", "not an attribute", "RFC 7643"),
            ("groups.map.displayName", "must have", "cn"),
        ],
    );
    check(
        &with("displayName = 'cn'\nDISPLAYNAME = 'cn'"),
        &[("groups.map.displayName", "is the same attribute", "keep one")],
    );
    check(
        &with("displayName = { attribute = 'cn', transform = 'shout' }\nexternalId = { reference = 'owner' }"),
        &[
            ("groups.map.displayName", "shout", ""),
            ("groups.map.externalId", "a reference is for the manager", ""),
        ],
    );
}
