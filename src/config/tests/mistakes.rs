//! Every mistake is found, at its place, with its reason and a way to mend it, and no secret is shown.

use proptest::prelude::*;

use super::{MINIMAL, checks, minimal_with, read};
use crate::config::{keys, parse};

/// The changes to a right configuration make exactly one mistake, whose report has these parts.
fn check(changes: &str, expected: &[&str]) {
    check_text(&minimal_with(changes), expected);
}

pub(super) fn check_text(text: &str, expected: &[&str]) {
    let errors = read(text).expect_err(text);
    let shown = errors.to_string();
    assert_eq!(errors.mistakes.len(), 1, "{text}\n{shown}");
    for part in expected {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_report_reads_well() {
    let errors = read(&minimal_with(
        "[ldap] page_size = 0\n[scim] tokne = 1\n[log] level = \"loud\"",
    ))
    .unwrap_err();
    insta::assert_snapshot!("report", errors.to_string());
}

#[test]
fn directory() {
    check(
        "[ldap] page_size = 0",
        &[
            "[ldap] page_size: 0 is not from 1 to 10000",
            "config.toml:3:13",
            "page_size = 0\n",
            "^",
        ],
    );
    check("[ldap] page_size = 10001", &["10001 is not from 1 to 10000"]);
    check("[ldap] page_size = -5", &["-5 is not from 1 to 10000"]);
    check(
        "[ldap] page_size = 99999999999999999999999",
        &["is not from 1 to 10000"],
    );
    check(
        "[ldap] page_size = \"1000\"",
        &["must be a whole number, but is the text \"1000\"", "without quotes"],
    );
    check(
        "[ldap] page_size = 1.5",
        &["must be a whole number, but is the number 1.5"],
    );
    check(
        "[ldap] start_tls = \"true\"",
        &["must be true or false, but is the text \"true\"", "without quotes"],
    );
    check(
        "[ldap] connect_timeout = \"5 weeks\"",
        &["\"5 weeks\" is not a length of time", "\"30s\""],
    );
    check("[ldap] connect_timeout = 0", &["the number 0 is not from 100ms to 1h"]);
    check("[ldap] read_timeout = \"2h\"", &["\"2h\" is not from 100ms to 1h"]);
    check("[ldap] bind_timeout = true", &["must be a length of time, but is true"]);
    check("[ldap] min_tls = \"1.1\"", &["\"1.1\" is not one of \"1.2\", \"1.3\""]);
    check(
        "[ldap] min_tls = 1.2",
        &["must be one of \"1.2\", \"1.3\", but is the number 1.2", "quotes"],
    );
    check(
        "[ldap] on_incomplete = \"no_removals\"",
        &["did you mean \"no-removals\"?"],
    );
    check(
        "[ldap] ca_file = \"absent\"",
        &["/etc/scimward/absent: there is no such file", "relative paths"],
    );
    check("[ldap] ca_file = \"\"", &["[ldap] ca_file: is empty"]);
    check(
        "[ldap] client_cert = \"c.pem\"",
        &["client_cert: is given without client_key"],
    );
    check(
        "[ldap] client_key = \"c.key\"",
        &["client_key: is given without client_cert"],
    );
}

#[test]
fn servers() {
    check("[ldap] urls = []", &["[ldap] urls: is an empty list", "ldaps://"]);
    check(
        "[ldap] urls = 5",
        &["must be text or a list of texts, but is the number 5"],
    );
    check(
        "[ldap] urls = [5]",
        &["[ldap] urls, item 1: must be text, but is the number 5"],
    );
    check(
        "[ldap] urls = \"ldap.example.org\"",
        &["has no scheme", "write ldaps://host"],
    );
    check(
        "[ldap] urls = [\"ldaps://a\", \"https://b\"]",
        &["urls, item 2: is not a directory", ":3:22"],
    );
    check(
        "[ldap] urls = [\"ldaps://a\", \"ldaps://A:636\"]",
        &["ldaps://A:636 is listed twice"],
    );
    check(
        "[ldap] urls = \"ldaps://cn=x:hunter2@a\"",
        &["has a bad port", "urls = …"],
    );
    check(
        "[ldap] urls = \"ldap://10.1.2.3\"",
        &["ldap:// to 10.1.2.3 would send the password", "start_tls = true"],
    );
    check("[ldap] start_tls = true", &["start_tls: contradicts ldaps://"]);
}

#[test]
fn binding() {
    check(
        "[ldap] bind_dn = \"cn=a\"",
        &["[ldap] bind_password: is missing", "bind = \"anonymous\""],
    );
    check(
        "[ldap] bind_password = { env = \"A\" }",
        &["[ldap] bind_dn: is missing"],
    );
    check(
        "[ldap] bind_dn = \"\"\n[ldap] bind_password = { env = \"A\" }",
        &["[ldap] bind_dn: is empty"],
    );
    check(
        "[ldap] bind = \"external\"",
        &["authenticates with the client certificate, and there is none"],
    );
    check(
        "[ldap] bind = \"gssapi\"",
        &["\"gssapi\" is not one of \"simple\", \"anonymous\", \"external\""],
    );
    check(
        "[ldap] bind = \"external\"\n[ldap] client_cert = \"c\"\n[ldap] client_key = \"k\"\n[ldap] urls = \"ldap://localhost\"",
        &["needs TLS"],
    );
    check(
        "[ldap] bind = \"external\"\n[ldap] client_cert = \"c\"\n[ldap] client_key = \"k\"\n[ldap] bind_dn = \"cn=a\"",
        &["bind_dn: has no meaning with bind = \"external\""],
    );
}

#[test]
fn secrets() {
    check(
        "[scim] token = \"hunter2\"",
        &[
            "must not stand in this file",
            "{ file = ",
            "{ env = ",
            "{ credential = ",
            "token = …",
        ],
    );
    let long = MINIMAL.replace("{ env = \"TOKEN\" }", "\"\"\"\nhunter2\nhunter2\"\"\"");
    check_text(&long, &["must not stand in this file"]);
    check(
        "[scim] token = { value = \"hunter2\", env = \"A\" }",
        &["token value: unknown key", "value = …"],
    );
    check("[scim] token = {}", &["needs exactly one source, but has 0"]);
    check(
        "[scim] token = { env = \"A\", file = \"b\" }",
        &["needs exactly one source, but has 2"],
    );
    check(
        "[scim] token = { env = \"hunter2-$\" }",
        &["is not the name of an environment variable", "must not stand here"],
    );
    check(
        "[scim] token = { credential = \"../hunter2\" }",
        &["is not the name of a credential"],
    );
    check(
        "[scim] token = { file = \"absent\" }",
        &["[scim] token file: /etc/scimward/absent: there is no such file"],
    );
    check("[scim] token = { env = 5 }", &["[scim] token env: must be text"]);
    check(
        "[ldap] bind_pasword = \"hunter2\"",
        &["unknown key", "did you mean bind_password?", "bind_pasword = …"],
    );
    check("[ldap] x = { y = [\"hunter2\"] }", &["unknown key"]);
}

#[test]
fn people() {
    check("[users] base = \"\"", &["[users] base: is empty"]);
    check("[users] base = []", &["[users] base: is an empty list"]);
    check(
        "[users] base = \"example.org\"",
        &["\"example.org\" is not a distinguished name"],
    );
    check(
        "[users] base = [\"dc=a\", \"DC=A\"]",
        &["[users] base, item 2: DC=A is listed twice"],
    );
    check(
        "[users] scope = \"subtree\"",
        &[
            "\"subtree\" is not one of \"base\", \"one\", \"sub\"",
            "did you mean \"sub\"?",
        ],
    );
    check(
        "[users] preset = \"ad\"",
        &["\"ad\" is not one of \"inetorgperson\", \"active-directory\""],
    );
    check(
        "[users] filter = \"(uid=ä!)\"",
        &[
            "at character 7: no exclamation marks",
            "RFC 4515",
            ":6:17",
            "         ^\n",
        ],
    );
    check("[users] filter = \"(uid=\\u00e4!)\"", &["at character 7", ":6:10"]);
    check("[users] filter = 1", &["[users] filter: must be text"]);
    check("[users] anchor = \"anchor\"", &["[users] anchor: is bad", ":6:10"]);
    check("[users] anchor = \"missing\"", &["[users] map.userName: is bad"]);
    check(
        "[users] change_detection = \"syncrepl\"",
        &["[users] change_detection: not supported by this version"],
    );
    check_text(
        &MINIMAL.replace("preset = \"inetorgperson\"", ""),
        &["[users] filter: is missing; only a preset", ":5:1"],
    );
}

#[test]
fn rules() {
    check("[users] map = 5", &["[users] map: must be a table"]);
    let check = |rule: &str, expected: &[&str]| check_text(&format!("{MINIMAL}\n[users.map]\n{rule}\n"), expected);
    check("title = 1979-05-27", &["[users.map] title: ", ":15:"]);
    check("title = 1.5", &["[users.map] title: ", ":15:"]);
    check("title = { attribute = {} }", &["[users.map] title: ", ":15:"]);
    check("title = { attribute = \"a\", all = 1 }", &["[users.map] title: "]);
    check(
        "title = { attribute = \"a\", transform = [\"trim\", { cut = 1 }] }",
        &["[users.map] title: "],
    );
    check(
        "name.familyName = \"sn\"",
        &[
            "name.familyName is written without quotes",
            "write \"name.familyName\" = ",
        ],
    );
    check(
        "bad = \"a\"",
        &["[users.map] bad: is bad", ":15:7", "to mend: make it good"],
    );
    let two = format!("{MINIMAL}\n[users.map]\ntitle = 1979-05-27\nbad = \"a\"\nnickName = 1.5\n");
    let errors = read(&two).unwrap_err();
    let keys: Vec<_> = errors.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["[users.map] title", "[users.map] bad", "[users.map] nickName"]);
}

#[test]
fn overrides() {
    check(
        "[users] override = { anchor = \"a\" }",
        &["must be a list of tables", "[[users.override]]"],
    );
    let one =
        |lines: &str, expected: &[&str]| check_text(&format!("{MINIMAL}\n[[users.override]]\n{lines}\n"), expected);
    one("anchor = \"a\"\nset = { title = [] }", &["[users] override, item 1: "]);
    let third = minimal_with("[users] anchor = \"second\"");
    let third = format!("{third}\n[[users.override]]\nanchor = \"a\"\n[[users.override]]\nexclude = 1\n");
    check_text(&third, &["[users] override, item 2: ", ":18:11"]);
    one("exclude = 1", &["[users] override, item 1: ", ":15:11"]);
    one(
        "anchor = \"a\"\nexclud = true",
        &[
            "[users] override, item 1: unknown field `exclud`",
            "did you mean exclude?",
            ":16:1",
        ],
    );
    let two = format!(
        "{}\n[[users.override]]\nanchor = \"a\"\nexclude = true\n[[users.override]]\nanchor = \"b\"\nexclude = true\n",
        minimal_with("[users] anchor = \"second\"")
    );
    check_text(&two, &["[users] override, item 2: is bad", ":18:1"]);
    let twice = two.replace("\"second\"", "\"second twice\"");
    assert_eq!(read(&twice).unwrap_err().mistakes.len(), 2);
}

#[test]
fn cloud() {
    check(
        "[scim] profile = \"hauwei\"",
        &["[scim] profile: \"hauwei\": there is no such profile"],
    );
    check(
        "[scim] endpoint = \"http://scim.example.org/\"",
        &["would send the token", "https://"],
    );
    check(
        "[scim] endpoint = \"https://u:hunter2@scim.example.org/\"",
        &["before @ is not allowed", "endpoint = …"],
    );
    check(
        "[scim] endpoint = \"https://scim.example.org/?token=hunter2\"",
        &["a query (?…) has no meaning", "endpoint = …"],
    );
    check(
        "[scim] endpoint = \"https://scim.example.org/#hunter2\"",
        &["a fragment (#…) has no meaning"],
    );
    check("[scim] endpoint = \"scim.example.org\"", &["is not a full address"]);
    check("[scim] rate_per_s = 0", &["[scim] rate_per_s: 0 is not above 0"]);
    check("[scim] rate_per_s = -1.5", &["-1.5 is not above 0"]);
    check("[scim] rate_per_s = nan", &["is not a usable number"]);
    check(
        "[scim] rate_per_s = \"10\"",
        &["must be a number, but is the text \"10\""],
    );
    check("[scim] concurrency = 0", &["0 is not from 1 to 256"]);
    check(
        "[scim] adopt = \"all\"",
        &["\"all\" is not one of \"ours\", \"unowned\", \"any\", \"never\""],
    );
    check("[scim] max_tries = 0", &["0 is not from 1 to 100"]);
    check("[scim] request_timeout = \"1h\"", &["is not from 1s to 10m"]);
    check(
        "[scim] ca_file = \"absent\"",
        &["[scim] ca_file: /etc/scimward/absent: there is no such file"],
    );
}

#[test]
fn policy() {
    check(
        "[leavers] action = \"remove\"",
        &["\"remove\" is not one of \"deactivate\", \"delete\", \"keep\""],
    );
    check("[leavers] confirm_cycles = 0", &["0 is not from 1 to 1000"]);
    check("[leavers] delete_after_days = -1", &["-1 is not from 0 to 36500"]);
    check("[limits] max_removals_percent = 101", &["101 is not from 0 to 100"]);
    check("[limits] max_removals_percent = \"10%\"", &["must be a number"]);
    check("[limits] max_removals = -1", &["-1 is not from 0"]);
    check(
        "[limits] on_exceeded = \"stop\"",
        &["\"stop\" is not one of \"hold\", \"abort\""],
    );
    check(
        "[limits] protected = \"root\"",
        &["must be a list of texts, but is the text \"root\""],
    );
    check(
        "[limits] protected = [\"root\", \"\"]",
        &["[limits] protected, item 2: is empty"],
    );
    check("[state] path = 5", &["[state] path: must be text"]);
    check("[schedule]", &["[schedule] cron: is missing", "*/15"]);
    check(
        "[schedule] cron = \"daily\"",
        &["is not a schedule: five fields, please"],
    );
    check(
        "[schedule] cron = \"* * * * *\"\n[schedule] jitter_s = \"5\"",
        &["jitter_s: must be a whole number"],
    );
    check(
        "[schedule] cron = \"* * * * *\"\n[schedule] timezone = \"Europe/Berln\"",
        &["is not a time zone", "did you mean \"Europe/Berlin\"?"],
    );
    check(
        "[log] format = \"xml\"",
        &["\"xml\" is not one of \"text\", \"json\", \"journald\""],
    );
    check(
        "[log] level = \"verbose\"",
        &["is not a log level: \"verbose\" is not off, error, warn"],
    );
}

#[test]
fn unknown_and_later_tables() {
    check("[ladp] x = 1", &["[ladp]: unknown table", "did you mean [ldap]?"]);
    check("[webhooks]", &["[webhooks]: unknown table", "known here: ldap, users"]);
    check("[http] listen = \"x\"", &["[http]: not supported by this version"]);
    check(
        "[scim] page_size = 1",
        &["[scim] page_size: unknown key", "it belongs in [ldap]"],
    );
    check_text(
        &format!("start_tls = true\n{MINIMAL}"),
        &[
            "1. start_tls: stands before any [table]",
            "it belongs in [ldap]",
            ":1:1",
        ],
    );
    check("[scim] adoption = \"any\"", &["did you mean adopt?"]);
}

#[test]
fn groups() {
    let with = |changes: &str| format!("[groups] base = \"ou=groups,dc=x\"\n{changes}");
    let check = |changes: &str, expected: &[&str]| check(&with(changes), expected);
    check(
        "[groups] base = \"groups\"",
        &["[groups] base: \"groups\" is not a distinguished name", "ou=groups"],
    );
    check(
        "[groups] scope = \"all\"",
        &["\"all\" is not one of \"base\", \"one\", \"sub\""],
    );
    check(
        "[groups] filter = \"(!\"",
        &["[groups] filter: is not a search filter, at character 2"],
    );
    check(
        "[groups] preset = \"groupofname\"",
        &["\"groupofname\" is not one of", "did you mean \"groupofnames\"?"],
    );
    check("[groups] anchor = 1", &["[groups] anchor: must be text"]);
    check(
        "[groups] members = [\"member\", \"\"]",
        &["[groups] members, item 2: is empty"],
    );
    check(
        "[groups] members = \"bad\"",
        &["[groups] members: is bad", "make it good"],
    );
    check(
        "[groups] nested = true",
        &["[groups] nested: must be one of \"flatten\", \"push\""],
    );
    check(
        "[groups] nested = \"push\"\n[scim] profile = \"flat\"",
        &[
            "[groups] nested: the profile in [scim] takes no group as a member",
            "flatten",
        ],
    );
    check(
        "[groups] from_people = [\"memberOf\"]",
        &["[groups] from_people: must be text"],
    );
    check(
        "[groups] gone = \"forget\"",
        &["\"forget\" is not one of \"keep\", \"empty\", \"delete\""],
    );
    check("[groups] delete_after_days = -1", &["-1 is not from 0 to 36500"]);
    check(
        "[groups] map = 1",
        &["[groups] map: must be a table", "[groups.map] on a line of its own"],
    );
    check(
        "[groups.map] bad = \"cn\"",
        &["[groups.map] bad: is bad", "make it good"],
    );
    check(
        "[groups.map] displayName = { atribute = \"cn\" }",
        &["[groups.map] displayName: unknown field", "did you mean attribute?"],
    );
    check(
        "[groups] limits = 1",
        &["[groups] limits: must be a table", "[groups.limits]"],
    );
    check(
        "[groups.limits] max_member_removal = 1",
        &[
            "[groups.limits] max_member_removal: unknown key",
            "did you mean max_member_removals?",
        ],
    );
    check(
        "[groups.limits] max_removals_percent = 101",
        &["101 is not from 0 to 100", "the groups in use"],
    );
    check(
        "[groups.limits] max_member_removals_percent = -1",
        &["-1 is not from 0 to 100", "the members of a group"],
    );
    check(
        "[groups.limits] protected = []",
        &["[groups.limits] protected: unknown key", "it belongs in [limits]"],
    );
    check(
        "[groups] memebrs = \"member\"",
        &["[groups] memebrs: unknown key", "did you mean members?"],
    );
    check(
        "[users] member_of = \"vpn\"",
        &["[users] member_of: \"vpn\" is not a distinguished name", "cn=cloud"],
    );
    check("[users] member_of = []", &["[users] member_of: is an empty list"]);
    check(
        "[users] member_of = [\"cn=a\", \"CN=A\"]",
        &["[users] member_of, item 2: CN=A is listed twice"],
    );
}

#[test]
fn groups_that_are_not_there() {
    check("[groups]", &["[groups] base: is missing", "ou=groups"]);
    check("[groups.limits] max_removals = 1", &["[groups] base: is missing"]);
    check(
        "[users] member_of = \"cn=a\"",
        &["[users] member_of: needs the table [groups]", "write [groups]"],
    );
    // The filter comes with a preset, which people without one leave open; a preset that is not known is
    // one mistake.
    let people = "[users] preset = \"openldap\"\n[users] filter = \"(uid=*)\"\n[groups] base = \"ou=x\"";
    check(people, &["[users] preset: \"openldap\" is not one of"]);
    let text = minimal_with("[users] filter = \"(uid=*)\"\n[groups] base = \"ou=x\"");
    check_text(
        &text.replace("preset = \"inetorgperson\"\n", ""),
        &["[groups] filter: is missing; only a preset", "groupOfNames"],
    );
}

#[test]
fn what_is_missing() {
    check_text(
        &MINIMAL.replace("urls = [\"ldaps://ldap.example.org\"]", ""),
        &["[ldap] urls: is missing", ":2:1", "ldaps://"],
    );
    check_text(
        &MINIMAL.replace("token = { env = \"TOKEN\" }", ""),
        &["[scim] token: is missing", "{ credential = "],
    );
    check_text(
        &MINIMAL.replace("profile = \"generic\"", ""),
        &["[scim] profile: is missing", "\"huawei\""],
    );
    check_text(
        &MINIMAL.replace("base = \"ou=people,dc=example,dc=org\"", ""),
        &["[users] base: is missing"],
    );
    let errors = read("").unwrap_err();
    let keys: Vec<_> = errors.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    let expected = [
        "[ldap] urls",
        "[users] base",
        "[users] filter",
        "[scim] profile",
        "[scim] endpoint",
        "[scim] token",
    ];
    assert_eq!(keys, expected);
    check_text(
        &format!(
            "ldap = 5\n{}",
            MINIMAL
                .replace("[ldap]", "")
                .replace("urls = [\"ldaps://ldap.example.org\"]", "")
        ),
        &["[ldap]: must be a table, but is the number 5"],
    );
}

#[test]
fn broken_toml() {
    check(
        "[ldap] ca_file = x",
        &["this is not TOML: string values must be quoted", "\"quotes\"", ":3:11"],
    );
    check("[scim] token = hunter2", &["string values must be quoted", "token = …"]);
    check("[scim] token = \"hunter2", &["invalid basic string", "token = …"]);
    let twice = minimal_with("[ldap] page_size = 1").replace("page_size = 1", "page_size = 1\npage_size = 2");
    check_text(&twice, &["duplicate key", "only once", ":4:1"]);
    check_text(&format!("{MINIMAL}\n[ldap]\n"), &["duplicate key", ":14:2"]);
    check("[ldap] ca_file", &["key with no value"]);
    check(
        "[ldap] urls = [\"ldaps://a\"",
        &[
            "missing comma between array elements",
            "missing comma, quote or closing bracket",
        ],
    );
    check("[ldap] ca_file = \"C:\\x\"", &["this is not TOML", "backslash"]);
}

/// Broken TOML does not keep other mistakes back, as far as they can be trusted.
#[test]
fn broken_toml_and_other_mistakes() {
    let errors = read(&minimal_with(
        "[ldap] page_size = 0\n[users] scope = sub\n[scim] max_tries = 0",
    ))
    .unwrap_err();
    let keys: Vec<_> = errors.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["[ldap] page_size", "", "[scim] max_tries"]);
}

#[test]
fn everything_wrong_at_once() {
    let text = r#"
surprise = 1
[ldap]
urls = ["ldap://ldap.example.org", "ftp://x"]
bind_dn = "cn=a"
bind_password = "hunter2"
page_size = "many"
connect_timeout = "soon"
client_key = "absent"
colour = "blue"
[users]
base = ["people"]
scope = "all"
filter = "(!"
preset = "openldap"
map = { "bad" = "x", "bad.too" = { attribute = "x" } }
[groups]
base = "x"
[scim]
profile = "azure"
endpoint = "http://scim.example.org/"
token = { env = "A", credential = "b" }
rate_per_s = 0
[leavers]
action = "fire"
[limits]
max_removals_percent = 1000
[state]
path = false
[schedule]
timezone = "Mars/Olympus"
[log]
format = "xml"
level = "loud"
"#;
    let errors = read(text).unwrap_err();
    let shown = errors.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!("everything", shown);
}

/// A key that is known but read by nobody would be a promise that is not kept: each must object to a
/// date, which none of them takes.
#[test]
fn every_known_key_is_read() {
    for (table, known) in keys::TABLES {
        for key in known {
            let schedule = if table == "schedule" && *key != "cron" {
                "[schedule] cron = \"* * * * *\"\n"
            } else {
                ""
            };
            let text = minimal_with(&format!("{schedule}[{table}] {key} = 1979-05-27"));
            let shown = read(&text).expect_err(&text).to_string();
            assert!(
                shown.contains(&format!("[{table}] {key}: ")),
                "[{table}] {key}\n{shown}"
            );
        }
    }
}

#[test]
fn a_wrong_file_does_not_flood_the_terminal() {
    let text: String = (0..5000).map(|number| format!("key{number} = 1\n")).collect();
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.mistakes.len(), 100);
    assert!(errors.to_string().contains("\n\nand 4906 more"));
    let errors = read(&"#".repeat(2_000_000)).unwrap_err().to_string();
    assert!(errors.contains("larger than"), "{errors}");
}

/// Pieces that make texts which look like configurations.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\[\\]{}=\"'#,.\\\\\n \t-]{1,3}",
        "[a-zé\u{1F600}0-9]{0,4}",
        prop::sample::select(
            keys::TABLES
                .iter()
                .flat_map(|(_, keys)| keys.iter().copied())
                .collect::<Vec<_>>()
        )
        .prop_map(|key| format!("\n{key} = ")),
        prop::sample::select(keys::TOP).prop_map(|table| format!("\n[{table}]\n")),
        prop::sample::select(vec![
            "\"ldaps://a\"",
            "true",
            "5",
            "1.5",
            "{ env = \"A\" }",
            "[\"a\"]",
            "\"\"\"",
            "'''",
            "[users.map]\n",
            "[[users.override]]\n",
        ])
        .prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in prop_oneof![".{0,200}", pieces()]) {
        if let Err(errors) = parse(&text, "x.toml".as_ref(), &checks()) {
            prop_assert!(!errors.mistakes.is_empty());
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    /// Wherever a right file is cut or a character is lost, the secret in it is not shown.
    #[test]
    fn damage_shows_no_secret(at in 0..300_usize, drop in 0..3_usize, cut: bool, form in 0..4_usize) {
        let token = [
            "[scim] token = \"hunter2\"",
            "[scim] token = \"\"\"hunter2\"\"\"",
            "[scim] token = { file = 1, password = \"hunter2\" }",
            "[scim] token = [\"a\", \"hunter2\"]",
        ];
        let text: Vec<char> = minimal_with(token[form]).chars().collect();
        let kept = text.iter().enumerate().filter(|(index, _)| if cut { *index < at } else { *index < at || *index >= at + drop });
        let text: String = kept.map(|(_, char)| char).collect();
        if text.contains("hunter2") && let Err(errors) = read(&text) {
            prop_assert!(!errors.to_string().contains("hunter2"), "{}", errors);
            prop_assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
        }
    }
}
