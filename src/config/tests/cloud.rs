//! `[cloud.…]` and the life of the token.

use super::{minimal_with, mistakes::check_text, read};
use crate::{
    cloud::settings::{
        AlibabaSettings, CloudSettings, ControlPlane, HuaweiEndpoints, HuaweiSettings, KeySources, TokenLife,
    },
    secret::SecretSource,
};

const KEYS: &str = "access_key = { env = \"AK\" }\nsecret_key = { env = \"SK\" }";

/// Below `[cloud.huawei]` or `[cloud.alibaba]`, in a file that is right otherwise.
fn with(table: &str, lines: &str) -> String {
    format!("{}\n[cloud.{table}]\n{lines}\n", minimal_with(""))
}

#[test]
fn everything() {
    let text = with(
        "huawei",
        "region = \"cn-north-4\"\nidentity_store_id = \"d-0123456789\"\naccess_key = { env = \"AK\" }\n\
         secret_key = { env = \"SK\" }\nsecurity_token = { env = \"ST\" }\nauth_token = { env = \"AT\" }\n\
         project_id = \"p\"\ndomain_id = \"a\"\nendpoints = { iam = \"https://iam.example.org\" }\nca_file = \"ca.pem\"\n\
         [cloud.alibaba]\nregion = \"cn-somewhere\"\ndirectory_id = \"d-1\"\nendpoint = \"http://127.0.0.1:8080\"",
    );
    let env = |name: &str| SecretSource::Env(name.to_owned());
    let expected = CloudSettings {
        huawei: Some(HuaweiSettings {
            region: Some("cn-north-4".into()),
            identity_store_id: Some("d-0123456789".into()),
            keys: Some(KeySources {
                access_key: env("AK"),
                secret_key: env("SK"),
                security_token: Some(env("ST")),
            }),
            auth_token: Some(env("AT")),
            project_id: Some("p".into()),
            domain_id: Some("a".into()),
            endpoints: HuaweiEndpoints {
                iam: Some("https://iam.example.org/".into()),
                ..HuaweiEndpoints::default()
            },
            ca_file: Some("/etc/scimward/ca.pem".into()),
            allow_plaintext: false,
        }),
        alibaba: Some(AlibabaSettings {
            region: Some("cn-somewhere".into()),
            directory_id: Some("d-1".into()),
            endpoint: Some("http://127.0.0.1:8080/".into()),
            ..AlibabaSettings::default()
        }),
    };
    assert_eq!(read(&text).unwrap().cloud, expected);
    assert_eq!(read(&minimal_with("")).unwrap().cloud, CloudSettings::default());
    assert_eq!(
        read(&with("huawei", "")).unwrap().cloud.huawei,
        Some(HuaweiSettings::default())
    );
}

#[test]
fn mistakes() {
    let huawei = |lines: &str, expected: &[&str]| check_text(&with("huawei", lines), expected);
    huawei(
        "regoin = \"x\"",
        &["[cloud.huawei] regoin: unknown key", "did you mean region?"],
    );
    huawei(
        "region = \"cn-nort-4\"",
        &["is not a known region", "did you mean \"cn-north-4\"?"],
    );
    huawei(
        "region = \"nowhere\"",
        &["write one of cn-north-4, ", "give the host: endpoints"],
    );
    huawei(
        "region = \"a b\"\nendpoints = { identitystore = \"https://a\" }",
        &["\"a b\" is not a known region"],
    );
    huawei(
        "identity_store_id = \"d/1\"",
        &["identity_store_id: is not an id", "console"],
    );
    huawei(
        "secret_key = \"hunter2\"\naccess_key = { env = \"AK\" }",
        &["secret_key: must not stand in this file"],
    );
    huawei(
        "access_key = { env = \"AK\" }",
        &["[cloud.huawei] secret_key: is missing", "go together"],
    );
    huawei(
        "secret_key = { env = \"SK\" }",
        &["[cloud.huawei] access_key: is missing"],
    );
    huawei("endpoints = \"https://a\"", &["must be a table", "endpoints = { iam"]);
    huawei(
        "endpoints = { iamm = \"https://a\" }",
        &["unknown key", "did you mean iam?"],
    );
    huawei(
        "endpoints = { iam = \"http://a\" }",
        &["http:// would send tokens in clear"],
    );
    huawei(
        "endpoints = { iam = \"https://u:hunter2@a\" }",
        &["before @ is not allowed"],
    );
    huawei("ca_file = \"absent\"", &["there is no such file"]);

    let alibaba = |lines: &str, expected: &[&str]| check_text(&with("alibaba", lines), expected);
    alibaba("region = \"cn-shanghia\"", &["did you mean \"cn-shanghai\"?"]);
    alibaba(
        "endpoint = \"cloudsso.example.org\"",
        &["is not a full address", "https://host"],
    );
    alibaba(
        "identity_store_id = \"d-1\"",
        &["unknown key", "it belongs in [cloud.huawei]"],
    );

    check_text(
        &minimal_with("[cloud] huawei = 5"),
        &["[cloud] huawei: must be a table", "write [cloud.huawei] on"],
    );
    check_text(
        &minimal_with("[cloud] hauwei = 5"),
        &["[cloud] hauwei: unknown key", "did you mean huawei?"],
    );
    check_text(
        &minimal_with("[cloud.huawai]"),
        &["[cloud] huawai: unknown key", "did you mean huawei?"],
    );
}

#[test]
fn when_the_token_expires() {
    let read = |value: &str| read(&minimal_with(&format!("[scim] token_expires = {value}")));
    let expires = |value: &str| read(value).unwrap().token_life.expires.unwrap().to_rfc3339();
    assert_eq!(expires("\"2027-05-01\""), "2027-05-01T00:00:00+00:00");
    assert_eq!(expires("\"2027-05-01T12:00:00+02:00\""), "2027-05-01T10:00:00+00:00");
    assert_eq!(super::read(super::MINIMAL).unwrap().token_life, TokenLife::default());
    for value in ["\"1.5.2027\"", "\"2027-05-01T12:00:00\"", "\"2027-02-30\""] {
        let shown = read(value).unwrap_err().to_string();
        assert!(shown.contains("[scim] token_expires: is not a day"), "{shown}");
    }
}

#[test]
fn what_renewing_needs() {
    let text = |profile: &str, token: &str, cloud: &str| {
        let changes = format!(
            "[scim] profile = \"{profile}\"\n[scim] token = {{ {token} = \"token\" }}\n[scim] rotate_before_days = 30"
        );
        format!("{}\n{cloud}", minimal_with(&changes))
    };
    let huawei = "[cloud.huawei]\nregion = \"cn-north-4\"\nidentity_store_id = \"d-1\"";
    let config = read(&text("huawei", "file", &format!("{huawei}\n{KEYS}"))).unwrap();
    assert_eq!(config.token_life.rotate_before_days, Some(30));
    assert!(matches!(
        config.cloud.of_profile("huawei"),
        Some(ControlPlane::Huawei(_))
    ));
    assert_eq!(config.cloud.of_profile("alibaba"), None);
    assert!(config.cloud.of_profile("/etc/own.toml").is_some());

    check_text(
        &text("huawei", "env", huawei),
        &["rotate_before_days: needs token = { file"],
    );
    check_text(
        &text("huawei", "file", ""),
        &["needs [cloud.huawei]: the control plane"],
    );
    check_text(&text("alibaba", "file", huawei), &["needs [cloud.alibaba]"]);
    check_text(
        &text("generic", "file", huawei),
        &["no control plane is known for the profile \"generic\""],
    );
    check_text(
        &text("huawei", "file", "[cloud.huawei]\nregion = \"cn-north-4\""),
        &["needs [cloud.huawei] identity_store_id"],
    );
    check_text(
        &text("huawei", "file", "[cloud.huawei]\nidentity_store_id = \"d-1\""),
        &["needs [cloud.huawei] region"],
    );
    check_text(
        &text("alibaba", "file", "[cloud.alibaba]\nregion = \"cn-shanghai\""),
        &["needs [cloud.alibaba] directory_id"],
    );
    check_text(
        &text("alibaba", "file", "[cloud.alibaba]\ndirectory_id = \"d-1\""),
        &["needs [cloud.alibaba] region"],
    );
    check_text(
        &minimal_with("[scim] rotate_before_days = 0"),
        &["0 is not from 1 to 360"],
    );
}
