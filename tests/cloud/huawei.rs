//! Huawei Cloud: provisioning, instances, tokens.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{
    cloud::Cloud,
    people::{PEOPLE, person},
    sandbox::private,
    scimward::{Scimward, program},
    slapd::{PASSWORD, READER, Slapd},
};

/// Methods of the requests so far.
fn methods(cloud: &Cloud) -> Vec<String> {
    cloud
        .recorder
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect()
}

#[test]
fn provisioning_is_switched_on_once() {
    let cloud = Cloud::huawei();
    assert_eq!(cloud.json(&["tenant", "show"]), json!({ "tenants": [] }));
    let _ = cloud
        .run(&["tenant", "show"])
        .expect(0)
        .says("Automatic provisioning is off");
    cloud.recorder.forget();

    let run = cloud.run(&["tenant", "enable"]).expect(0);
    assert_eq!(methods(&cloud), ["GET", "POST"]);
    let run = run
        .says("Automatic provisioning is on.\n")
        .says("token create --out /etc/scimward/credentials/scim-token\n");
    let (_, table) = run.stdout.split_once("\n\n[scim]\n").unwrap();
    let scim: toml::Table = toml::from_str(table.split("\n\n").next().unwrap()).unwrap();
    assert_eq!(scim["profile"].as_str(), Some("huawei"));
    let endpoint = scim["endpoint"].as_str().unwrap();

    cloud.recorder.forget();
    let again = cloud.json(&["tenant", "enable"]);
    assert_eq!(methods(&cloud), ["GET"]);
    assert_eq!(again["was_enabled"], true);
    assert_eq!(again["tenant"]["scim_endpoint"], endpoint);
    let shown = cloud.json(&["tenant", "show"]);
    assert_eq!(shown["tenants"], json!([again["tenant"]]));
    assert!(again["tenant"]["created"].as_str().unwrap().ends_with('Z'), "{again}");
}

#[test]
fn the_endpoint_goes_into_the_configuration_and_nothing_else_changes() {
    let cloud = Cloud::huawei();
    let path = cloud.path("mine.toml");
    let file = path.display().to_string();
    fs::write(
        &path,
        "# mine\n[ldap] # servers\nurls = 1\n[scim]\nendpoint = \"\" # to come\nrate_per_s = 5\n",
    )
    .unwrap();
    let answer = cloud.json(&["tenant", "enable", "--write-config", &file]);
    let endpoint = answer["tenant"]["scim_endpoint"].as_str().unwrap();
    assert_eq!(answer["config"], file);
    let token = cloud.path("credentials/scim-token").display().to_string();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!(
            "# mine\n[ldap] # servers\nurls = 1\n[scim]\nprofile = \"huawei\"\ntoken = {{ file = \"{token}\" }}\nendpoint = \
             \"{endpoint}\" # to come\nrate_per_s = 5\n"
        )
    );
    let _ = cloud
        .run(&["tenant", "enable", "--write-config", &file])
        .expect(0)
        .says("has this endpoint already");

    let before = fs::read_to_string(&path).unwrap();
    let _ = cloud
        .run(&["tenant", "enable", "--write-config", &file, "--dry-run"])
        .expect(0)
        .says(&format!("{file} is not written either"));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    fs::write(&path, "scim = 1\n").unwrap();
    let _ = cloud
        .run(&["tenant", "enable", "--write-config", &file])
        .expect(2)
        .says("put this into it yourself:\n\n[scim]\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "scim = 1\n");
}

/// Everything that was written is shown, and what is said to be done works.
#[test]
fn what_is_left_to_do_is_said_in_the_order_that_works() {
    let cloud = Cloud::huawei();
    let path = cloud.path("new.toml");
    let file = path.display().to_string();
    let run = cloud.run(&["tenant", "enable", "--write-config", &file]).expect(0);
    let written = fs::read_to_string(&path).unwrap();
    let run = run.says(&format!("Made {file}:\n\n{written}"));
    let (_, to_do) = run.stdout.split_once("Still to do:\n").unwrap();
    let to_do: Vec<&str> = to_do.lines().map(str::trim).collect();
    let token = cloud.path("credentials/scim-token");
    let folder = cloud.path("credentials").display().to_string();
    assert_eq!(
        to_do,
        [
            format!("mkdir -m 700 {folder}"),
            format!(
                "scimward --config {} cloud huawei token create --out {}",
                cloud.config().display(),
                token.display()
            ),
            format!("write [ldap] and [users] into {file}"),
        ]
    );
    let made = Command::new("sh").args(["-c", to_do[0]]).status().unwrap();
    assert!(made.success());
    let words: Vec<&str> = to_do[1].split(' ').skip(5).collect();
    let _ = cloud.run(&words).expect(0);
    assert_eq!(cloud.scim_status(&token), 200);
    let run = cloud.run(&["tenant", "enable", "--write-config", &file]).expect(0);
    let _ = run.says("has this endpoint already").says_not("Still to do");

    // Off and on again: that token is gone, and the file is in the way.
    let _ = cloud.run(&["tenant", "disable", "--yes"]).expect(0);
    let run = cloud.run(&["tenant", "enable", "--write-config", &file]).expect(0);
    let _ = run
        .says(&format!("Put into [scim] of {file}:\n\nendpoint = "))
        .says(&format!("create --out {} --force\n", token.display()));
}

#[test]
fn tokens_are_made_listed_and_deleted() {
    let mut cloud = Cloud::huawei();
    let _ = cloud.run(&["token", "list"]).expect(4).says("tenant enable");
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    let _ = cloud.run(&["token", "list"]).expect(0).says("There is no token");

    let token = cloud.path("token");
    cloud.configure_scim(&token);
    let made = cloud.json(&["token", "create"]);
    assert_eq!(made["file"], token.display().to_string());
    assert_eq!(
        (&made["secret"], &made["systemd_credential"]),
        (&Value::Null, &Value::Null)
    );
    let id = made["token"]["id"].as_str().unwrap();
    assert_eq!(cloud.scim_status(&token), 200);

    let list = cloud.json(&["token", "list"]);
    let expected = json!({
        "id": id,
        "created": list["tokens"][0]["created"],
        "expires": made["token"]["expires"],
        "enabled": true,
        "in_use": true,
    });
    assert_eq!(list, json!({ "tokens": [expected] }));
    let _ = cloud
        .run(&["token", "list"])
        .expect(0)
        .says(id)
        .says(&format!("in use: {}", token.display()));

    let asked = cloud.run(&["token", "delete", id]).expect(2);
    let _ = asked
        .says("is refused from then on")
        .says(&format!("It is the one in {}", token.display()))
        .says("say --yes");
    let _ = cloud
        .run(&["token", "delete", "nobody", "--yes"])
        .expect(4)
        .says("there is no token nobody; there are: ")
        .says(id);
    assert_eq!(cloud.scim_status(&token), 200);
    assert_eq!(cloud.json(&["token", "delete", id, "--yes"]), json!({ "deleted": id }));
    assert_eq!(cloud.scim_status(&token), 401);
}

#[test]
fn a_third_token_is_refused_before_it_is_asked_for() {
    let cloud = Cloud::huawei();
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    let create = |name: &str| cloud.run(&["token", "create", "--out", &cloud.path(name).display().to_string()]);
    let _ = create("token-1").expect(0);
    let _ = create("token-2").expect(0);
    cloud.recorder.forget();
    let _ = create("token-3").expect(4).says("two tokens already").says("rotate");
    assert_eq!(cloud.recorder.count_of("POST"), 0);
    assert!(!cloud.path("token-3").exists());
}

#[test]
fn switching_off_ends_tokens_and_the_next_sync_says_so() {
    let slapd = Slapd::with_people(1);
    let mut cloud = Cloud::huawei();
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    let token = cloud.path("token");
    cloud.configure_scim(&token);
    let _ = cloud.run(&["token", "create"]).expect(0);
    let sync = |cloud: &Cloud| {
        let config = cloud.path("sync.toml");
        private(&cloud.path("ldap-password"), PASSWORD);
        let ldap = format!(
            "[ldap]\nurls = [\"{}\"]\nbind_dn = \"{READER}\"\nbind_password = {{ file = \"ldap-password\" }}\n\
             [users]\nbase = \"{PEOPLE}\"\npreset = \"inetorgperson\"\n[state]\npath = \"state\"\n",
            slapd.url()
        );
        fs::write(&config, format!("{ldap}{}", cloud.scim)).unwrap();
        Scimward::bare()
            .args(&["--config", &config.display().to_string(), "--sync-now"])
            .run()
    };
    let _ = sync(&cloud).expect(0);

    cloud.recorder.forget();
    let run = cloud.run(&["tenant", "disable"]).expect(2);
    let _ = run.says("removes all its tokens").says("say --yes");
    assert_eq!(methods(&cloud), ["GET"]);
    let off = cloud.json(&["tenant", "disable", "--yes"]);
    assert_eq!(off["disabled"], true);
    let off = cloud.json(&["tenant", "disable", "--yes"]);
    assert_eq!(off, json!({ "tenant": null, "disabled": false }));

    slapd.replace(&person(1).dn(), "title", &["Director"]);
    let run = sync(&cloud).expect(4);
    let _ = run.says("provisioning is switched off").says_not("panicked");
    // On again: the tokens are gone for good, and the endpoint is another.
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    let _ = sync(&cloud).expect(4);
    let _ = cloud.run(&["token", "list"]).expect(0).says("There is no token");
}

#[test]
fn the_word_is_typed_on_a_terminal() {
    let cloud = Cloud::huawei();
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    let typed = |word: &str| {
        let config = cloud.config().display().to_string();
        let line = format!("{} --config {config} cloud huawei tenant disable", program().display());
        let mut script = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("SHELL", "/bin/bash")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script is missing: run tests/run.sh");
        script
            .stdin
            .take()
            .unwrap()
            .write_all(format!("{word}\n").as_bytes())
            .unwrap();
        let output = script.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, said) = typed("yes");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("Type disable to go on: ") && said.contains("nothing was changed"),
        "{said}"
    );
    assert_eq!(cloud.json(&["tenant", "show"])["tenants"].as_array().unwrap().len(), 1);
    let (code, said) = typed("disable");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(cloud.json(&["tenant", "show"]), json!({ "tenants": [] }));
}

#[test]
fn a_dry_run_sends_nothing_and_shows_no_signature() {
    let cloud = Cloud::huawei();
    let rules = cloud.path("rules.json");
    fs::write(
        &rules,
        r#"[{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "uid"}]}]"#,
    )
    .unwrap();
    let rules = rules.display().to_string();
    let check = |words: &[&str], expected: &[&str]| {
        let answer = cloud.json(&[words, &["--dry-run"]].concat());
        let shown: Vec<String> = answer["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| {
                let url = request["url"].as_str().unwrap();
                let path = url.strip_prefix(cloud.recorder.url()).unwrap();
                let signed = request["headers"]["Authorization"].as_str().unwrap();
                assert!(
                    signed.starts_with("SDK-HMAC-SHA256 ") && signed.contains("Signature=["),
                    "{signed}"
                );
                format!(
                    "{} {}",
                    request["method"].as_str().unwrap(),
                    path.rsplit('/').next().unwrap()
                )
            })
            .collect();
        assert_eq!(shown, expected, "{words:?}");
        let run = cloud.run(&[words, &["--dry-run"]].concat()).expect(0);
        assert_eq!(
            run.stdout.matches("\nAuthorization: ").count(),
            expected.len(),
            "{}",
            run.everything()
        );
        let _ = run.says("Nothing was sent.");
    };
    let tenants = "GET provision-tenant";
    let tokens = "GET bearer-token";
    check(&["tenant", "show"], &[tenants]);
    check(&["tenant", "enable"], &[tenants, "POST provision-tenant"]);
    check(&["tenant", "disable"], &[tenants, "DELETE {tenant_id}"]);
    check(&["token", "list"], &[tenants, tokens]);
    check(&["token", "create", "--show"], &[tenants, tokens, "POST bearer-token"]);
    check(&["token", "delete", "abc"], &[tenants, tokens, "DELETE abc"]);
    check(&["instance", "list"], &["GET instances?limit=100"]);
    check(
        &["idp", "create", "ACME", "--enabled"],
        &["GET ACME", "PUT ACME", "PATCH ACME"],
    );
    check(&["idp", "show", "ACME"], &["GET ACME"]);
    check(&["idp", "list"], &["GET identity_providers"]);
    check(
        &["idp", "update", "ACME", "--enabled=false"],
        &["GET ACME", "PATCH ACME"],
    );
    check(&["idp", "delete", "ACME"], &["DELETE ACME"]);
    check(
        &["idp", "protocol", "create", "ACME", "saml", "--mapping", "m"],
        &["GET saml", "PUT saml", "PATCH saml"],
    );
    check(&["idp", "protocol", "list", "ACME"], &["GET protocols"]);
    check(&["idp", "protocol", "show", "ACME", "saml"], &["GET saml"]);
    check(&["idp", "protocol", "delete", "ACME", "saml"], &["DELETE saml"]);
    check(
        &["idp", "mapping", "create", "m", "--rules", &rules],
        &["GET m", "PUT m", "PATCH m"],
    );
    check(&["idp", "mapping", "show", "m"], &["GET m"]);
    check(&["idp", "mapping", "list"], &["GET mappings"]);
    check(&["idp", "mapping", "delete", "m"], &["DELETE m"]);
    let token = cloud.path("token");
    private(&token, "hunter2");
    let out = token.display().to_string();
    // Without `[scim]` the endpoint is asked for first; another list comes before another token.
    check(
        &["token", "rotate", "--out", &out],
        &[
            tenants,
            tenants,
            tokens,
            "DELETE {id_not_in_use}",
            tokens,
            "POST bearer-token",
            "DELETE {id_in_use}",
        ],
    );
    let _ = cloud
        .run(&["token", "rotate", "--out", &out, "--dry-run"])
        .expect(0)
        .says("tried out at the SCIM endpoint");
    for (words, expected) in [
        (vec!["token", "create"], "say where it goes"),
        (vec!["token", "create", "--out", &out], "--force"),
        (vec!["token", "rotate"], "--out FILE"),
        (vec!["token", "rotate", "--out", "/nowhere"], "is not there"),
    ] {
        let _ = cloud
            .run(&[&words[..], &["--dry-run"]].concat())
            .expect(2)
            .says(expected);
    }
    assert_eq!(cloud.recorder.log(), "");
}

/// The cloud may take it for done, or for a conflict: looking again is what tells.
#[test]
fn somebody_else_may_switch_it_on_in_between() {
    use crate::support::recorder::{Fault, Rule, Which};
    let cloud = Cloud::huawei();
    cloud
        .recorder
        .rule(Rule::new("POST", Which::Nth(1), Fault::AnswerAfterEffect(400)).target("provision-tenant"));
    let answer = cloud.json(&["tenant", "enable"]);
    assert!(answer["tenant"]["tenant_id"].is_string(), "{answer}");
}
