use super::*;

fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        query: None,
        authorization: None,
        content_type: None,
        body: Vec::new(),
    }
}

fn plan(specs: &[&str]) -> FaultPlan {
    let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
    FaultPlan::parse(&specs, 7).unwrap()
}

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
        html: false,
        when: When::Before,
    }
}

#[test]
fn every_fault_can_be_written() {
    let check = |spec: &str, expected: Fault, words: &str| {
        assert_eq!(
            plan(&[spec]).next(&request("POST", "Users")),
            Some(expected.clone()),
            "{spec}"
        );
        assert_eq!(expected.to_string(), words, "{spec}");
    };
    let answer = |status, retry_after, html, when| Fault::Status {
        status,
        retry_after,
        html,
        when,
    };
    check("status=500", status(500), "500 before the effect");
    check(" status = 409 ", status(409), "409 before the effect");
    check(
        "status=500,after-effect",
        answer(500, None, false, When::After),
        "500 after the effect",
    );
    check(
        "status=503,retry-after=2",
        answer(503, Some(RetryAfter::Seconds(2)), false, When::Before),
        "503 before the effect, Retry-After 2 s",
    );
    check(
        "retry-after=date:2,status=429",
        answer(429, Some(RetryAfter::Date(2)), false, When::Before),
        "429 before the effect, Retry-After a date in 2 s",
    );
    check(
        "html",
        answer(502, None, true, When::Before),
        "502 before the effect, as a web page",
    );
    check(
        "html,status=200,after-effect",
        answer(200, None, true, When::After),
        "200 after the effect, as a web page",
    );
    check("reset=before", Fault::Reset(When::Before), "reset before the effect");
    check("reset=after", Fault::Reset(When::After), "reset after the effect");
    check(
        "delay=35s",
        Fault::Delay(Duration::from_secs(35)),
        "answer delayed by 35 s",
    );
    check(
        "delay=500ms",
        Fault::Delay(Duration::from_millis(500)),
        "answer delayed by 0.5 s",
    );
    check(
        "delay=2m",
        Fault::Delay(Duration::from_secs(120)),
        "answer delayed by 120 s",
    );
    check("truncate", Fault::Truncate, "answer truncated");
    check("race", Fault::Race(Rival::Stranger), "a stranger was faster");
    check("race=twin", Fault::Race(Rival::Twin), "a second client was faster");
}

#[test]
fn rules_are_for_some_requests_only() {
    let check = |spec: &str, method: &str, path: &str, expected: bool| {
        let met = plan(&[spec]).next(&request(method, path));
        assert_eq!(met.is_some(), expected, "{spec}: {method} {path}");
    };
    check("truncate", "GET", "ServiceProviderConfig", true);
    check("truncate,method=POST", "POST", "Users", true);
    check("truncate,method=post", "POST", "Users", true);
    check("truncate,method=POST", "GET", "Users", false);
    check("truncate,method=POST|PATCH", "PATCH", "Users/1", true);
    check("truncate,path=/Users", "GET", "Users", true);
    check("truncate,path=/Users", "PUT", "Users/1", true);
    check("truncate,path=/Users", "GET", "Groups", false);
    check("truncate,path=/Users", "GET", "UsersOfOthers", false);
    check("truncate,path=/Users/*", "PUT", "Users/1", true);
    check("truncate,path=/Users/*", "GET", "Users", false);
    check("truncate,path=/Users$", "GET", "Users", true);
    check("truncate,path=/Users$", "GET", "Users/1", false);
    check("truncate,path=/", "GET", "Users/1", true);
    check("race", "POST", "Users", true);
    check("race", "POST", "Groups", false);
    check("race", "PUT", "Users/1", false);
}

#[test]
fn requests_are_counted_as_they_fit() {
    let check = |spec: &str, expected: &[usize]| {
        let mut plan = plan(&[spec]);
        let struck: Vec<usize> = (1..=12)
            .filter(|_| {
                assert_eq!(plan.next(&request("GET", "Groups")), None);
                plan.next(&request("POST", "Users")).is_some()
            })
            .collect();
        assert_eq!(struck, expected, "{spec}");
    };
    check("truncate,path=/Users,nth=3", &[3]);
    check("truncate,path=/Users,from=11", &[11, 12]);
    check("truncate,path=/Users,to=2", &[1, 2]);
    check("truncate,path=/Users,from=4,to=5", &[4, 5]);
    check("truncate,path=/Users,every=5", &[5, 10]);
    check("truncate,path=/Users,every=5,from=3", &[7, 12]);
    check("truncate,path=/Users,nth=13", &[]);
}

#[test]
fn the_first_rule_wins_and_all_of_them_count() {
    let mut plan = plan(&["status=500,nth=2", "status=503,from=2,to=3"]);
    let met: Vec<_> = (0..4).map(|_| plan.next(&request("GET", "Users"))).collect();
    assert_eq!(met, [None, Some(status(500)), Some(status(503)), None]);
    assert_eq!(FaultPlan::default().next(&request("GET", "Users")), None);
}

fn by_chance(seed: u64, order: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut plan = FaultPlan::parse(&["truncate,p=0.25".to_owned()], seed).unwrap();
    let mut struck: Vec<u32> = order
        .filter(|number| plan.next(&request("GET", &format!("Users/{}", number / 4))).is_some())
        .collect();
    struck.sort_unstable();
    struck
}

#[test]
fn chance_is_repeated_by_its_seed() {
    let struck = by_chance(1, 0..4000);
    assert_eq!(struck, by_chance(1, 0..4000));
    assert_ne!(struck, by_chance(2, 0..4000));
    assert!((900..1100).contains(&struck.len()), "{} of 4000", struck.len());
    // The second try of a request is tossed for anew.
    let mut plan = FaultPlan::parse(&["truncate,p=0.5".to_owned()], 1).unwrap();
    let fates: Vec<bool> = (0..64).map(|_| plan.next(&request("GET", "Users")).is_some()).collect();
    assert!(fates.contains(&true) && fates.contains(&false), "{fates:?}");
}

#[test]
fn chance_does_not_depend_on_the_order_of_requests() {
    let struck = |numbers: &mut dyn Iterator<Item = u32>| {
        let mut plan = FaultPlan::parse(&["truncate,p=0.25".to_owned()], 1).unwrap();
        let mut paths: Vec<String> = numbers
            .map(|number| format!("Users/{number}"))
            .filter(|path| plan.next(&request("GET", path)).is_some())
            .collect();
        paths.sort();
        paths
    };
    assert_eq!(struck(&mut (0..200)), struck(&mut (0..200).rev()));
}

fn mistakes(specs: &[&str]) -> FaultMistakes {
    let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
    FaultPlan::parse(&specs, 7).unwrap_err()
}

#[test]
fn a_mistake_is_shown_with_its_place_and_its_mending() {
    insta::assert_snapshot!(mistakes(&["status=500", "stats=500,nth=0", "truncate,p=2"]), @r#"
    3 mistakes in the fault plan

    1. --fault number 2: "stats" is not known
        |
        | stats=500,nth=0
        | ^^^^^^^^^
      to mend: did you mean status?

    2. --fault number 2: nth=0 is not at least 1
        |
        | stats=500,nth=0
        |           ^^^^^
      to mend: write which request, counted from 1, e.g. nth=3

    3. --fault number 3: p=2 is not above 0 and at most 1
        |
        | truncate,p=2
        |          ^^^
      to mend: write a probability, e.g. p=0.1 for one request in ten
    "#);
}

#[test]
fn every_mistake_is_found() {
    let check = |spec: &str, expected: &[&str]| {
        let FaultMistakes(found) = mistakes(&[spec]);
        let words: Vec<String> = found
            .iter()
            .map(|mistake| format!("{}|{}", &mistake.text[mistake.at.clone()], mistake.problem))
            .collect();
        assert_eq!(words, expected, "{spec}");
        assert!(found.iter().all(|mistake| !mistake.mend.is_empty()));
    };
    check("", &["|does not say what goes wrong"]);
    check("path=/Users", &["|does not say what goes wrong"]);
    check("truncate,,nth=1", &["|nothing between two commas"]);
    check("truncate=1", &["truncate=1|truncate takes no value"]);
    check("html=no", &["html=no|html takes no value"]);
    check("status", &["status|status has no number that can be read"]);
    check(
        "status=+500",
        &["status=+500|status=+500 has no number that can be read"],
    );
    check("status=5xx", &["status=5xx|status=5xx has no number that can be read"]);
    check("status=600", &["status=600|status=600 is not from 100 to 599"]);
    check("status=200", &["status=200|200 is not an error"]);
    check("status=204,html", &["status=204|204 is not an error"]);
    check("reset", &["reset|reset is not something reset can be"]);
    check("reset=now", &["reset=now|reset=now is not something reset can be"]);
    check("race=me", &["race=me|race=me is not something race can be"]);
    check("delay=35", &["delay=35|delay=35 is not a time"]);
    check("delay=s", &["delay=s|delay=s has no number that can be read"]);
    check("delay=ö", &["delay=ö|delay=ö is not a time"]);
    check("delay=61m", &["delay=61m|delay=61m is more than an hour"]);
    check(
        "truncate,after-effect",
        &["after-effect|after-effect goes with an answer"],
    );
    check(
        "reset=before,retry-after=1",
        &["retry-after=1|retry-after=1 goes with an answer"],
    );
    check(
        "status=503,retry-after=soon",
        &["retry-after=soon|retry-after=soon has no number that can be read"],
    );
    check(
        "status=503,retry-after=date:100000",
        &["retry-after=date:100000|retry-after=date:100000 is not from 0 to 86400"],
    );
    check(
        "truncate,status=500",
        &["status=500|status=500 beside truncate: one rule, one fault"],
    );
    check("truncate,truncate", &["truncate|truncate is there twice"]);
    check("truncate,method=FETCH", &["method=FETCH|\"FETCH\" is not a method"]);
    check(
        "truncate,path=Users",
        &["path=Users|path=Users does not begin with a slash"],
    );
    check(
        "truncate,path=/scim/v2/Users",
        &["path=/scim/v2/Users|path=/scim/v2/Users has the endpoint in it"],
    );
    check(
        "truncate,path=/Users?filter=x",
        &["path=/Users?filter=x|path=/Users?filter=x has a query; only the path is compared"],
    );
    check(
        "race,path=/Users",
        &["path=/Users|path=/Users beside race, which is for POST /Users"],
    );
    check("truncate,nth=0", &["nth=0|nth=0 is not at least 1"]);
    check(
        "truncate,nth=1,from=2",
        &["from=2|from=2 beside nth, which is one request already"],
    );
    check(
        "truncate,from=3,to=2",
        &["to=2|to=2 is before from=3, so no request is left"],
    );
    check("truncate,every=0", &["every=0|every=0 is not at least 1"]);
    check("truncate,p=1.5", &["p=1.5|p=1.5 is not above 0 and at most 1"]);
    check("truncate,p=NaN", &["p=NaN|p=NaN is not above 0 and at most 1"]);
    check(
        "nonsense=1,methd=GET,nth=x",
        &[
            "nonsense=1|\"nonsense\" is not known",
            "methd=GET|\"methd\" is not known",
            "nth=x|nth=x has no number that can be read",
        ],
    );
}
