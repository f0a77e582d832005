//! CloudSSO's operations.

use serde_json::json;

use super::*;
use crate::sandbox::Kind;

const DIRECTORY: &str = "DirectoryId=d-00sandbox001";

fn code(said: &Value) -> &str {
    said["Code"].as_str().unwrap_or_default()
}

#[test]
fn the_synchronization_is_switched_off_and_on() {
    let mut bench = Bench::new(Plane::Alibaba);
    let set = "SetSCIMSynchronizationStatus";
    let status = |bench: &mut Bench| {
        let (_, said) = bench.call("GetSCIMSynchronizationStatus", DIRECTORY);
        said["SCIMSynchronizationStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!((status(&mut bench).as_str(), bench.scim(FIRST)), ("Enabled", 200));
    let off = format!("{DIRECTORY}&SCIMSynchronizationStatus=Disabled");
    for _ in 0..2 {
        let (code, said) = bench.call(set, &off);
        assert_eq!((code, said.as_object().unwrap().len()), (200, 1), "{said}");
        assert!(said["RequestId"].is_string());
        assert_eq!(
            (status(&mut bench).as_str(), bench.scim(FIRST), bench.scim("other")),
            ("Disabled", 403, 401)
        );
    }
    // The credential is there still, and without a status nothing changes.
    assert_eq!(bench.call(set, DIRECTORY).0, 200);
    assert_eq!(status(&mut bench), "Disabled");
    let (_, list) = bench.call("ListSCIMServerCredentials", DIRECTORY);
    assert_eq!(list["TotalCounts"], 1);
    // A form, and GET, do as well.
    let form = format!("{DIRECTORY}&SCIMSynchronizationStatus=Enabled");
    let message = bench.acs3("POST", set, "", &form);
    assert_eq!(bench.send(&message).0, 200);
    assert_eq!((status(&mut bench).as_str(), bench.scim(FIRST)), ("Enabled", 200));
    let message = bench.acs3("GET", set, &off, "");
    assert_eq!(bench.send(&message).0, 200);
    assert_eq!(status(&mut bench), "Disabled");
}

#[test]
fn credentials_are_made_disabled_and_deleted() {
    let mut bench = Bench::new(Plane::Alibaba);
    let (status, made) = bench.call("CreateSCIMServerCredential", DIRECTORY);
    assert_eq!(status, 200);
    let made = &made["SCIMServerCredential"];
    let secret = made["CredentialSecret"].as_str().unwrap().to_owned();
    let id = made["CredentialId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("scimcred-"), "{id}");
    let mut shown = json!({
        "CredentialId": id,
        "CredentialType": "BearerToken",
        "DirectoryId": "d-00sandbox001",
        "Status": "Enabled",
        "CreateTime": "2026-01-02T03:04:05Z",
        "ExpireTime": "2027-01-02T03:04:05Z",
    });
    let (status, said) = bench.call("CreateSCIMServerCredential", DIRECTORY);
    assert_eq!((status, code(&said)), (400, "LimitExceeded.SCIMCredential"));
    let (_, list) = bench.call("ListSCIMServerCredentials", DIRECTORY);
    assert_eq!(
        (&list["TotalCounts"], &list["SCIMServerCredentials"][1]),
        (&json!(2), &shown)
    );
    assert_eq!((bench.scim(FIRST), bench.scim(&secret)), (200, 200));

    let of = |rest: &str| format!("{DIRECTORY}&CredentialId={id}{rest}");
    let update = "UpdateSCIMServerCredentialStatus";
    shown["Status"] = "Disabled".into();
    for rest in ["&NewStatus=Disabled", ""] {
        let (_, said) = bench.call(update, &of(rest));
        assert_eq!((&said["SCIMServerCredential"], bench.scim(&secret)), (&shown, 401));
    }
    bench.call(update, &of("&NewStatus=Enabled"));
    assert_eq!(bench.scim(&secret), 200);
    let (status, said) = bench.call(update, &of("&NewStatus=Off"));
    assert_eq!((status, code(&said)), (400, "InvalidParameter.NewStatus"));
    assert_eq!(bench.call("DeleteSCIMServerCredential", &of("")).0, 200);
    assert_eq!((bench.scim(FIRST), bench.scim(&secret)), (200, 401));
    let (status, said) = bench.call("DeleteSCIMServerCredential", &of(""));
    assert_eq!((status, code(&said)), (404, "EntityNotExists.SCIMCredential"));
}

#[test]
fn parameters_that_are_missing_or_wrong_are_named() {
    let mut bench = Bench::new(Plane::Alibaba);
    let mut check = |action: &str, query: &str, expected: (u16, &str)| {
        let (status, said) = bench.call(action, query);
        assert_eq!((status, code(&said)), expected, "{action} {query}");
    };
    check("ListSCIMServerCredentials", "", (400, "MissingDirectoryId"));
    check(
        "ListSCIMServerCredentials",
        "directoryid=d-00sandbox001",
        (400, "MissingDirectoryId"),
    );
    check(
        "ListSCIMServerCredentials",
        "DirectoryId=d-other",
        (404, "EntityNotExists.Directory"),
    );
    check("DeleteSCIMServerCredential", DIRECTORY, (400, "MissingCredentialId"));
    let wrong = format!("{DIRECTORY}&SCIMSynchronizationStatus=enabled");
    check(
        "SetSCIMSynchronizationStatus",
        &wrong,
        (400, "InvalidParameter.SCIMSynchronizationStatus"),
    );
    check(
        "ListUsers",
        &format!("{DIRECTORY}&MaxResults=101"),
        (400, "InvalidParameter.MaxResults"),
    );
    check(
        "ListUsers",
        &format!("{DIRECTORY}&Filter=Name%20eq%20a"),
        (400, "InvalidParameter.Filter"),
    );
    check(
        "ListUsers",
        &format!("{DIRECTORY}&Filter=UserName"),
        (400, "InvalidParameter.Filter"),
    );
    check(
        "ListUsers",
        &format!("{DIRECTORY}&NextToken=x"),
        (400, "InvalidParameter.NextToken"),
    );
    check("GetUserId", DIRECTORY, (400, "MissingExternalId"));
    check(
        "GetUserId",
        &format!("{DIRECTORY}&ExternalId=x"),
        (400, "InvalidParameter.ExternalId"),
    );
    check(
        "GetUserId",
        &format!("{DIRECTORY}&ExternalId=%5B7%5D"),
        (400, "InvalidParameter.ExternalId"),
    );
}

#[test]
fn people_are_listed_and_found() {
    let mut bench = Bench::new(Plane::Alibaba);
    for (number, name) in ["ada", "alan", "grace"].into_iter().enumerate() {
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "externalId": format!("x{number}"),
            "displayName": name,
            "name": {"givenName": "G", "familyName": "F"},
            "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
            "active": name != "alan",
        });
        bench
            .cloud
            .seed(Kind::User, person, name == "grace", bench.now)
            .unwrap();
    }
    let names = |bench: &mut Bench, query: &str| {
        let (status, said) = bench.call("ListUsers", &format!("{DIRECTORY}{query}"));
        assert_eq!(status, 200, "{said}");
        let users = said["Users"].as_array().unwrap();
        let names: Vec<_> = users
            .iter()
            .map(|user| user["UserName"].as_str().unwrap().to_owned())
            .collect();
        (names.join(" "), said)
    };
    let (all, said) = names(&mut bench, "");
    assert_eq!(all, "ada alan grace");
    assert_eq!(
        (&said["TotalCounts"], &said["MaxResults"], &said["IsTruncated"]),
        (&json!(3), &json!(10), &json!(false))
    );
    let ada = &said["Users"][0];
    assert_eq!(
        (&ada["Email"], &ada["FirstName"], &ada["LastName"]),
        (&json!("ada@example.com"), &json!("G"), &json!("F"))
    );
    assert_eq!(
        (&ada["ProvisionType"], &ada["ExternalId"]),
        (&json!("Synchronized"), &json!({"Id": "x0", "Issuer": "SCIM"}))
    );
    assert_eq!(said["Users"][2].get("ExternalId"), None);
    assert_eq!(names(&mut bench, "&Filter=UserName%20sw%20A").0, "ada alan");
    assert_eq!(names(&mut bench, "&Filter=UserName%20eq%20ada").0, "ada");
    // As the vendor's SDK sends a space, whatever it signs.
    assert_eq!(names(&mut bench, "&Filter=UserName+eq+ada").0, "ada");
    assert_eq!(names(&mut bench, "&ProvisionType=Manual").0, "grace");
    assert_eq!(names(&mut bench, "&Status=Disabled").0, "alan");
    let (page, said) = names(&mut bench, "&MaxResults=2");
    assert_eq!((page.as_str(), &said["IsTruncated"]), ("ada alan", &json!(true)));
    let next = format!("&MaxResults=2&NextToken={}", said["NextToken"].as_str().unwrap());
    let (page, said) = names(&mut bench, &next);
    assert_eq!((page.as_str(), said.get("NextToken")), ("grace", None));

    let by = |id: &str| format!("{DIRECTORY}&ExternalId=%7B%22Id%22%3A%22{id}%22%2C%22Issuer%22%3A%22SCIM%22%7D");
    let (_, said) = bench.call("GetUserId", &by("x1"));
    assert!(said["UserId"].as_str().unwrap().starts_with("u-"), "{said}");
    let (status, said) = bench.call("GetUserId", &by("x2"));
    assert_eq!((status, code(&said)), (404, "EntityNotExists.User"));
    let (_, said) = bench.call("GetDirectoryStatistics", DIRECTORY);
    let statistics = &said["DirectoryStatistics"];
    assert_eq!(
        (&statistics["UserCount"], &statistics["SCIMSyncEnabled"]),
        (&json!(3), &json!(true))
    );
    let (_, said) = bench.call("ListDirectories", "");
    assert_eq!(
        (&said["TotalCounts"], &said["Directories"][0]["DirectoryId"]),
        (&json!(1), &json!("d-00sandbox001"))
    );
}

#[test]
fn the_older_signature_is_taken_too() {
    let mut bench = Bench::new(Plane::Alibaba);
    let mut send = |method: &str, change: (&str, &str), flip: bool| {
        let mut parameters = vec![
            ("Action", "GetSCIMSynchronizationStatus"),
            ("Version", "2021-05-15"),
            ("Format", "JSON"),
            ("AccessKeyId", AK),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", "n1"),
            ("Timestamp", "2026-01-02T03:04:05Z"),
            ("DirectoryId", "d-00sandbox001"),
        ];
        parameters.retain(|(name, _)| *name != change.0);
        parameters.push(change);
        parameters.retain(|(name, value)| !name.is_empty() && !value.is_empty());
        let bytes: Vec<_> = parameters
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect();
        let mut signature = crate::sandbox::control::sign::Rpc::signature(method, &bytes, SK).unwrap();
        if flip {
            signature = signature.replace('=', "");
        }
        parameters.push(("Signature", &signature));
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
                )
            })
            .collect();
        let (status, said) = bench.send(&unsigned(&format!("{method} /?{}", query.join("&")), ""));
        (status, said["Code"].as_str().unwrap_or("good").to_owned())
    };
    let nothing = ("", "");
    assert_eq!(send("GET", nothing, true), (400, "SignatureDoesNotMatch".into()));
    assert_eq!(send("GET", nothing, false), (200, "good".into()));
    assert_eq!(send("GET", nothing, false), (400, "SignatureNonceUsed".into()));
    assert_eq!(send("POST", ("SignatureNonce", "n2"), false), (200, "good".into()));
    for name in [
        "Action",
        "Version",
        "AccessKeyId",
        "SignatureMethod",
        "SignatureNonce",
        "Timestamp",
        "Format",
    ] {
        assert_eq!(send("GET", (name, ""), false), (400, format!("Missing{name}")));
    }
    assert_eq!(
        send("GET", ("Timestamp", "2026-01-02T03:20:05Z"), false).1,
        "InvalidTimeStamp.Expired"
    );
    assert_eq!(
        send("GET", ("AccessKeyId", "other"), false).1,
        "InvalidAccessKeyId.NotFound"
    );
    assert_eq!(
        send("GET", ("SignatureMethod", "HMAC-SHA256"), false).1,
        "InvalidParameter.SignatureMethod"
    );
    assert_eq!(send("GET", ("Format", "XML"), false).1, "InvalidParameter.Format");
    assert_eq!(
        send("GET", ("SecurityToken", "x"), false).1,
        "InvalidSecurityToken.MismatchWithAccessKey"
    );
}
