//! The client against a small cloud with faults.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::net::TcpListener;

use super::{
    ScimClient,
    settings::Adopt,
    testing::{ANCHOR, Bench, Fault, TOKEN, ada, client, payload, profile, pushed},
};
use crate::{
    model::{Pushed, ResourceId},
    ports::{Created, Event, Observer, Probe, ProviderError, ServiceProvider},
    profile::UpdateVerb,
};

const BY_EXTERNAL_ID: &str = r#"GET Users?filter=externalId eq "anchor-1""#;
const BY_NAME: &str = r#"GET Users?filter=userName eq "ada""#;

fn id(text: &str) -> ResourceId {
    ResourceId(text.into())
}

/// The outcome of a create in one word.
fn word(result: &Result<Created, ProviderError>) -> &'static str {
    match result {
        Ok(Created::New(_)) => "new",
        Ok(Created::Adopted(_)) => "adopted",
        Ok(Created::AdoptedInUse(_)) => "adopted in use",
        Err(ProviderError::Conflict { .. }) => "conflict",
        Err(ProviderError::Refused { .. }) => "refused",
        Err(ProviderError::Gone) => "gone",
        Err(ProviderError::Unauthorized { .. }) => "unauthorized",
        Err(ProviderError::Unavailable { .. }) => "unavailable",
        Err(ProviderError::Cancelled) => "cancelled",
        Err(ProviderError::InDoubt { .. }) => "in doubt",
        Err(ProviderError::NotOurs { .. }) => "not ours",
    }
}

// --- create ---------------------------------------------------------------------------------------

/// No account is linked to anybody.
/// The words of a conflict that leaves open whether an account was made.
fn conflict_in_doubt(result: &Result<Created, ProviderError>) -> Option<&str> {
    match result {
        Err(ProviderError::InDoubt { cause }) => match &**cause {
            ProviderError::Conflict { detail } => Some(detail),
            _ => None,
        },
        _ => None,
    }
}

fn nobody(_: &ResourceId) -> bool {
    false
}

#[tokio::test]
async fn creates_with_one_request() {
    let bench = Bench::with(Adopt::Ours).await;
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::New(id("101")))
    );
    assert_eq!(bench.lines(), ["POST Users"]);
    assert_eq!(bench.client.requests_sent(), 1);
    let seen = bench.cloud.lock().unwrap().seen[0].clone();
    assert_eq!(seen.authorization, format!("Bearer {TOKEN}"));
    assert_eq!(seen.body["externalId"], json!(ANCHOR));
    let headers = seen.headers.to_lowercase();
    assert!(
        headers.contains(concat!("user-agent: scimward/", env!("CARGO_PKG_VERSION"))),
        "{headers}"
    );
    assert!(headers.contains("content-type: application/scim+json"), "{headers}");
    assert!(headers.contains("accept-encoding: gzip"), "{headers}");
}

#[tokio::test]
async fn a_conflict_is_settled_by_the_policy() {
    let check = async |policy, external_id: Option<&str>, expected| {
        let bench = Bench::with(policy).await;
        let holder = bench.holds(json!({"userName": "ADA", "externalId": external_id, "title": "old"}));
        let result = bench.client.create(&ada(), false, &nobody).await;
        assert_eq!(word(&result), expected, "{policy:?} {external_id:?} {result:?}");
        assert_eq!(bench.accounts(), 1);
        match result {
            Ok(Created::Adopted(adopted)) => {
                assert_eq!(adopted, id(&holder));
                assert_eq!(bench.account(&holder)["userName"], json!("ada"));
                assert_eq!(bench.account(&holder)["externalId"], json!(ANCHOR));
            }
            Err(ProviderError::Conflict { detail }) => {
                assert_eq!(bench.account(&holder)["title"], json!("old"), "left as it was");
                for part in [&holder, "\"ADA\"", external_id.unwrap_or("no externalId"), "adopt"] {
                    assert!(detail.contains(part), "{part:?} is not in {detail}");
                }
            }
            other => panic!("{other:?}"),
        }
    };
    for (policy, ours, unowned, foreign) in [
        (Adopt::Ours, "adopted", "conflict", "conflict"),
        (Adopt::Unowned, "adopted", "adopted", "conflict"),
        (Adopt::Any, "adopted", "adopted", "adopted"),
        (Adopt::Never, "conflict", "conflict", "conflict"),
    ] {
        check(policy, Some(ANCHOR), ours).await;
        check(policy, None, unowned).await;
        check(policy, Some("else"), foreign).await;
    }
}

#[tokio::test]
async fn our_account_under_another_name_is_found_by_external_id() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.holds(json!({"userName": "ada.old", "externalId": ANCHOR}));
    assert_eq!(
        bench.client.create(&ada(), true, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
    assert_eq!(bench.lines(), [BY_EXTERNAL_ID, "PUT Users/101"]);
    assert_eq!(bench.account("101")["userName"], json!("ada"));
}

#[tokio::test]
async fn look_up_first_posts_when_nothing_is_there() {
    let bench = Bench::with(Adopt::Ours).await;
    assert_eq!(
        bench.client.create(&ada(), true, &nobody).await,
        Ok(Created::New(id("101")))
    );
    assert_eq!(bench.lines(), [BY_EXTERNAL_ID, BY_NAME, "POST Users"]);
}

#[tokio::test]
async fn our_own_half_done_work_is_taken_up_under_any_policy() {
    let bench = Bench::with(Adopt::Never).await;
    bench.holds(json!({"userName": "ada", "externalId": ANCHOR}));
    assert_eq!(
        bench.client.create(&ada(), true, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
}

#[tokio::test]
async fn a_lost_answer_with_effect_makes_one_account() {
    for fault in [
        Fault::EffectThenDrop,
        Fault::EffectThenCut,
        Fault::EffectThenFlood,
        Fault::EffectThenSilence,
        Fault::EffectThen(500, "<html><title>oops</title></html>"),
        Fault::EffectThen(504, ""),
        Fault::EffectThen(201, "not json"),
        Fault::EffectThen(201, r#"{"id":".."}"#),
        Fault::EffectThen(202, ""),
    ] {
        let bench = Bench::with(Adopt::Ours).await.faults([fault]);
        assert_eq!(
            bench.client.create(&ada(), false, &nobody).await,
            Ok(Created::Adopted(id("101")))
        );
        assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, "PUT Users/101"]);
        assert_eq!(bench.accounts(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_without_effect_is_posted_again_after_a_look() {
    for fault in [
        Fault::Drop,
        Fault::Answer(503, "", ""),
        Fault::Answer(500, "retry-after: 0\r\n", "<p>no</p>"),
    ] {
        let bench = Bench::with(Adopt::Ours).await.faults([fault]);
        assert_eq!(
            bench.client.create(&ada(), false, &nobody).await,
            Ok(Created::New(id("101")))
        );
        assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, BY_NAME, "POST Users"]);
        assert_eq!(bench.accounts(), 1);
    }
}

#[tokio::test]
async fn an_answer_lost_every_time_still_makes_one_account() {
    let none = || Fault::None;
    let bench = Bench::with(Adopt::Ours).await.faults([
        Fault::Drop,
        none(),
        none(),
        Fault::Drop,
        none(),
        none(),
        Fault::EffectThenDrop,
    ]);
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
    assert_eq!(bench.accounts(), 1);
}

#[tokio::test]
async fn gives_up_on_a_cloud_that_only_fails() {
    let bench = Bench::with(Adopt::Ours).await;
    for _ in 0..3 {
        bench
            .cloud
            .lock()
            .unwrap()
            .faults
            .extend([Fault::Answer(500, "", "broken"), Fault::None, Fault::None]);
    }
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::Unavailable { reason, tries: 3 }) if reason.contains("broken")),
        "{result:?}"
    );
    assert_eq!(bench.lines().iter().filter(|line| *line == "POST Users").count(), 3);
}

#[tokio::test]
async fn a_promise_without_an_account_is_not_posted_twice() {
    let bench = Bench::with(Adopt::Ours).await.faults([Fault::Answer(202, "", "")]);
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "unavailable");
    assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, BY_NAME]);
}

#[tokio::test]
async fn a_conflict_with_somebody_invisible_says_so() {
    let bench = Bench::with(Adopt::Any).await;
    bench.holds(json!({"userName": "ada"}));
    bench.cloud.lock().unwrap().hides = true;
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::Conflict { detail }) if detail.contains("finds no such account")),
        "{result:?}"
    );
    assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, BY_NAME]);
}

#[tokio::test]
async fn a_cloud_that_ignores_filters_fools_nobody() {
    let bench = Bench::with(Adopt::Any).await;
    bench.cloud.lock().unwrap().ignores_filters = true;
    for name in ["bob", "Ada", "eve"] {
        bench.holds(json!({"userName": name}));
    }
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::Adopted(id("102")))
    );
    assert_eq!(bench.account("101")["userName"], json!("bob"));
}

#[tokio::test]
async fn a_part_of_a_list_proves_nothing() {
    let bench = Bench::with(Adopt::Any).await.faults([Fault::Drop]);
    bench.cloud.lock().unwrap().ignores_filters = true;
    for number in 0..60 {
        bench.holds(json!({"userName": format!("p{number}")}));
    }
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert!(
        matches!(conflict_in_doubt(&result), Some(detail) if detail.contains("ignores the filter")),
        "{result:?}"
    );
    assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, BY_NAME], "no second POST");
}

#[tokio::test]
async fn a_question_that_was_not_answered_is_asked_again_later() {
    const PAGE: Fault = Fault::Answer(404, "", "<html>no such page</html>");
    // Nobody answers by externalId, and nobody has the name: there may be an account of another name.
    let bench = Bench::with(Adopt::Ours).await.faults([Fault::EffectThenDrop, PAGE]);
    bench.cloud.lock().unwrap().hides = true;
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "unavailable");
    assert_eq!(bench.lines(), ["POST Users", BY_EXTERNAL_ID, BY_NAME]);
    let bench = Bench::with(Adopt::Ours).await.faults([PAGE]);
    assert!(matches!(
        bench.client.find_own(&ada(), &nobody).await,
        Err(ProviderError::Unavailable { .. })
    ));
    // A provider that refuses the filter as such has answered, so the name decides.
    const NO_FILTER: Fault = Fault::Answer(400, "", r#"{"scimType": "invalidFilter", "status": "400"}"#);
    let bench = Bench::with(Adopt::Ours).await.faults([NO_FILTER]);
    assert_eq!(bench.client.find_own(&ada(), &nobody).await, Ok(None));
}

#[tokio::test]
async fn a_404_answers_a_search_only_where_the_profile_says_so() {
    const NOBODY: Fault = Fault::Answer(404, "", r#"{"status": "404"}"#);
    for (says_so, find_own, create) in [(false, "unavailable", "unavailable"), (true, "nothing", "new")] {
        let mut profile = profile(UpdateVerb::Put);
        profile.wire.no_match_is_404 = says_so;
        let bench = Bench::new(Adopt::Ours, profile.clone()).await.faults([NOBODY, NOBODY]);
        let found = bench.client.find_own(&ada(), &nobody).await;
        assert_eq!(found.map_or_else(|_| "unavailable", |_| "nothing"), find_own);
        let bench = Bench::new(Adopt::Ours, profile).await.faults([NOBODY, NOBODY]);
        assert_eq!(word(&bench.client.create(&ada(), true, &nobody).await), create);
        assert_eq!(bench.accounts(), usize::from(says_so));
    }
}

#[tokio::test]
async fn a_conflict_that_nobody_could_look_into_is_in_doubt() {
    // Something on the way may have sent the POST twice: then the account in the way is this person's.
    const TAKEN: Fault = Fault::Answer(409, "", "");
    const NO_ENTRY: Fault = Fault::Answer(403, "", "");
    for faults in [vec![TAKEN, NO_ENTRY], vec![TAKEN, Fault::None, NO_ENTRY]] {
        let bench = Bench::with(Adopt::Ours).await.faults(faults);
        bench.holds(json!({"userName": "ada", "externalId": ANCHOR}));
        assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "in doubt");
    }
    let bench = Bench::with(Adopt::Ours).await;
    bench.holds(json!({"userName": "ada", "externalId": "somebody else"}));
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "conflict");
}

#[tokio::test]
async fn an_adoption_takes_no_access_away() {
    let off = payload(pushed(
        &json!({"userName": "ada", "externalId": ANCHOR, "active": false}),
    ));
    for (active, word_of_it) in [
        (json!(true), "adopted in use"),
        (json!(null), "adopted in use"),
        (json!(false), "adopted"),
    ] {
        let bench = Bench::with(Adopt::Ours).await;
        bench.holds(json!({"userName": "ada", "externalId": ANCHOR, "active": active}));
        assert_eq!(word(&bench.client.create(&off, false, &nobody).await), word_of_it);
        assert_eq!(bench.account("101")["active"], json!(word_of_it == "adopted in use"));
    }
}

#[tokio::test]
async fn several_matches_are_nobodys_to_choose() {
    let bench = Bench::with(Adopt::Any).await;
    bench.holds(json!({"userName": "a1", "externalId": ANCHOR}));
    bench.holds(json!({"userName": "a2", "externalId": ANCHOR}));
    let result = bench.client.create(&ada(), true, &nobody).await;
    assert!(
        matches!(conflict_in_doubt(&result), Some(detail) if detail.contains("101") && detail.contains("102")),
        "{result:?}"
    );
    assert_eq!(bench.lines(), [BY_EXTERNAL_ID]);
}

#[tokio::test]
async fn a_cloud_that_takes_over_silently_is_asked_before_the_post() {
    let mut takeover = profile(UpdateVerb::Put);
    takeover.silent_takeover = true;
    let bench = Bench::new(Adopt::Ours, takeover.clone()).await;
    bench.holds(json!({"userName": "ada"}));
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "conflict");
    assert_eq!(bench.lines(), [BY_EXTERNAL_ID, BY_NAME], "no POST");

    let bench = Bench::new(Adopt::Unowned, takeover).await;
    bench.holds(json!({"userName": "ada"}));
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
}

#[tokio::test]
async fn only_what_the_profile_can_filter_on_is_asked() {
    let mut huawei = profile(UpdateVerb::Put);
    huawei.filterable = vec!["userName".into(), "id".into()];
    let bench = Bench::new(Adopt::Ours, huawei).await;
    bench.holds(json!({"userName": "ada", "externalId": ANCHOR}));
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
    assert_eq!(bench.lines(), ["POST Users", BY_NAME, "PUT Users/101"]);
}

#[tokio::test]
async fn a_mapped_external_id_is_what_proves_ownership() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.holds(json!({"userName": "ada", "externalId": "E-17"}));
    let person = payload(pushed(&json!({"userName": "ada", "externalId": "E-17"})));
    assert_eq!(
        bench.client.create(&person, false, &nobody).await,
        Ok(Created::Adopted(id("101")))
    );
}

#[tokio::test]
async fn bad_data_is_refused_in_the_clouds_words() {
    let check = async |status, headers, body, expected: &str| {
        let bench = Bench::with(Adopt::Ours)
            .await
            .faults([Fault::Answer(status, headers, body)]);
        let detail = expected.to_owned();
        assert_eq!(
            bench.client.create(&ada(), false, &nobody).await,
            Err(ProviderError::Refused { status, detail })
        );
        assert_eq!(bench.lines(), ["POST Users"]);
    };
    check(
        400,
        "",
        "<html><title>Bad Request</title></html>",
        "a web page: Bad Request",
    )
    .await;
    check(
        400,
        "x-amzn-RequestId: r-1\r\n",
        r#"{"detail":"no sn"}"#,
        "no sn (request id r-1)",
    )
    .await;
    check(413, "", "", "no explanation given").await;
}

#[tokio::test]
async fn a_400_that_means_not_unique_is_a_conflict() {
    let fault = Fault::Answer(400, "", r#"{"scimType":"uniqueness","detail":"taken"}"#);
    let bench = Bench::with(Adopt::Ours).await.faults([fault]);
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "conflict");
}

#[tokio::test]
async fn probing_changes_nothing() {
    let check = async |external_id: Option<&str>, expected: &str| {
        let bench = Bench::with(Adopt::Ours).await;
        bench.holds(json!({"userName": "ada", "externalId": external_id}));
        let found = match bench.client.probe(&ada(), &nobody).await.unwrap() {
            Probe::Nothing => "nothing",
            Probe::Adoptable { .. } => "adoptable",
            Probe::Foreign { .. } => "foreign",
        };
        assert_eq!(found, expected);
        assert!(bench.lines().iter().all(|line| line.starts_with("GET ")));
    };
    check(Some(ANCHOR), "adoptable").await;
    check(Some("else"), "foreign").await;
    check(None, "foreign").await;
    assert_eq!(
        Bench::with(Adopt::Ours).await.client.probe(&ada(), &nobody).await,
        Ok(Probe::Nothing)
    );
}

// --- change ---------------------------------------------------------------------------------------

async fn updated(faults: impl IntoIterator<Item = Fault>) -> (Result<(), ProviderError>, Bench) {
    let bench = Bench::with(Adopt::Ours).await.faults(faults);
    bench.holds(json!({"userName": "ada"}));
    (bench.client.update(&id("101"), &Pushed::default(), &ada()).await, bench)
}

#[tokio::test]
async fn any_2xx_is_a_success_with_or_without_a_body() {
    for fault in [
        Fault::None,
        Fault::EffectThen(204, ""),
        Fault::EffectThen(202, ""),
        Fault::EffectThen(200, "fine"),
        Fault::EffectThenCut,
        Fault::EffectThenFlood,
    ] {
        let (result, bench) = updated([fault]).await;
        assert_eq!(result, Ok(()));
        assert_eq!(bench.lines(), ["PUT Users/101"]);
    }
}

#[tokio::test]
async fn a_web_page_is_no_success_whatever_its_status() {
    const PAGE: &str = "<!doctype html><html><title>Sign in</title></html>";
    let (result, bench) = updated([Fault::Answer(200, "", PAGE)]).await;
    assert_eq!(result, Ok(()));
    assert_eq!(bench.lines(), ["PUT Users/101"; 2]);
    let (result, bench) = updated([200, 200, 200].map(|status| Fault::Answer(status, "", PAGE))).await;
    assert!(
        matches!(&result, Err(ProviderError::Unavailable { reason, .. }) if reason.contains("Sign in")),
        "{result:?}"
    );
    assert_eq!(bench.account("101"), json!({"userName": "ada", "id": "101"}));
    let bench = Bench::with(Adopt::Ours).await.faults([Fault::Answer(201, "", PAGE)]);
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert_eq!(
        result,
        Ok(Created::New(id("101"))),
        "looked up, not found, posted again"
    );
}

#[tokio::test]
async fn changes_are_repeated_until_they_are_through() {
    for fault in [
        Fault::Drop,
        Fault::EffectThenDrop,
        Fault::EffectThenSilence,
        Fault::Answer(429, "", ""),
    ] {
        let (result, bench) = updated([fault, Fault::Answer(502, "", "")]).await;
        assert_eq!(result, Ok(()));
        assert_eq!(bench.lines(), ["PUT Users/101"; 3]);
        assert_eq!(bench.client.requests_sent(), 3);
    }
}

#[tokio::test]
async fn a_conflict_is_tried_once_more_and_then_names_the_holder() {
    let (result, bench) = updated([Fault::Answer(409, "", ""), Fault::None]).await;
    assert_eq!((result, bench.lines().len()), (Ok(()), 2));

    let bench = Bench::with(Adopt::Ours).await;
    bench.holds(json!({"userName": "ada.old"}));
    bench.holds(json!({"userName": "ada", "externalId": "else"}));
    let result = bench.client.update(&id("101"), &Pushed::default(), &ada()).await;
    assert!(
        matches!(&result, Err(ProviderError::Conflict { detail }) if detail.contains("102") && detail.contains("taken")),
        "{result:?}"
    );
    assert_eq!(bench.lines(), ["PUT Users/101", "PUT Users/101", BY_NAME]);
}

#[tokio::test]
async fn a_refusal_says_nothing_of_a_try_that_was_lost_before() {
    const NO: Fault = Fault::Answer(400, "", r#"{"status": "400"}"#);
    let check = async |faults: Vec<Fault>, expected: &str| {
        let (result, _) = updated(faults).await;
        let is = match &result {
            Err(ProviderError::Refused { status: 400, .. }) => "refused",
            Err(ProviderError::InDoubt { cause }) if matches!(**cause, ProviderError::Refused { status: 400, .. }) => {
                "in doubt"
            }
            _ => "something else",
        };
        assert_eq!(is, expected, "{result:?}");
    };
    check(vec![NO], "refused").await;
    check(vec![Fault::Answer(429, "", ""), NO], "refused").await;
    check(vec![Fault::Answer(503, "", ""), NO], "in doubt").await;
    check(vec![Fault::EffectThenDrop, NO], "in doubt").await;
}

#[tokio::test]
async fn a_404_is_believed_when_it_is_the_clouds_own() {
    let (result, _) = updated([Fault::Answer(404, "", r#"{"status":"404"}"#)]).await;
    assert_eq!(result, Err(ProviderError::Gone));
    let (result, _) = updated([Fault::Answer(404, "", "")]).await;
    assert_eq!(result, Err(ProviderError::Gone));
    let (result, _) = updated([Fault::Answer(404, "", "<title>nginx</title>")]).await;
    assert!(matches!(result, Err(ProviderError::Unavailable { .. })), "{result:?}");
}

#[tokio::test]
async fn what_is_gone_is_proved_by_a_look_up_that_was_answered() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.holds(json!({"userName": "ada"}));
    assert_eq!(bench.client.is_gone(&id("101"), &ada()).await, Ok(false));
    assert_eq!(bench.client.delete(&id("101")).await, Ok(()));
    assert_eq!(bench.client.delete(&id("101")).await, Err(ProviderError::Gone));
    assert_eq!(bench.client.is_gone(&id("101"), &ada()).await, Ok(true));
    assert_eq!(bench.accounts(), 0);
    for answer in [
        Fault::Answer(404, "", r#"{"error_code": "APIGW.0101", "error_msg": "no such API"}"#),
        Fault::Answer(200, "", r#"{"message": "welcome"}"#),
        Fault::Answer(200, "", r#"{"totalResults": 1, "Resources": []}"#),
    ] {
        let bench = Bench::with(Adopt::Ours).await.faults([answer]);
        assert_eq!(
            bench.client.is_gone(&id("101"), &ada()).await,
            Ok(false),
            "that proves nothing"
        );
    }
}

#[tokio::test]
async fn deactivates_with_one_patch() {
    let bench = Bench::new(Adopt::Ours, profile(UpdateVerb::PutAndPatchActive)).await;
    bench.holds(json!({"userName": "ada"}));
    assert_eq!(bench.client.deactivate(&id("101"), &ada()).await, Ok(()));
    assert_eq!(bench.lines(), ["PATCH Users/101"]);
}

#[tokio::test]
async fn an_id_cannot_leave_its_place() {
    let bench = Bench::with(Adopt::Ours).await;
    let deleted = bench.client.delete(&id("../Groups/1?x=y#z")).await;
    assert_eq!(deleted, Err(ProviderError::Gone));
    let seen = bench.cloud.lock().unwrap().seen[0].headers.clone();
    assert!(
        seen.starts_with("DELETE /scim/v2/Users/..%2FGroups%2F1%3Fx%3Dy%23z HTTP/1.1"),
        "{seen}"
    );
    for dots in [".", ".."] {
        assert_eq!(
            bench.client.update(&id(dots), &Pushed::default(), &ada()).await,
            Err(ProviderError::Gone)
        );
    }
    assert_eq!(bench.lines().len(), 1, "nothing was sent for ids of dots");
}

// --- token, redirects, pace -----------------------------------------------------------------------

#[tokio::test]
async fn a_401_ends_the_run() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.cloud.lock().unwrap().token = "rotated".into();
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::Unauthorized { status: 401, detail }) if detail.contains("who are you")),
        "{result:?}"
    );
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "cancelled");
    assert_eq!(bench.lines(), ["POST Users"], "one refusal speaks for all");
    assert!(!bench.stop.is_cancelled(), "the daemon goes on");
}

#[tokio::test]
async fn a_token_that_was_rotated_is_read_again_once() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.cloud.lock().unwrap().token = "rotated".into();
    *bench.token.lock().unwrap() = "rotated".into();
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::New(id("101")))
    );
    assert_eq!(bench.lines(), ["POST Users"; 2]);

    *bench.token.lock().unwrap() = "wrong again".into();
    bench.cloud.lock().unwrap().token = "third".into();
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "unauthorized");
    assert_eq!(bench.lines().len(), 4, "not for ever");
}

#[tokio::test]
async fn a_create_in_doubt_is_said_to_be_so_when_the_run_ends_first() {
    let bench = Bench::with(Adopt::Ours)
        .await
        .faults([Fault::Answer(500, "", ""), Fault::Answer(401, "", "")]);
    let result = bench.client.create(&ada(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::InDoubt { cause }) if matches!(**cause, ProviderError::Unauthorized { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_403_ends_the_run() {
    let (result, bench) = updated([Fault::Answer(403, "retry-after: 1\r\n", "")]).await;
    assert!(
        matches!(result, Err(ProviderError::Unauthorized { status: 403, .. })),
        "{result:?}"
    );
    assert_eq!(bench.lines().len(), 1);
}

#[tokio::test]
async fn the_token_is_not_in_what_the_cloud_says() {
    let (result, _) = updated([Fault::Answer(
        400,
        "",
        r#"{"detail":"bad header: Bearer s3cr3t-t0ken"}"#,
    )])
    .await;
    let text = format!("{result:?}");
    assert!(text.contains("[token]") && !text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/scim/v2/Users", elsewhere.local_addr().unwrap());
    let headers: &'static str = Box::leak(format!("location: {target}\r\n").into_boxed_str());
    for status in [301, 302, 307, 308] {
        let bench = Bench::with(Adopt::Ours)
            .await
            .faults([Fault::Answer(status, headers, "")]);
        let result = bench.client.create(&ada(), false, &nobody).await;
        assert!(
            matches!(&result, Err(ProviderError::Unauthorized { detail, .. }) if detail.contains(&target)),
            "{result:?}"
        );
        assert_eq!(bench.lines(), ["POST Users"]);
    }
    let visited = tokio::select! {
        biased;
        _ = elsewhere.accept() => true,
        () = tokio::task::yield_now() => false,
    };
    assert!(!visited);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_unreachable() {
    let mut bench = Bench::with(Adopt::Ours).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    bench.settings.endpoint = format!("http://{closed}/");
    let lost = client(&bench.settings, profile(UpdateVerb::Put), &bench.token, &bench.stop);
    let result = lost.create(&ada(), false, &nobody).await;
    assert!(
        matches!(&result, Err(ProviderError::Unavailable { reason, tries: 3 }) if reason.contains("cannot reach")),
        "{result:?}"
    );
    assert_eq!(
        lost.requests_sent(),
        3,
        "a POST that never left is repeated without a look-up"
    );
}

#[tokio::test]
async fn a_stopped_client_sends_nothing_more() {
    let bench = Bench::with(Adopt::Ours).await;
    bench.stop.cancel();
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Err(ProviderError::Cancelled)
    );
    assert_eq!(bench.client.requests_sent(), 0);
}

/// Remembers the pauses it was told of, in seconds.
#[derive(Default)]
struct Pauses(Mutex<Vec<u64>>);

impl Observer for Pauses {
    fn event(&self, event: &Event) {
        if let Event::Paused { delay } = event {
            self.0.lock().unwrap().push(delay.as_secs());
        }
    }
}

#[tokio::test]
async fn the_lane_pauses_for_retry_after_in_both_forms() {
    let in_an_hour = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let date: &'static str =
        Box::leak(format!("retry-after: {}\r\n", httpdate::fmt_http_date(in_an_hour)).into_boxed_str());
    for (headers, pause) in [
        ("retry-after: 17\r\n", 17),
        ("retry-after: 99999\r\n", 300),
        (date, 300),
    ] {
        let bench = Bench::with(Adopt::Ours).await.faults([Fault::Answer(429, headers, "")]);
        let pauses = Arc::new(Pauses::default());
        let bench_client = observed(&bench, pauses.clone());
        let (target, before, person) = (id("101"), Pushed::default(), ada());
        let waiting = bench_client.update(&target, &before, &person);
        tokio::pin!(waiting);
        // Until the pause begins; then there is nothing to wait for but the clock.
        let mut result = None;
        while result.is_none() && pauses.0.lock().unwrap().is_empty() {
            tokio::select! {
                biased;
                ended = &mut waiting => result = Some(ended),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(*pauses.0.lock().unwrap(), [pause]);
        bench.stop.cancel();
        let result = match result {
            Some(result) => result,
            None => waiting.await,
        };
        let expected = if pause > 20 { "Unavailable" } else { "Cancelled" };
        assert!(format!("{result:?}").contains(expected), "{result:?}");
        assert_eq!(bench.lines().len(), 1);
    }
}

fn observed(bench: &Bench, observer: Arc<Pauses>) -> ScimClient {
    let mut client = client(&bench.settings, profile(UpdateVerb::Put), &bench.token, &bench.stop);
    client.observer = observer;
    client
}

#[tokio::test]
async fn retry_after_zero_means_now() {
    let (result, bench) = updated([
        Fault::Answer(429, "retry-after: 0\r\n", ""),
        Fault::Answer(503, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ""),
    ])
    .await;
    assert_eq!((result, bench.lines().len()), (Ok(()), 3));
}

#[tokio::test]
async fn a_post_refused_with_429_is_repeated_without_a_look() {
    let bench = Bench::with(Adopt::Ours).await.faults([Fault::Answer(429, "", "")]);
    assert_eq!(
        bench.client.create(&ada(), false, &nobody).await,
        Ok(Created::New(id("101")))
    );
    assert_eq!(bench.lines(), ["POST Users", "POST Users"]);
}

#[tokio::test]
async fn gzip_and_odd_encodings_do_no_harm() {
    let bench =
        Bench::with(Adopt::Ours)
            .await
            .faults([Fault::Answer(400, "content-encoding: gzip\r\n", "this is no gzip")]);
    assert_eq!(word(&bench.client.create(&ada(), false, &nobody).await), "refused");
}

// --- check ----------------------------------------------------------------------------------------

#[tokio::test]
async fn check_says_what_it_finds() {
    use super::Severity::{Error, Fine, Warning};
    let check = async |bench: &Bench, expected: &[super::Severity]| {
        let findings = bench.client.check().await;
        let severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, expected, "{findings:?}");
    };
    let bench = Bench::with(Adopt::Ours).await;
    check(&bench, &[Fine, Fine]).await;
    bench
        .cloud
        .lock()
        .unwrap()
        .faults
        .push_back(Fault::Answer(404, "", "<html>"));
    check(&bench, &[Fine, Fine]).await;
    bench.cloud.lock().unwrap().ignores_filters = true;
    bench.holds(json!({"userName": "bob"}));
    check(&bench, &[Fine, Warning]).await;
    bench.cloud.lock().unwrap().token = "other".into();
    check(&bench, &[Error]).await;
}
