//! The client against a script: what is asked in which order, and what is made of the answers.

use std::{collections::BTreeSet, sync::Arc};

use secrecy::ExposeSecret;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::cloud::testing::{self, Line, Script, line, lost};

const STATUS: &str = "POST GetSCIMSynchronizationStatus?DirectoryId=d-1";
const ENABLE: &str = "POST SetSCIMSynchronizationStatus?DirectoryId=d-1&SCIMSynchronizationStatus=Enabled";
const LIST: &str = "POST ListSCIMServerCredentials?DirectoryId=d-1";
const CREATE: &str = "POST CreateSCIMServerCredential?DirectoryId=d-1";
const ON: &str = r#"{"RequestId":"R","SCIMSynchronizationStatus":"Enabled"}"#;
const OFF: &str = r#"{"RequestId":"R","SCIMSynchronizationStatus":"Disabled"}"#;

struct World {
    alibaba: Alibaba,
    script: Arc<Script>,
    _folder: TempDir,
}

fn world(lines: Vec<Line>) -> World {
    let folder = TempDir::new().unwrap();
    let script = Script::new("x-acs-signature-nonce", lines);
    let settings = AlibabaSettings {
        region: Some("cn-shanghai".into()),
        directory_id: Some("d-1".into()),
        keys: Some(testing::keys(&folder)),
        ..AlibabaSettings::default()
    };
    World {
        alibaba: Alibaba::over(&settings, script.clone()).unwrap(),
        script,
        _folder: folder,
    }
}

fn credential(id: &str, secret: Option<&str>) -> Json {
    let mut credential = json!({
        "CredentialId": id, "CredentialType": "BearerToken", "DirectoryId": "d-1", "Status": "Enabled",
        "CreateTime": "2021-11-09T02:14:43Z", "ExpireTime": "2022-11-09T02:14:43Z",
    });
    if let Some(secret) = secret {
        credential["CredentialSecret"] = json!(secret);
    }
    credential
}

fn list(ids: &[&str]) -> Line {
    let credentials: Vec<_> = ids.iter().map(|id| credential(id, None)).collect();
    let body = json!({ "TotalCounts": ids.len(), "SCIMServerCredentials": credentials });
    line(LIST, 200, &body.to_string())
}

#[tokio::test]
async fn switching_reads_before_and_after() {
    let check = async |lines, expected: Result<(SyncStatus, SyncStatus), &str>| {
        let world = world(lines);
        let switched = world.alibaba.set_status(SyncStatus::Enabled).await;
        match (switched, expected) {
            (Ok(found), Ok(expected)) => assert_eq!((found.before, found.after), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
        world.script.end();
    };
    use SyncStatus::{Disabled, Enabled};
    let status = |body| line(STATUS, 200, body);
    check(vec![status(ON)], Ok((Enabled, Enabled))).await;
    check(
        vec![status(OFF), line(ENABLE, 200, "{}"), status(ON)],
        Ok((Disabled, Enabled)),
    )
    .await;
    check(
        vec![status(OFF), line(ENABLE, 200, "{}"), status(OFF)],
        Err("the status is Disabled"),
    )
    .await;
    check(
        vec![line(STATUS, 200, r#"{"SCIMSynchronizationStatus":"Maybe"}"#)],
        Err("neither"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_for_with_a_new_nonce_each_time() {
    let world = world(vec![
        line(STATUS, 400, r#"{"Code":"Throttling.User","Message":"slow"}"#),
        line(STATUS, 503, r#"{"Code":"ServiceUnavailable"}"#),
        lost(STATUS),
        line(STATUS, 200, ON),
        list(&[]),
        line(CREATE, 429, "{}"),
        line(CREATE, 400, r#"{"Code":"SignatureDoesNotMatch","Message":"m"}"#),
    ]);
    assert_eq!(world.alibaba.status().await.unwrap(), SyncStatus::Enabled);
    let error = world.alibaba.create().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("400 SignatureDoesNotMatch: m; the secret key"),
        "{error}"
    );
    let seen = world.script.end();
    let nonces: BTreeSet<_> = seen.iter().map(|(nonce, _)| nonce).collect();
    assert_eq!(nonces.len(), 7);
    assert!(nonces.iter().all(|nonce| nonce.len() == 32));
}

#[tokio::test]
async fn a_credential_is_made_once() {
    let made = json!({ "SCIMServerCredential": credential("b", Some("s3cr3t")) }).to_string();
    let world = world(vec![
        list(&["a"]),
        line(CREATE, 200, &made),
        list(&["a", "b"]),
        list(&["a"]),
        line(CREATE, 500, "{}"),
        list(&["a", "c"]),
    ]);
    let (token, text) = world.alibaba.create().await.unwrap();
    assert_eq!(
        (token.id.as_str(), text.expose_secret(), token.enabled),
        ("b", "s3cr3t", true)
    );
    assert_eq!(token.expires.unwrap().to_rfc3339(), "2022-11-09T02:14:43+00:00");
    assert!(matches!(world.alibaba.create().await, Err(CloudError::TooManyTokens { ids }) if ids == ["a", "b"]));
    assert!(matches!(world.alibaba.create().await, Err(CloudError::TokenLost { ids, .. }) if ids == ["c"]));
    world.script.end();
}

#[tokio::test]
async fn credentials_and_directories() {
    const DELETE: &str = "POST DeleteSCIMServerCredential?CredentialId=a&DirectoryId=d-1";
    let mut off = credential("a", None);
    off["Status"] = json!("Disabled");
    let world = world(vec![
        line(
            "POST UpdateSCIMServerCredentialStatus?CredentialId=a&DirectoryId=d-1&NewStatus=Disabled",
            200,
            &json!({ "SCIMServerCredential": off }).to_string(),
        ),
        line(DELETE, 404, r#"{"Code":"EntityNotExists.SCIMCredential"}"#),
        line(DELETE, 404, r#"{"Code":"EntityNotExists.Directory"}"#),
        line(
            "POST ListDirectories",
            200,
            r#"{"Directories":[{"DirectoryId":"d-1","DirectoryName":"acme"}],"TotalCounts":1}"#,
        ),
    ]);
    assert!(!world.alibaba.set_credential("a", false).await.unwrap().enabled);
    world.alibaba.delete("a").await.unwrap();
    let error = world.alibaba.delete("a").await.unwrap_err();
    assert!(error.to_string().contains("directory list"), "{error}");
    let directories = world.alibaba.directories().await.unwrap();
    assert_eq!(
        (directories[0].id.as_str(), directories[0].name.as_deref()),
        ("d-1", Some("acme"))
    );
    world.script.end();
}

#[test]
fn what_a_dry_run_shows() {
    let world = world(Vec::new());
    let shown = world
        .alibaba
        .requests()
        .set_status(SyncStatus::Disabled)
        .unwrap()
        .to_string();
    let first = "POST https://cloudsso.cn-shanghai.aliyuncs.com/?DirectoryId=d-1&SCIMSynchronizationStatus=Disabled\n";
    assert!(shown.starts_with(first), "{shown}");
    let last = "\nAuthorization: ACS3-HMAC-SHA256 Credential=[redacted],SignedHeaders=accept;host;x-acs-action;\
                x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=[redacted]";
    assert!(shown.ends_with(last), "{shown}");
    assert!(!shown.contains("AK1") && !shown.contains("hunter2"));
}

#[test]
fn what_is_missing_is_said() {
    let check = |settings: AlibabaSettings, expected: &str| {
        let Err(error) = Requests::new(&settings).and_then(|requests| requests.status()) else {
            panic!("{settings:?} is enough");
        };
        assert!(error.to_string().contains(expected), "{error}");
    };
    let with = |region: Option<&str>| AlibabaSettings {
        region: region.map(ToOwned::to_owned),
        ..AlibabaSettings::default()
    };
    check(with(None), "--region");
    check(with(Some("cn-nowhere")), "not a region known");
    check(with(Some("cn-shanghai")), "directory list");
}
