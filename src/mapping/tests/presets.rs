use super::*;

#[track_caller]
fn check(user: &MappedUser, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(shown(user).lines().collect::<Vec<_>>(), expected);
}

const INETORGPERSON: &str = "
    entryUUID: 597AE2F6-16A6-1027-98F4-D28B5365DC14
    uid: jdoe
    cn: Jane Doe
    cn: J. Doe
    sn: Doe
    givenName: Jane
    displayName: Jane (R&D)
    mail: jane.doe@example.com
    mail: jd@example.com
    telephoneNumber: +49 30 123456
    mobile: +49 170 123456
    postalAddress: Example AG$Main St. 1$10115 Berlin
    street: Main St. 1
    l: Berlin
    st: BE
    postalCode: 10115
    c: DE
    title: Engineer
    employeeType: permanent
    employeeNumber: 4711
    departmentNumber: D-12
    ou: Research
    o: Example AG
    preferredLanguage: de-DE
    labeledURI: https://example.com/~jdoe Home page
    generationQualifier: II
    manager: uid=boss,ou=People,dc=example,dc=com";

#[test]
fn inetorgperson() {
    let mapper = mapper("preset = 'inetorgperson'");
    let user = in_scope(mapper.map(&entry("uid=jdoe,ou=People,dc=example,dc=com", INETORGPERSON), NOW));
    assert_eq!(user.anchor.as_str(), UUID);
    check(
        &user,
        "
        active: true
        addresses: country=DE formatted=Example AG\\nMain St. 1\\n10115 Berlin locality=Berlin postalCode=10115 primary=true region=BE streetAddress=Main St. 1 type=work
        displayName: Jane (R&D)
        emails: primary=true type=work value=jane.doe@example.com
        externalId: 597ae2f6-16a6-1027-98f4-d28b5365dc14
        name.familyName: Doe
        name.formatted: Jane Doe
        name.givenName: Jane
        name.honorificSuffix: II
        phoneNumbers: primary=true type=work value=+49 30 123456
        preferredLanguage: de-DE
        profileUrl: https://example.com/~jdoe
        title: Engineer
        enterprise.department: D-12
        enterprise.employeeNumber: 4711
        enterprise.organization: Example AG
        userName: jdoe
        userType: permanent
        manager: uid=boss,ou=People,dc=example,dc=com
        ",
    );
    assert!(!mapper.depends_on_time());
}

#[test]
fn inetorgperson_with_little() {
    let user = in_scope(mapper("preset = 'inetorgperson'").map(&person("cn: Jane\nsn: \nmobile: 0170"), NOW));
    check(
        &user,
        "
        active: true
        displayName: Jane
        externalId: 597ae2f6-16a6-1027-98f4-d28b5365dc14
        name.formatted: Jane
        phoneNumbers: primary=true type=work value=0170
        userName: jdoe
        ",
    );
}

#[test]
fn what_inetorgperson_asks_for() {
    let attributes = mapper("preset = 'inetorgperson'").attributes();
    assert!(attributes.is_sorted());
    for name in [
        "entryuuid",
        "uid",
        "mail",
        "manager",
        "postaladdress",
        "departmentnumber",
    ] {
        assert!(attributes.iter().any(|attribute| attribute == name), "{name}");
    }
    assert!(
        attributes
            .iter()
            .all(|attribute| !attribute.bytes().any(|byte| byte.is_ascii_uppercase()))
    );
}

const ACTIVE_DIRECTORY: &str = "
    objectGUID:: 33221100554477668899aabbccddeeff
    sAMAccountName: jdoe
    userPrincipalName: jane.doe@corp.example.com
    cn: Jane Doe
    sn: Doe
    givenName: Jane
    displayName: Doe, Jane
    mail: jane.doe@example.com
    mobile: +49 170 123456
    streetAddress: Main St. 1
    l: Berlin
    co: Germany
    c: DE
    title: Engineer
    department: Research
    division: North
    company: Example AG
    employeeID: 4711
    wWWHomePage: https://example.com/~jdoe
    manager: CN=Boss\\, Big,OU=Users,DC=corp,DC=example,DC=com";

fn ad_user(more: &str) -> DirectoryEntry {
    entry(
        "CN=Doe\\, Jane,OU=Users,DC=corp,DC=example,DC=com",
        &format!("{ACTIVE_DIRECTORY}\n{more}"),
    )
}

#[test]
fn active_directory() {
    let mapper = mapper("preset = 'active-directory'");
    let user = in_scope(mapper.map(
        &ad_user("userAccountControl: 512\naccountExpires: 9223372036854775807"),
        NOW,
    ));
    check(
        &user,
        "
        active: true
        addresses: country=DE locality=Berlin primary=true streetAddress=Main St. 1 type=work
        displayName: Doe, Jane
        emails: primary=true type=work value=jane.doe@example.com
        externalId: 00112233-4455-6677-8899-aabbccddeeff
        name.familyName: Doe
        name.formatted: Doe, Jane
        name.givenName: Jane
        phoneNumbers: primary=true type=work value=+49 170 123456
        profileUrl: https://example.com/~jdoe
        title: Engineer
        enterprise.department: Research
        enterprise.division: North
        enterprise.employeeNumber: 4711
        enterprise.organization: Example AG
        userName: jane.doe@corp.example.com
        manager: CN=Boss\\, Big,OU=Users,DC=corp,DC=example,DC=com
        ",
    );
    assert!(mapper.depends_on_time());
    assert_eq!(mapper.anchor_attribute(), "objectguid");
}

#[test]
fn active_directory_accounts_out_of_use() {
    let mapper = mapper("preset = 'active-directory'");
    let check = |more: &str, now: i64, expected: bool| {
        assert_eq!(
            in_scope(mapper.map(&ad_user(more), now)).resource.is_active(),
            expected,
            "{more}"
        );
    };
    check("userAccountControl: 512", NOW, true);
    check("userAccountControl: 514", NOW, false);
    check("userAccountControl: 512\naccountExpires: 0", NOW, true);
    // 2024-01-31T12:00:00Z
    check(
        "userAccountControl: 512\naccountExpires: 133511760000000000",
        NOW,
        false,
    );
    check(
        "userAccountControl: 512\naccountExpires: 133511760000000000",
        1_706_702_399,
        true,
    );
    check(
        "userAccountControl: 512\naccountExpires: 133511760000000000",
        1_706_702_400,
        false,
    );
    check("userAccountControl: 514\naccountExpires: 0", NOW, false);
}

#[test]
fn active_directory_does_not_guess_who_is_enabled() {
    let mapper = mapper("preset = 'active-directory'");
    assert_eq!(
        problems(mapper.map(&ad_user("accountExpires: 0"), NOW)),
        [
            "useraccountcontrol | users.preset.active.all_of[0]: required, but the entry has none, or our account may not read it | "
        ]
    );
    assert_eq!(
        problems(mapper.map(&ad_user("userAccountControl: 514\naccountExpires: never"), NOW)),
        ["accountexpires | users.preset.active.all_of[1]: not a whole number | never"]
    );
}
