use super::*;

/// What `line` makes of a person with `lines`, without `userName`.
fn made(line: &str, lines: &str) -> String {
    let text = shown(&in_scope(with_line(line).map(&person(lines), NOW)));
    text.replace("userName: jdoe\n", "").trim_end().to_owned()
}

#[test]
fn rule_forms() {
    let check = |line: &str, lines: &str, expected: &str| assert_eq!(made(line, lines), expected, "{line}");
    check("title = 'TITLE'", "title: A\ntitle: B", "title: A");
    check("title = 'title'", "title:\ntitle: B", "title: B");
    check("title = 'title'", "", "");
    check("displayName = ['displayName', 'cn']", "cn: C", "displayName: C");
    check(
        "displayName = ['displayName', 'cn']",
        "cn: C\ndisplayName: D",
        "displayName: D",
    );
    check(
        "'name.formatted' = { template = '{{ givenName }} {{ sn }}' }",
        "sn: Doe",
        "name.formatted: Doe",
    );
    check("'name.formatted' = { template = '{{ givenName }} {{ sn }}' }", "", "");
    check(
        "title = { template = '{{ title }}', default = 'none' }",
        "",
        "title: none",
    );
    check("userType = { constant = 'Employee' }", "", "userType: Employee");
    check("userType = { constant = 7 }", "", "userType: 7");
    let lookup = "userType = { attribute = 'employeeType', lookup = { C = 'Contractor' }, default = 'Employee' }";
    check(lookup, "employeeType: C", "userType: Contractor");
    check(lookup, "employeeType: E", "userType: Employee");
    check(lookup, "", "userType: Employee");
    check(
        "userType = { attribute = 'employeeType', lookup = { C = 'Contractor' } }",
        "employeeType: E",
        "",
    );
    check(
        "title = { attribute = ['title', 'cn'], transform = ['trim', 'upper'] }",
        "cn: \u{20}x ",
        "title: X",
    );
    check(
        "title = { attribute = 'title', transform = { join = '; ' } }",
        "title: A\ntitle: B",
        "title: A; B",
    );
    check(
        "title = { attribute = 'title', transform = { index = -1 } }",
        "title: A\ntitle: B",
        "title: B",
    );
    check(
        "title = { attribute = 'title', transform = [{ split = ',' }, { join = '+' }] }",
        "title: A,B\ntitle: C",
        "title: A+B",
    );
    check(
        "'enterprise.department' = { attribute = 'dn', transform = { dn_rdn = 'ou' } }",
        "",
        "enterprise.department: R&D",
    );
    check(
        "'enterprise.manager' = { reference = 'manager' }",
        "manager: cn=B,o=x",
        "manager: cn=B,o=x",
    );
    check(
        "'enterprise.manager' = { reference = 'manager' }",
        "manager:: 636e3dff",
        "manager: cn=\\ff",
    );
    check("externalId = 'uid'", "", "externalId: jdoe");
    check(
        "'urn:example:2.0:User:badge' = 'badge'",
        "badge: 7",
        "urn:example:2.0:User:badge: 7",
    );
    check(
        "'urn:example:2.0:User:vip' = { attribute = 'vip', transform = 'bool' }",
        "vip: yes",
        "urn:example:2.0:User:vip: true",
    );
}

#[test]
fn active() {
    let check = |line: &str, lines: &str, expected: &str| assert_eq!(made(line, lines), expected, "{line} {lines}");
    check("active = 'enabled'", "enabled: TRUE", "active: true");
    check("active = 'enabled'", "enabled: false", "active: false");
    check("active = 'enabled'", "", "");
    check("active = { constant = 'FALSE' }", "", "active: false");
    check(
        "active = { attribute = 'nsAccountLock', transform = ['bool', 'not'], default = true }",
        "",
        "active: true",
    );
    check(
        "active = { attribute = 'nsAccountLock', transform = 'not', default = true }",
        "nsAccountLock: true",
        "active: false",
    );
    check(
        "active = { attribute = 's', lookup = { A = true, L = false }, default = false }",
        "s: A",
        "active: true",
    );
    check(
        "active = { attribute = 's', lookup = { A = true, L = false }, default = false }",
        "s: X",
        "active: false",
    );
    check(
        "active = { template = \"{{ 'true' if s == 'A' else 'false' }}\" }",
        "s: A",
        "active: true",
    );
    check(
        "active = { all_of = [{ attribute = 'a' }, { attribute = 'b' }] }",
        "a: TRUE\nb: TRUE",
        "active: true",
    );
    check(
        "active = { all_of = [{ attribute = 'a' }, { attribute = 'b' }] }",
        "a: TRUE",
        "",
    );
    check(
        "active = { all_of = [{ attribute = 'a' }, { attribute = 'b' }] }",
        "b: FALSE",
        "active: false",
    );
}

#[test]
fn lists() {
    let check = |line: &str, lines: &str, expected: &str| assert_eq!(made(line, lines), expected, "{line}");
    let two = "'emails.home' = 'h'\n'emails.work' = 'mail'";
    check(
        two,
        "h: h@x\nmail: w@x",
        "emails: primary=true type=work value=w@x; primary=false type=home value=h@x",
    );
    check(two, "h: h@x", "emails: primary=true type=home value=h@x");
    check(two, "", "");
    let home = "'emails.home' = { attribute = 'h', primary = true }\n'emails.work' = 'mail'";
    check(
        home,
        "h: h@x\nmail: w@x",
        "emails: primary=false type=work value=w@x; primary=true type=home value=h@x",
    );
    check(home, "mail: w@x", "emails: primary=true type=work value=w@x");
    let not = "'emails.home' = 'h'\n'emails.work' = { attribute = 'mail', primary = false }";
    check(
        not,
        "h: h@x\nmail: w@x",
        "emails: primary=false type=work value=w@x; primary=true type=home value=h@x",
    );
    check(not, "mail: w@x", "emails: primary=true type=work value=w@x");
    check(
        "'emails.work' = { attribute = 'mail', all = true }",
        "mail: a@x\nmail: b@x\nmail: a@x",
        "emails: primary=true type=work value=a@x; primary=false type=work value=b@x",
    );
    check(
        "roles = { attribute = 'r', all = true, transform = { split = ',' } }",
        "r: a,b",
        "roles: primary=true value=a; primary=false value=b",
    );
    check(
        "'addresses.work.locality' = 'l'\n'addresses.home.locality' = 'hl'\n'addresses.home.country' = { constant = 'DE' }",
        "hl: Bonn",
        "addresses: country=DE locality=Bonn primary=true type=home",
    );
    check(
        "'phoneNumbers.mobile' = { attribute = 'm', transform = 'phone' }",
        "m: +49 (0)170",
        "phoneNumbers: primary=true type=mobile value=+49170",
    );
}

#[test]
fn lines_over_the_preset() {
    let map = |toml: &str| {
        shown(&in_scope(
            mapper(&format!("preset = 'inetorgperson'\n{toml}")).map(&person("cn: C\nmail: m@x\nl: L"), NOW),
        ))
    };
    let has = |toml: &str, line: &str| assert!(map(toml).contains(line), "{toml}: {}", map(toml));
    let lacks = |toml: &str, line: &str| assert!(!map(toml).contains(line), "{toml}: {}", map(toml));
    has("[map]\nDISPLAYNAME = 'uid'", "displayName: jdoe");
    lacks("[map]\ndisplayName = false", "displayName");
    lacks("[map]\nemails = false", "emails");
    lacks("[map]\n'emails[type eq \"work\"].value' = false", "emails");
    lacks("[map]\naddresses = false", "addresses");
    lacks("[map]\nexternalId = false", "externalId");
    lacks(
        "[map]\n'urn:ietf:params:scim:schemas:core:2.0:User:active' = false",
        "active",
    );
    has(
        "[map]\nemails = false\n'emails.home' = 'mail'",
        "emails: primary=true type=home value=m@x",
    );
    assert_eq!(
        mapper("preset = 'inetorgperson'\nanchor = 'nsUniqueId'").anchor_attribute(),
        "nsuniqueid"
    );
}

#[test]
fn rejections() {
    let check = |line: &str, lines: &str, expected: &str| {
        assert_eq!(problems(with_line(line).map(&person(lines), NOW)), [expected], "{line}");
    };
    check(
        "title = 'title'",
        "title:: fffe41",
        "title | users.map.title: the value is not UTF-8 text | \\ff\\fe\\41",
    );
    check(
        "title = { template = '{{ title }}' }",
        "title:: ff",
        "title | users.map.title: the value is not UTF-8 text | \\ff",
    );
    check(
        "title = { template = '{{ title + 1 }}' }",
        "title: a",
        "title | users.map.title: invalid operation: tried to use + operator on unsupported types string and number | ",
    );
    check(
        "title = { attribute = 't', transform = 'windows-filetime' }",
        "t: soon",
        "t | users.map.title: not a whole number | soon",
    );
    check(
        "'emails.work' = { attribute = 'mail', transform = 'phone' }",
        "mail: x",
        "mail | users.map.emails.work: not a telephone number | x",
    );
    check(
        "title = { attribute = 'title', required = true }",
        "",
        "title | users.map.title: required, but the entry has none, or our account may not read it | ",
    );
    check(
        "active = 'userAccountControl'",
        "userAccountControl: 512",
        "useraccountcontrol | users.map.active: neither TRUE nor FALSE; add transform = \"bool\", \"ad-enabled\" or a lookup | 512",
    );
    // A value that is not needed does no harm.
    assert_eq!(
        made("title = ['cn', 'title']", "cn: C\ntitle:: ff\nother:: ff"),
        "title: C"
    );
    assert_eq!(
        problems(with_line("").map(&entry("uid=x", &format!("entryUUID: {UUID}")), NOW)),
        ["userName | a SCIM User must have a userName (RFC 7643 section 4.1.1), and the entry has no uid | "]
    );
    assert_eq!(
        problems(with_line("").map(&entry("uid=x", "uid: x"), NOW)),
        ["entryuuid | users.anchor: the entry has none, or our account may not read it | "]
    );
    let both = with_line("title = 't'\nnickName = 'n'").map(&person("t:: ff\nn:: ff"), NOW);
    assert_eq!(problems(both).len(), 2);
}

#[test]
fn overrides() {
    let mapper = |overrides: &str| {
        mapper(&format!(
            "anchor = 'entryUUID'\n{overrides}\n[map]\nuserName = 'uid'\ntitle = 'title'\n'emails.work' = 'mail'\n'enterprise.manager' = {{ reference = 'manager' }}"
        ))
    };
    let jane = person("title: T\nmail: m@x\nmanager: cn=b");
    let by_dn = "[[override]]\ndn = 'UID=JDoe, OU=R\\26D, O=X'\n";
    let by_anchor = "[[override]]\nanchor = '597AE2F6-16A6-1027-98F4-D28B5365DC14'\n";
    for who in [by_dn, by_anchor] {
        let map = |action: &str| mapper(&format!("{who}{action}")).map(&jane, NOW);
        let Mapped::OutOfScope { reason, .. } = map("exclude = true") else {
            panic!("in scope");
        };
        assert_eq!(reason, "users.override[0] excludes this person");
        let user = in_scope(map(
            "set = { title = 'Boss', 'emails.work' = 'boss@x', active = false, 'enterprise.manager' = '', userName = 'jane' }",
        ));
        assert_eq!(
            shown(&user),
            format!(
                "active: false\nemails: primary=true type=work value=boss@x\nexternalId: {UUID}\ntitle: Boss\nuserName: jane\n"
            )
        );
        assert_eq!(
            in_scope(map("set = { 'enterprise.manager' = 'cn=c,o=x' }"))
                .manager
                .as_deref(),
            Some("cn=c,o=x")
        );
        assert!(!shown(&in_scope(map("set = { emails = '' }"))).contains("emails"));
    }
    let both = mapper(&format!("{by_dn}exclude = true\n{by_anchor}set = {{ title = 'x' }}")).map(&jane, NOW);
    assert_eq!(
        problems(both),
        ["dn | users.override[1] and users.override[0] are both for this person; keep one | "]
    );
    let other = mapper("[[override]]\ndn = 'uid=other'\nexclude = true").map(&jane, NOW);
    assert_eq!(in_scope(other).resource.text("title"), Some("T"));
}

#[test]
fn every_mistake_at_once() {
    let errors = Mapper::compile(&spec(
        "preset = 'inetorgperson'
        [map]
        usrName = 'uid'
        title = 'a b'
        'DisplayName' = 'cn'
        displayname = 'sn'
        'enterprise.manager' = 'manager'
        [[override]]
        exclude = true
        [[override]]
        dn = 'uid=x'
        set = { titel = 'x' }",
    ))
    .expect_err("mistakes");
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "users.map.displayname: users.map.DisplayName is the same attribute; keep one of the two lines",
            "users.map.usrName: `usrName` is not an attribute of a SCIM User; did you mean `userName`?",
            "users.map.title: `a b` is not the name of an LDAP attribute; a name is letters, digits and hyphens; a text made of several attributes is { template = \"…\" }",
            "users.map.enterprise.manager: the manager is another person, so the attribute has to be read as a reference; write { reference = \"manager\" }; the DN in it becomes the manager's SCIM id",
            "users.override[0]: it does not say for whom it is; give either `anchor` or `dn`",
            "users.override[1].set.titel: `titel` is not an attribute of a SCIM User; did you mean `title`?",
        ]
    );
}

#[test]
fn mistakes() {
    let check = |toml: &str, expected: &str| {
        let errors = Mapper::compile(&spec(toml)).map(|_| ()).expect_err(toml);
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 1, "{toml}: {shown:?}");
        assert!(shown[0].contains(expected), "{toml}: {shown:?}");
    };
    check(
        "[map]\nuserName = 'uid'",
        "users.anchor: without a preset the anchor has to be named",
    );
    check("anchor = 'dn'\n[map]\nuserName = 'uid'", "users.anchor: the DN changes");
    check(
        "anchor = 'entryUUID'",
        "users.map.userName: a SCIM User must have a userName",
    );
    check(
        "preset = 'inetorgperson'\n[map]\nuserName = false",
        "users.map.userName: a SCIM User must have a userName; name an attribute",
    );
    let line = |line: &str, expected: &str| check(&format!("preset = 'inetorgperson'\n[map]\n{line}"), expected);
    line("title = true", "`true` is not a rule; write { constant = true }");
    line("title = []", "the list of attributes is empty");
    line("title = {}", "exactly one of attribute, template");
    line(
        "title = { attribute = 'a', constant = 'b' }",
        "exactly one of attribute, template",
    );
    line("title = { reference = 'manager' }", "a reference is for the manager");
    line(
        "'enterprise.manager' = { attribute = 'manager' }",
        "a reference is for the manager",
    );
    line(
        "'enterprise.manager' = { reference = 'manager', default = 'x' }",
        "a reference stands alone",
    );
    line(
        "title = { constant = 'x', transform = 'lower' }",
        "a constant stands alone",
    );
    line("title = { constant = '' }", "the constant is empty");
    line("title = { constant = true }", "title is a text, not true");
    line("active = { constant = 'yes' }", "active is true or false, not \"yes\"");
    line(
        "active = { attribute = 's', lookup = { A = 'on' } }",
        "active is true or false, not \"on\"",
    );
    line(
        "title = { attribute = 's', transform = 'bool' }",
        "title is a text, and the rule gives true or false",
    );
    line(
        "title = { attribute = 's', transform = ['bool', 'lower'] }",
        "a transform for text comes after",
    );
    line(
        "title = { attribute = 's', transform = { split = ',' } }",
        "`split` makes several values of one",
    );
    line(
        "title = { attribute = 's', all = true }",
        "`all` is for attributes with several items",
    );
    line(
        "title = { attribute = 's', primary = true }",
        "`primary` is for attributes with several items",
    );
    line(
        "'addresses.work.locality' = { attribute = 'l', all = true }",
        "`all` is for",
    );
    line(
        "title = { attribute = 's', required = true, default = 'x' }",
        "always gives something",
    );
    line("title = { attribute = 's', lookup = {} }", "the lookup is empty");
    line(
        "title = { template = '{{ x' }",
        "users.map.title: the template cannot be read: syntax error",
    );
    line("title = { template = '{{ x|uper }}' }", "unknown filter");
    line("active = { all_of = [] }", "`all_of` is empty");
    line(
        "active = { all_of = [{ reference = 'x' }] }",
        "a reference is for the manager",
    );
    line(
        "emails = 'mail'",
        "emails has parts, and each is mapped by itself; write \"emails.work\"",
    );
    line("'addresses.work' = 'street'", "write \"addresses.work.streetAddress\"");
    line(
        "'emails.work' = { attribute = 'm', primary = true }\n'emails.home' = { attribute = 'h', primary = true }",
        "users.map.emails.home: users.map.emails.work is primary already",
    );
    let overrides =
        |lines: &str, expected: &str| check(&format!("preset = 'inetorgperson'\n[[override]]\n{lines}"), expected);
    overrides("dn = 'jdoe'\nexclude = true", "dn \"jdoe\" is not a distinguished name");
    overrides(
        "anchor = 'jdoe'\nexclude = true",
        "anchor \"jdoe\": the value is not a UUID",
    );
    overrides("dn = 'uid=a'", "either excludes somebody or sets something");
    overrides(
        "dn = 'uid=a'\nexclude = true\nset = { title = 'x' }",
        "either excludes somebody or sets something",
    );
    overrides(
        "dn = 'uid=a'\nset = { active = 'maybe' }",
        "users.override[0].set.active: active is true or false",
    );
    overrides("dn = 'uid=a'\nset = { userName = '' }", "must have a userName");
    overrides(
        "dn = 'uid=a'\nset = { 'enterprise.manager' = 'boss' }",
        "the manager is given by DN",
    );
    overrides(
        "dn = 'uid=a'\nexclude = true\n[[override]]\ndn = 'UID = A'\nexclude = true",
        "users.override[0] is for the same person",
    );
}
