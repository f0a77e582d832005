//! Groups against the small cloud, by the rules of every built-in profile.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::request;
use crate::{
    model::{Resource, ResourceId},
    ports::{
        Created, FoundGroup, GroupPayload, GroupProvider, GroupReader, ListFrom, Match, MemberChange, MembersTold,
        Probe, ProviderError,
    },
    profile::{GroupUpdate, MembersReturned, Profile},
    scim::{
        settings::Adopt,
        testing::{Bench, Fault},
    },
};

const ANCHOR: &str = "g-anchor";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn id(text: &str) -> ResourceId {
    ResourceId(text.into())
}

fn ids(texts: &[&str]) -> Vec<ResourceId> {
    texts.iter().map(|text| id(text)).collect()
}

fn change(add: &[&str], remove: &[&str]) -> MemberChange {
    MemberChange {
        add: ids(add),
        remove: ids(remove),
    }
}

fn attributes(flat: &Json) -> Resource {
    serde_json::from_value(flat.clone()).unwrap()
}

fn group(flat: &Json) -> GroupPayload {
    GroupPayload {
        external_id: ANCHOR.into(),
        resource: attributes(flat),
    }
}

fn vpn() -> GroupPayload {
    group(&json!({"displayName": "VPN", "externalId": ANCHOR}))
}

fn nobody(_: &ResourceId) -> bool {
    false
}

fn named(profile: &str) -> Profile {
    Profile::named(profile).unwrap()
}

async fn bench(profile: &str, adopt: Adopt) -> Bench {
    Bench::new(adopt, named(profile)).await
}

/// A cloud for groups that has only PUT.
async fn put_only() -> Bench {
    let mut profile = named("generic");
    profile.groups.update = GroupUpdate::Put;
    Bench::new(Adopt::Ours, profile).await
}

/// What was asked, as `METHOD path body`.
fn asked(bench: &Bench) -> Vec<String> {
    let cloud = bench.cloud.lock().unwrap();
    let line = |seen: &crate::scim::testing::Seen| match &seen.body {
        Json::Null => seen.line.clone(),
        body => format!("{} {body}", seen.line),
    };
    cloud.seen.iter().map(line).collect()
}

fn patch(operations: Json) -> Json {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

// --- what is sent ---------------------------------------------------------------------------------

#[test]
fn a_group_is_created_empty() {
    let request = request::create(&vpn());
    assert_eq!((request.method, request.path.as_str()), ("POST", "Groups"));
    let body = json!({"schemas": [GROUP], "displayName": "VPN", "externalId": ANCHOR});
    assert_eq!(request.body, Some(body));
}

#[test]
fn members_are_taken_out_in_the_spelling_of_the_profile() {
    let one_by_one = json!([
        {"op": "remove", "path": r#"members[value eq "1"]"#},
        {"op": "remove", "path": r#"members[value eq "a\"b\\c"]"#},
        {"op": "add", "path": "members", "value": [{"value": "2"}, {"value": "3"}]},
    ]);
    let with_a_list = json!([
        {"op": "remove", "path": "members", "value": [{"value": "1"}, {"value": r#"a"b\c"#}]},
        {"op": "add", "path": "members", "value": [{"value": "2"}, {"value": "3"}]},
    ]);
    for (profile, expected) in [
        ("huawei", &one_by_one),
        ("alibaba", &one_by_one),
        ("generic", &one_by_one),
        ("aws", &with_a_list),
    ] {
        let change = change(&["2", "3"], &["1", r#"a"b\c"#]);
        let request = request::change_members(&named(profile), &id("g/1"), &change);
        assert_eq!((request.method, request.path.as_str()), ("PATCH", "Groups/g%2F1"));
        assert_eq!(request.body, Some(patch(expected.clone())), "{profile}");
    }
}

#[test]
fn only_what_is_needed_is_in_a_change_of_members() {
    for profile in Profile::NAMES {
        let operations = |change| {
            let body = request::change_members(&named(profile), &id("1"), &change)
                .body
                .unwrap();
            body["Operations"].as_array().unwrap().len()
        };
        assert_eq!(operations(change(&["1", "2", "3"], &[])), 1, "{profile}");
        assert_eq!(operations(change(&[], &["1"])), 1, "{profile}");
    }
}

#[test]
fn renames_send_the_difference() {
    let check = |before: Json, after: Json, expected: Json| {
        let request = request::update(&id("7"), &attributes(&before), &group(&after));
        assert_eq!((request.method, request.path.as_str()), ("PATCH", "Groups/7"));
        assert_eq!(request.body, Some(patch(expected)));
    };
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    check(
        json!({"displayName": "a", "externalId": "x"}),
        json!({"displayName": "b", "externalId": "x"}),
        json!([replace("displayName", "b")]),
    );
    check(
        json!({"displayName": "a", "externalId": "x"}),
        json!({"displayName": "a"}),
        json!([{"op": "remove", "path": "externalId"}]),
    );
    let all = json!([replace("displayName", "a"), replace("externalId", "x")]);
    check(json!({}), json!({"displayName": "a", "externalId": "x"}), all.clone());
    let same = json!({"displayName": "a", "externalId": "x"});
    check(same.clone(), same, all);
}

#[test]
fn look_ups_are_quoted_and_leave_members_out() {
    let check = |profile, path: &str| {
        let request = request::find(&named(profile), "displayName", r#"a "b" \ c&d"#);
        assert_eq!((request.method, request.path.as_str()), ("GET", path));
    };
    let filter = "Groups?filter=displayName%20eq%20%22a%20%5C%22b%5C%22%20%5C%5C%20c%26d%22";
    check("huawei", filter);
    check("aws", filter);
    check("alibaba", filter);
    check("generic", &format!("{filter}&excludedAttributes=members"));
}

// --- create ---------------------------------------------------------------------------------------

#[tokio::test]
async fn creates_where_nothing_is_there() {
    let post = format!(r#"POST Groups {{"displayName":"VPN","externalId":"g-anchor","schemas":["{GROUP}"]}}"#);
    let by_external_id = r#"GET Groups?filter=externalId eq "g-anchor""#;
    let by_name = r#"GET Groups?filter=displayName eq "VPN""#;
    let brief = |line: &str| format!("{line}&excludedAttributes=members");
    for (profile, expected) in [
        ("huawei", vec![post.clone()]),
        ("aws", vec![post.clone()]),
        ("alibaba", vec![post.clone()]),
        // Its names need not be unique, so a POST would not tell.
        ("generic", vec![brief(by_external_id), brief(by_name), post.clone()]),
    ] {
        let bench = bench(profile, Adopt::Ours).await;
        let created = bench.client.create_group(&vpn(), false, &nobody).await;
        assert_eq!(created, Ok(Created::New(id("101"))), "{profile}");
        assert_eq!(asked(&bench), expected, "{profile}");
    }
    for (profile, expected) in [
        ("huawei", vec![by_name, post.as_str()]),
        ("aws", vec![by_external_id, by_name, post.as_str()]),
        ("alibaba", vec![by_external_id, by_name, post.as_str()]),
    ] {
        let bench = bench(profile, Adopt::Ours).await;
        let created = bench.client.create_group(&vpn(), true, &nobody).await;
        assert_eq!(created, Ok(Created::New(id("101"))), "{profile}");
        assert_eq!(asked(&bench), expected, "{profile}, looking first");
    }
}

#[tokio::test]
async fn a_group_of_that_name_is_settled_by_the_policy() {
    let check = async |profile, policy, external_id: Option<&str>, adopted: bool| {
        let bench = bench(profile, policy).await;
        let holder = bench.has_group(json!({"displayName": "VPN", "externalId": external_id}), &["u1"]);
        let result = bench.client.create_group(&vpn(), false, &nobody).await;
        let what = format!("{profile} {policy:?} {external_id:?} {result:?}");
        let there = bench.cloud.lock().unwrap().groups.all[&holder]["externalId"].clone();
        match result {
            Ok(Created::Adopted(there)) => assert!(adopted && there == id(&holder), "{what}"),
            Err(ProviderError::Conflict { ref detail }) => {
                assert!(!adopted, "{what}");
                for part in [
                    &holder,
                    "group",
                    "\"VPN\"",
                    external_id.unwrap_or("no externalId"),
                    "adopt",
                ] {
                    assert!(detail.contains(part), "{part:?} is not in {detail}");
                }
                assert!(!detail.contains("userName") && !detail.contains("person"), "{detail}");
            }
            _ => panic!("{what}"),
        }
        assert_eq!(
            there,
            if adopted { json!(ANCHOR) } else { json!(external_id) },
            "{what}"
        );
        assert_eq!(bench.members(&holder), ["u1"], "{what}");
        assert_eq!(bench.cloud.lock().unwrap().groups.all.len(), 1, "{what}");
    };
    for profile in Profile::NAMES {
        for (policy, ours, unowned, foreign) in [
            (Adopt::Ours, true, false, false),
            (Adopt::Unowned, true, true, false),
            (Adopt::Any, true, true, true),
            (Adopt::Never, false, false, false),
        ] {
            check(profile, policy, Some(ANCHOR), ours).await;
            check(profile, policy, None, unowned).await;
            check(profile, policy, Some("else"), foreign).await;
        }
    }
}

#[tokio::test]
async fn adoption_names_nobody() {
    let bench = bench("huawei", Adopt::Unowned).await;
    bench.has_group(json!({"displayName": "VPN"}), &["u1"]);
    bench.client.create_group(&vpn(), false, &nobody).await.unwrap();
    let told = patch(json!([
        {"op": "replace", "path": "displayName", "value": "VPN"},
        {"op": "replace", "path": "externalId", "value": ANCHOR},
    ]));
    assert_eq!(
        asked(&bench)[1..],
        [
            r#"GET Groups?filter=displayName eq "VPN""#.to_owned(),
            format!("PATCH Groups/101 {told}")
        ]
    );
}

#[tokio::test]
async fn a_group_that_is_linked_is_another_group() {
    for profile in Profile::NAMES {
        let bench = bench(profile, Adopt::Any).await;
        bench.has_group(json!({"displayName": "VPN", "externalId": ANCHOR}), &[]);
        let result = bench.client.create_group(&vpn(), true, &|_: &ResourceId| true).await;
        assert!(
            matches!(&result, Err(ProviderError::Conflict { detail }) if detail.contains("another group")),
            "{profile} {result:?}"
        );
    }
}

#[tokio::test]
async fn names_are_compared_as_the_cloud_compares_them() {
    let check = async |profile, expected: &str| {
        let bench = bench(profile, Adopt::Any).await;
        bench.has_group(json!({"displayName": "vpn"}), &[]);
        let result = bench.client.create_group(&vpn(), true, &nobody).await;
        let word = match result {
            Ok(Created::New(_)) => "new",
            Ok(Created::Adopted(_)) => "adopted",
            other => panic!("{other:?}"),
        };
        assert_eq!(word, expected, "{profile}");
    };
    check("huawei", "new").await;
    check("aws", "new").await;
    check("alibaba", "adopted").await;
    check("generic", "adopted").await;
}

#[tokio::test]
async fn of_several_names_that_differ_in_case_the_exact_one_is_meant() {
    let bench = bench("generic", Adopt::Any).await;
    bench.has_group(json!({"displayName": "vpn"}), &[]);
    bench.has_group(json!({"displayName": "VPN"}), &[]);
    bench.has_group(json!({"displayName": "Vpn"}), &[]);
    let adopted = bench.client.create_group(&vpn(), false, &nobody).await;
    assert_eq!(adopted, Ok(Created::Adopted(id("102"))));

    let two = bench_with_two_of_one_name().await;
    let result = two.client.create_group(&vpn(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::Conflict { detail }) if detail.contains("several groups match")),
        "{result:?}"
    );
}

async fn bench_with_two_of_one_name() -> Bench {
    let bench = bench("generic", Adopt::Any).await;
    bench.has_group(json!({"displayName": "VPN"}), &[]);
    bench.has_group(json!({"displayName": "VPN"}), &[]);
    bench
}

#[tokio::test]
async fn a_lost_answer_makes_one_group() {
    for profile in Profile::NAMES {
        for (fault, expected) in [
            (Fault::EffectThenDrop, Created::Adopted(id("101"))),
            (Fault::EffectThenCut, Created::Adopted(id("101"))),
            (Fault::EffectThen(504, ""), Created::Adopted(id("101"))),
            (Fault::EffectThen(201, ""), Created::Adopted(id("101"))),
            (Fault::Drop, Created::New(id("101"))),
            (Fault::Answer(503, "", ""), Created::New(id("101"))),
        ] {
            // The generic one is asked twice before the POST.
            let looks = if profile == "generic" { 2 } else { 0 };
            let faults = vec![Fault::None; looks].into_iter().chain([fault]);
            let bench = bench(profile, Adopt::Never).await.faults(faults);
            let created = bench.client.create_group(&vpn(), false, &nobody).await;
            assert_eq!(created, Ok(expected), "{profile} {:?}", bench.lines());
            assert_eq!(bench.cloud.lock().unwrap().groups.all.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_create_in_doubt_is_said_to_be_so() {
    let bench = bench("huawei", Adopt::Ours)
        .await
        .faults([Fault::EffectThenDrop, Fault::Answer(401, "", "")]);
    let result = bench.client.create_group(&vpn(), false, &nobody).await;
    assert!(matches!(result, Err(ProviderError::InDoubt { .. })), "{result:?}");
    let next = bench.client.delete_group(&id("101")).await;
    assert_eq!(next, Err(ProviderError::Cancelled), "one refusal speaks for all");
}

// --- change ---------------------------------------------------------------------------------------

#[tokio::test]
async fn a_rename_is_one_request_without_members() {
    for profile in Profile::NAMES {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "old", "externalId": ANCHOR}), &["u1", "u2"]);
        let before = attributes(&json!({"displayName": "old", "externalId": ANCHOR}));
        assert_eq!(bench.client.update_group(&id("101"), &before, &vpn()).await, Ok(()));
        let told = patch(json!([{"op": "replace", "path": "displayName", "value": "VPN"}]));
        assert_eq!(asked(&bench), [format!("PATCH Groups/101 {told}")]);
        assert_eq!(bench.members("101"), ["u1", "u2"]);
    }
}

#[tokio::test]
async fn a_rename_into_a_name_in_use_names_the_holder() {
    let bench = bench("huawei", Adopt::Ours).await;
    bench.has_group(json!({"displayName": "old"}), &[]);
    bench.has_group(json!({"displayName": "VPN"}), &[]);
    let before = attributes(&json!({"displayName": "old"}));
    let result = bench.client.update_group(&id("101"), &before, &vpn()).await;
    assert!(
        matches!(&result, Err(ProviderError::Conflict { detail }) if detail.contains("group 102")),
        "{result:?}"
    );
}

#[tokio::test]
async fn members_come_and_go_in_one_request() {
    for profile in Profile::NAMES {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "VPN"}), &["u1", "u2", "stranger"]);
        let change = change(&["u3", "u2"], &["u1", "u9"]);
        assert_eq!(bench.client.change_members(&id("101"), &change).await, Ok(()));
        assert_eq!(bench.lines(), ["PATCH Groups/101"], "{profile}");
        let members: BTreeSet<_> = bench.members("101").into_iter().collect();
        assert_eq!(members, ["stranger", "u2", "u3"].map(str::to_owned).into());
    }
}

#[tokio::test]
async fn a_change_of_nobody_sends_nothing() {
    let bench = bench("huawei", Adopt::Ours).await;
    assert_eq!(
        bench.client.change_members(&id("1"), &MemberChange::default()).await,
        Ok(())
    );
    assert_eq!(bench.client.requests_sent(), 0);
}

#[tokio::test]
async fn a_change_of_members_is_repeated_until_it_is_through() {
    for profile in Profile::NAMES {
        for fault in [
            Fault::Drop,
            Fault::EffectThenDrop,
            Fault::EffectThen(500, ""),
            Fault::Answer(503, "retry-after: 0\r\n", ""),
            Fault::Answer(429, "", ""),
            Fault::Answer(409, "", r#"{"detail": "busy"}"#),
        ] {
            let bench = bench(profile, Adopt::Ours).await.faults([fault]);
            bench.has_group(json!({"displayName": "VPN"}), &["u1"]);
            let change = change(&["u2"], &["u1"]);
            assert_eq!(bench.client.change_members(&id("101"), &change).await, Ok(()));
            assert_eq!(bench.lines(), ["PATCH Groups/101"; 2], "{profile}");
            assert_eq!(bench.members("101"), ["u2"], "{profile}");
        }
    }
}

#[tokio::test]
async fn any_2xx_is_a_success() {
    for fault in [
        Fault::EffectThen(204, ""),
        Fault::EffectThen(200, r#"{"id": "101"}"#),
        Fault::EffectThen(202, ""),
        Fault::EffectThen(200, "fine"),
        Fault::EffectThenFlood,
    ] {
        let bench = bench("aws", Adopt::Ours).await.faults([fault]);
        bench.has_group(json!({"displayName": "VPN"}), &[]);
        let change = change(&["u2"], &[]);
        assert_eq!(bench.client.change_members(&id("101"), &change).await, Ok(()));
        assert_eq!(bench.lines(), ["PATCH Groups/101"]);
    }
}

#[tokio::test]
async fn removals_that_find_nobody_are_done() {
    let bench = bench("generic", Adopt::Ours).await;
    bench.has_group(json!({"displayName": "VPN"}), &["u1", "u3", "u4"]);
    bench.cloud.lock().unwrap().groups.minds_no_target = true;
    let change = change(&["u5"], &["u1", "u2", "u3", "u4"]);
    assert_eq!(bench.client.change_members(&id("101"), &change).await, Ok(()));
    assert_eq!(bench.members("101"), ["u5"]);
}

#[tokio::test]
async fn a_404_may_be_about_the_group_or_about_one_of_the_people() {
    for profile in ["huawei", "aws", "alibaba"] {
        let bench = bench(profile, Adopt::Ours).await;
        bench.holds(json!({"userName": "ada"}));
        bench.has_group(json!({"displayName": "VPN"}), &[]);
        bench.cloud.lock().unwrap().groups.people = Some(["101".to_owned()].into());
        let result = bench
            .client
            .change_members(&id("102"), &change(&["101", "gone"], &[]))
            .await;
        assert_eq!(result, Err(ProviderError::Gone));
        assert_eq!(bench.client.has_person(&id("101")).await, Ok(true));
        assert_eq!(bench.client.has_person(&id("gone")).await, Ok(false));
        assert_eq!(bench.client.group_is_gone(&id("102"), &vpn()).await, Ok(false));
        assert_eq!(bench.lines()[1..3], ["GET Users/101", "GET Users/gone"]);
    }
}

#[tokio::test]
async fn a_400_about_one_person_may_mean_the_same() {
    let bench = bench("generic", Adopt::Ours).await;
    bench.holds(json!({"userName": "ada"}));
    bench.has_group(json!({"displayName": "VPN"}), &[]);
    bench.cloud.lock().unwrap().groups.people = Some(BTreeSet::new());
    let result = async |add: &[&str]| bench.client.change_members(&id("102"), &change(add, &[])).await;
    let is_refused = |result| matches!(result, Err(ProviderError::Refused { status: 400, .. }));
    assert!(is_refused(result(&["101", "gone"]).await), "it may be anybody");
    assert!(is_refused(result(&["101"]).await), "she is there");
    assert_eq!(result(&["gone"]).await, Err(ProviderError::Gone));
    assert_eq!(
        bench.lines(),
        [
            "PATCH Groups/102",
            "PATCH Groups/102",
            "GET Users/101",
            "PATCH Groups/102",
            "GET Users/gone",
            "GET Groups/gone"
        ]
    );
}

#[tokio::test]
async fn what_is_no_account_proves_nothing_about_a_person() {
    for fault in [
        Fault::Answer(404, "", "<title>nginx</title>"),
        Fault::Answer(200, "", r#"{"message": "welcome"}"#),
        Fault::Answer(200, "", ""),
    ] {
        let bench = bench("huawei", Adopt::Ours).await.faults([fault]);
        let result = bench.client.has_person(&id("7")).await;
        assert!(matches!(result, Err(ProviderError::Unavailable { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn what_is_gone_is_proved_by_look_ups_that_were_answered() {
    for profile in Profile::NAMES {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "VPN", "externalId": ANCHOR}), &["u1"]);
        assert_eq!(bench.client.group_is_gone(&id("101"), &vpn()).await, Ok(false));
        assert_eq!(bench.client.delete_group(&id("101")).await, Ok(()));
        assert_eq!(bench.client.delete_group(&id("101")).await, Err(ProviderError::Gone));
        assert_eq!(bench.client.group_is_gone(&id("101"), &vpn()).await, Ok(true));
    }
    for answer in [
        Fault::Answer(404, "", r#"{"status": "404"}"#),
        Fault::Answer(200, "", r#"{"message": "welcome"}"#),
        Fault::Answer(200, "", r#"{"totalResults": 1, "Resources": []}"#),
    ] {
        let bench = bench("huawei", Adopt::Ours).await.faults([answer]);
        assert_eq!(bench.client.group_is_gone(&id("101"), &vpn()).await, Ok(false));
    }
}

#[tokio::test]
async fn a_group_that_was_renamed_there_is_not_gone() {
    let check = async |profile, expected| {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "renamed by hand", "externalId": ANCHOR}), &[]);
        assert_eq!(
            bench.client.group_is_gone(&id("101"), &vpn()).await,
            Ok(expected),
            "{profile}"
        );
    };
    check("aws", false).await;
    check("alibaba", false).await;
    check("generic", false).await;
    // Nothing but the name can be asked for; a 404 of its own address comes before this question.
    check("huawei", true).await;
}

// --- read -----------------------------------------------------------------------------------------

#[tokio::test]
async fn members_are_read_where_they_are_told() {
    for (profile, told) in [("huawei", false), ("aws", false), ("alibaba", true), ("generic", true)] {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "VPN"}), &["u1", "u2"]);
        let members = bench.client.members(&id("101")).await;
        assert_eq!(members, Ok(told.then(|| ids(&["u1", "u2"]))), "{profile}");
        let expected: &[&str] = if told { &["GET Groups/101"] } else { &[] };
        assert_eq!(bench.lines(), expected, "{profile}");
    }
}

#[tokio::test]
async fn a_group_of_50_000_is_read_although_no_other_answer_may_be_so_long() {
    let bench = bench("generic", Adopt::Ours).await;
    bench.has_group(json!({"displayName": "VPN", "externalId": ANCHOR}), &[]);
    let reference = "x".repeat(200);
    let member = |number| json!({"value": format!("u{number}"), "$ref": reference});
    let members: Json = (0..50_000).map(member).collect();
    bench.cloud.lock().unwrap().groups.all.get_mut("101").unwrap()["members"] = members;
    let members = bench.client.members(&id("101")).await.unwrap().unwrap();
    assert_eq!(members.len(), 50_000);
    // A look-up leaves them out.
    let again = bench.client.create_group(&vpn(), true, &nobody).await;
    assert_eq!(again, Ok(Created::Adopted(id("101"))));
}

#[tokio::test]
async fn only_the_group_itself_tells_its_members() {
    let check = async |status, body: &'static str, expected: Result<&[&str], bool>| {
        let bench = bench("generic", Adopt::Ours)
            .await
            .faults([Fault::Answer(status, "", body)]);
        match (bench.client.members(&id("7")).await, expected) {
            (Ok(Some(members)), Ok(expected)) => assert_eq!(members, ids(expected), "{body}"),
            (Err(ProviderError::Gone), Err(true)) | (Err(ProviderError::Unavailable { .. }), Err(false)) => {}
            (other, _) => panic!("{body}: {other:?}"),
        }
    };
    check(200, r#"{"id": "7"}"#, Ok(&[])).await;
    check(200, r#"{"id": 7, "members": null}"#, Ok(&[])).await;
    check(
        200,
        r#"{"id": "7", "members": [{"value": 5}, {"display": "x"}]}"#,
        Ok(&["5"]),
    )
    .await;
    check(200, r#"{"id": "8", "members": []}"#, Err(false)).await;
    check(200, r#"{"id": "7", "members": "many"}"#, Err(false)).await;
    check(200, "[]", Err(false)).await;
    check(200, "", Err(false)).await;
    check(404, r#"{"status": "404"}"#, Err(true)).await;
    check(404, "no route", Err(false)).await;
}

#[tokio::test]
async fn probing_a_group_tells_its_members_where_that_can_be_known() {
    for (profile, told) in [("huawei", false), ("aws", false), ("alibaba", true), ("generic", true)] {
        let bench = bench(profile, Adopt::Unowned).await;
        let nothing = bench.client.probe_group(&vpn(), &nobody).await.unwrap();
        assert_eq!(
            nothing,
            FoundGroup {
                probe: Probe::Nothing,
                members: None
            }
        );
        bench.has_group(json!({"displayName": "VPN"}), &["u1"]);
        let found = bench.client.probe_group(&vpn(), &nobody).await.unwrap();
        assert!(
            matches!(&found.probe, Probe::Adoptable { user_name, .. } if user_name == "VPN"),
            "{found:?}"
        );
        assert_eq!(found.members, told.then(|| ids(&["u1"])), "{profile}");
        assert!(bench.lines().iter().all(|line| line.starts_with("GET ")));

        let theirs = group(&json!({"displayName": "VPN"}));
        let taken = |_: &ResourceId| true;
        let found = bench.client.probe_group(&theirs, &taken).await.unwrap();
        assert!(matches!(found.probe, Probe::Foreign { .. }) && found.members.is_none());
    }
}

#[tokio::test]
async fn chunks_are_the_clouds_or_ours() {
    for (profile, chunk) in [("huawei", 100), ("aws", 100), ("alibaba", 500), ("generic", 500)] {
        assert_eq!(
            bench(profile, Adopt::Ours).await.client.member_chunk(),
            chunk,
            "{profile}"
        );
    }
}

// --- looked at and not changed ----------------------------------------------------------------------

#[tokio::test]
async fn who_is_in_a_group_is_learned_as_the_cloud_tells_it() {
    for (profile, told) in [
        ("generic", MembersTold::WithTheGroup),
        ("alibaba", MembersTold::WithTheGroup),
        ("aws", MembersTold::ByPerson),
        ("huawei", MembersTold::Never),
    ] {
        let bench = bench(profile, Adopt::Ours).await;
        bench.has_group(json!({"displayName": "VPN", "externalId": ANCHOR}), &["u1"]);
        assert_eq!(bench.client.members_told(), told, "{profile}");
        let group = bench.client.group(&id("101")).await.unwrap().unwrap();
        assert_eq!(group.resource.text("displayName"), Some("VPN"), "{profile}");
        let shown = (told == MembersTold::WithTheGroup).then(|| ids(&["u1"]));
        assert_eq!(group.members, shown, "{profile}: an empty list there is no list");
        assert_eq!(bench.client.group(&id("102")).await, Ok(None), "{profile}");
        if told != MembersTold::ByPerson {
            let asked = bench.lines().len();
            assert_eq!(bench.client.groups_of(&id("u1")).await, Ok(None), "{profile}");
            assert_eq!(bench.lines().len(), asked, "{profile}: nothing is asked in vain");
        }
        let theirs = bench.client.group_of(&vpn(), &nobody).await;
        assert!(
            matches!(&theirs, Ok(Match::Theirs(group)) if group.id == id("101")),
            "{profile}: {theirs:?}"
        );
    }
}

#[tokio::test]
async fn a_page_of_groups_leaves_members_out() {
    let page = r#"{"totalResults": 1, "Resources": [{"id": "7", "displayName": "VPN", "externalId": "a"}]}"#;
    for (profile, line) in [
        (
            "generic",
            "GET Groups?startIndex=1&count=100&excludedAttributes=members",
        ),
        ("alibaba", "GET Groups?startIndex=1&count=100"),
        ("aws", "GET Groups?cursor&count=100"),
    ] {
        let bench = bench(profile, Adopt::Ours).await.faults([Fault::Answer(200, "", page)]);
        let listed = bench.client.list_groups(&ListFrom::Start).await.unwrap();
        assert_eq!(bench.lines(), [line]);
        assert_eq!(listed.accounts.len(), 1);
        assert_eq!(listed.accounts[0].external_id(), Some("a"));
    }
}

#[tokio::test]
async fn the_groups_of_a_person_are_known_from_a_whole_list_only() {
    let check = async |status, body: &'static str, expected: Result<Option<Vec<ResourceId>>, ()>| {
        let bench = bench("aws", Adopt::Ours)
            .await
            .faults([Fault::Answer(status, "", body)]);
        let told = bench.client.groups_of(&id("u 1")).await;
        assert_eq!(told.map_err(drop), expected, "{status} {body}");
        assert_eq!(
            bench.lines(),
            ["GET Groups?filter=members.value eq \"u 1\""],
            "{status} {body}"
        );
    };
    let two = r#"{"totalResults": 2, "Resources": [{"id": "7"}, {"id": "9", "members": []}]}"#;
    check(200, two, Ok(Some(ids(&["7", "9"])))).await;
    check(200, r#"{"totalResults": 0, "Resources": []}"#, Ok(Some(Vec::new()))).await;
    check(200, r#"{"totalResults": 3, "Resources": [{"id": "7"}]}"#, Ok(None)).await;
    check(200, r#"{"nextCursor": "x", "Resources": [{"id": "7"}]}"#, Ok(None)).await;
    check(200, "{}", Err(())).await;
    check(200, "[]", Err(())).await;
    check(404, r#"{"status": "404"}"#, Err(())).await;
    check(400, r#"{"status": "400"}"#, Err(())).await;
}

// --- clouds with PUT only --------------------------------------------------------------------------

#[tokio::test]
async fn put_sends_back_whoever_is_not_named() {
    let bench = put_only().await;
    bench.has_group(
        json!({"displayName": "VPN", "externalId": ANCHOR, "meta": {"version": "1"}, "note": "by hand"}),
        &["u1", "u2"],
    );
    assert_eq!(
        bench
            .client
            .change_members(&id("101"), &change(&["u3", "u2"], &["u1"]))
            .await,
        Ok(())
    );
    let whole = json!({
        "displayName": "VPN", "externalId": ANCHOR, "note": "by hand", "members": [{"value": "u2"}, {"value": "u3"}],
    });
    assert_eq!(
        asked(&bench),
        ["GET Groups/101".to_owned(), format!("PUT Groups/101 {whole}")]
    );

    let again = bench.client.change_members(&id("101"), &change(&["u3"], &["u1"])).await;
    assert_eq!(
        (again, bench.lines().len()),
        (Ok(()), 3),
        "nothing to change, nothing sent"
    );
}

#[tokio::test]
async fn put_renames_without_touching_members() {
    let bench = put_only().await;
    bench.has_group(json!({"displayName": "old", "externalId": "x"}), &["u1"]);
    let before = attributes(&json!({"displayName": "old", "externalId": "x"}));
    let after = group(&json!({"displayName": "VPN"}));
    assert_eq!(bench.client.update_group(&id("101"), &before, &after).await, Ok(()));
    let whole = json!({"displayName": "VPN", "members": [{"value": "u1"}]});
    assert_eq!(asked(&bench)[1], format!("PUT Groups/101 {whole}"));
}

#[tokio::test]
async fn put_is_not_sent_when_the_members_are_not_known() {
    for body in [
        "",
        "{}",
        r#"{"id": "102"}"#,
        r#"{"id": "101", "members": {}}"#,
        r#"{"id": "101", "members": [{"display": "who?"}]}"#,
    ] {
        let bench = put_only().await.faults([Fault::Answer(200, "", body)]);
        bench.has_group(json!({"displayName": "VPN"}), &["u1"]);
        let result = bench.client.change_members(&id("101"), &change(&["u2"], &[])).await;
        assert!(
            matches!(result, Err(ProviderError::Unavailable { .. })),
            "{body} {result:?}"
        );
        assert_eq!(bench.lines(), ["GET Groups/101"]);
    }
}

#[tokio::test]
async fn put_reads_again_after_a_conflict() {
    let bench = put_only().await.faults([Fault::None, Fault::Answer(412, "", "{}")]);
    bench.has_group(json!({"displayName": "VPN"}), &["u1"]);
    assert_eq!(
        bench.client.change_members(&id("101"), &change(&["u2"], &[])).await,
        Ok(())
    );
    assert_eq!(
        bench.lines(),
        ["GET Groups/101", "PUT Groups/101", "GET Groups/101", "PUT Groups/101"]
    );
    assert_eq!(bench.members("101"), ["u1", "u2"]);
}

#[test]
fn no_built_in_profile_replaces_members() {
    for name in Profile::NAMES {
        let profile = named(name);
        assert_eq!(profile.groups.update, GroupUpdate::Patch, "{name}");
        let readable = !matches!(name, "huawei" | "aws");
        assert_eq!(
            profile.groups.members_returned != MembersReturned::Never,
            readable,
            "{name}"
        );
    }
}
