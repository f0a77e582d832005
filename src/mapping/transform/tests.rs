use proptest::prelude::*;

use super::*;

/// 2024-06-01T00:00:00Z
const NOW: i64 = 1_717_200_000;

fn chain(toml: &str) -> Result<Vec<Transform>, Mistake> {
    #[derive(serde::Deserialize)]
    struct Line {
        t: OneOrMany<TransformSpec>,
    }
    let line: Line = toml::from_str(&format!("t = {toml}")).expect(toml);
    Transform::compile_all(&line.t)
}

fn run(toml: &str, values: &[&str]) -> Result<Vec<Scalar>, (String, String)> {
    let values = values.iter().map(|value| Scalar::Text((*value).to_owned())).collect();
    chain(toml)
        .expect(toml)
        .iter()
        .try_fold(values, |values, link| link.apply(values, NOW))
}

fn texts(toml: &str, values: &[&str], expected: &[&str]) {
    let expected = expected.iter().map(|text| Scalar::Text((*text).to_owned())).collect();
    assert_eq!(run(toml, values), Ok(expected), "{toml} {values:?}");
}

fn truth(toml: &str, value: &str, expected: bool) {
    assert_eq!(
        run(toml, &[value]),
        Ok(vec![Scalar::Boolean(expected)]),
        "{toml} {value}"
    );
}

fn refused(toml: &str, value: &str, why: &str) {
    let (at_fault, message) = run(toml, &[value]).expect_err(value);
    assert_eq!(at_fault, value);
    assert!(message.contains(why), "{toml} {value}: {message}");
}

#[test]
fn text() {
    texts("'trim'", &["  a b "], &["a b"]);
    texts("'trim'", &["   "], &[]);
    texts("'lower'", &["ÄB"], &["äb"]);
    texts("'upper'", &["äb"], &["ÄB"]);
    texts("'nfc'", &["Zoe\u{308}"], &["Zoë"]);
    texts("['trim', 'lower']", &[" AB "], &["ab"]);
    texts("{ truncate = 2 }", &["äöü"], &["äö"]);
    texts("{ regex = '@.*$', replace = '' }", &["a@b.c"], &["a"]);
    texts(
        "{ regex = '^(\\w+), (\\w+)$', replace = '$2 $1' }",
        &["Doe, Jane"],
        &["Jane Doe"],
    );
    texts("{ regex = '.*', replace = '' }", &["a"], &[]);
    texts(
        "'postal-address'",
        &["1 Main St. $ Room \\24 5 $$ X \\5C Y"],
        &["1 Main St.\nRoom $ 5\nX \\ Y"],
    );
    refused("'postal-address'", "a\\b", "RFC 4517");
}

#[test]
fn several_values() {
    texts("{ split = ',' }", &["a, b,,c"], &["a", " b", "c"]);
    texts("{ split = ',', index = 1 }", &["a,b,c"], &["b"]);
    texts("{ split = ',', index = -1 }", &["a,b,c"], &["c"]);
    texts("{ split = ',', index = -4 }", &["a,b,c"], &[]);
    texts("{ split = ',', index = 3 }", &["a,b,c"], &[]);
    texts("{ join = '; ' }", &["a", "b"], &["a; b"]);
    texts("{ join = '; ' }", &[], &[]);
    texts("[{ split = ',' }, 'upper', { join = '-' }]", &["a,b"], &["A-B"]);
    texts("{ split = ' ', join = '_' }", &["a b"], &["a_b"]);
    texts("{ index = 1 }", &["a", "b"], &["b"]);
}

#[test]
fn distinguished_names() {
    texts("'dn-rdn'", &["cn=Doe\\, Jane,ou=R&D,o=x"], &["Doe, Jane"]);
    texts("{ dn_rdn = 'OU' }", &["cn=a,ou=R&D,ou=x"], &["R&D"]);
    texts("{ dn_rdn = 'l' }", &["cn=a,ou=b"], &[]);
    refused("'dn-rdn'", "Jane Doe", "not a distinguished name");
}

#[test]
fn times() {
    let check = |value: &str, expected: &str| texts("'generalized-time'", &[value], &[expected]);
    check("20240131120000Z", "2024-01-31T12:00:00Z");
    check("20240131120000.0Z", "2024-01-31T12:00:00Z");
    check("20240131120000,999Z", "2024-01-31T12:00:00Z");
    check("202401311200Z", "2024-01-31T12:00:00Z");
    check("2024013112Z", "2024-01-31T12:00:00Z");
    check("2024013112.5Z", "2024-01-31T12:30:00Z");
    check("202401311200.25Z", "2024-01-31T12:00:15Z");
    check("20240131120000+0130", "2024-01-31T10:30:00Z");
    check("20240131233000-05", "2024-02-01T04:30:00Z");
    check("20161231235960Z", "2017-01-01T00:00:00Z");
    for bad in [
        "",
        "2024",
        "20240231120000Z",
        "20240131250000Z",
        "20240131120000",
        "20240131120000.Z",
        "20240131120000+5",
        "20240131120000+99",
        "202401311200000Z",
        "tomorrow",
        "２０２４０１３１１２Z",
    ] {
        refused("'generalized-time'", bad, "not a GeneralizedTime");
    }
    texts("'windows-filetime'", &["133511760000000000"], &["2024-01-31T12:00:00Z"]);
    texts("'windows-filetime'", &["1"], &["1601-01-01T00:00:00Z"]);
    texts("'windows-filetime'", &["0"], &[]);
    texts("'windows-filetime'", &["9223372036854775807"], &[]);
    refused("'windows-filetime'", "9223372036854775806", "after the year 9999");
    refused("'windows-filetime'", "-1", "negative");
    refused("'windows-filetime'", "soon", "not a whole number");
    refused("'windows-filetime'", "9223372036854775808", "not a whole number");
}

#[test]
fn truths() {
    for (value, expected) in [
        ("TRUE", true),
        ("yes", true),
        ("1", true),
        (" on ", true),
        ("False", false),
        ("0", false),
        ("n", false),
    ] {
        truth("'bool'", value, expected);
        truth("['bool', 'not']", value, !expected);
        truth("'not'", value, !expected);
    }
    refused("'bool'", "maybe", "neither true nor false");
    truth("'ad-enabled'", "512", true);
    truth("'ad-enabled'", "514", false);
    truth("'ad-enabled'", "66050", false);
    truth("'ad-enabled'", "-2147483136", true);
    refused("'ad-enabled'", "0x200", "not a whole number");
    truth("'ad-not-expired'", "0", true);
    truth("'ad-not-expired'", "9223372036854775807", true);
    truth("'ad-not-expired'", "133512192000000000", false);
    truth("'ad-not-expired'", "933512192000000000", true);
    truth(
        "'ad-not-expired'",
        &((NOW + EPOCH_GAP_S) * 10_000_000).to_string(),
        false,
    );
    truth(
        "'ad-not-expired'",
        &((NOW + 1 + EPOCH_GAP_S) * 10_000_000).to_string(),
        true,
    );
    refused("'ad-not-expired'", "never", "not a whole number");
}

const EPOCH_GAP_S: i64 = 11_644_473_600;

#[test]
fn telephone_numbers() {
    let check = |value: &str, expected: &str| texts("'phone'", &[value], &[expected]);
    check("+49 (0) 30 / 123-456", "+4930123456");
    check("+49 (30) 123.456", "+4930123456");
    check("(030) 123 456", "030123456");
    check("(0)30 123", "030123");
    check("tel:+1-201-555-0123", "+12015550123");
    check("+1 201 555 0123 ext. 77", "+12015550123");
    check("+1 201 555 0123x77", "+12015550123");
    check("+1-201-555-0123;ext=77", "+12015550123");
    check("(+44) 20 7946 0000", "+442079460000");
    check("+44\u{A0}20\u{2011}7946", "+44207946");
    for bad in ["n/a", "call me", "+", "12+34", "+1 800 FLOWERS", "x12", "１２３"] {
        refused("'phone'", bad, "not a telephone number");
    }
}

#[test]
fn mistakes() {
    let check = |toml: &str, message: &str, hint: &str| {
        let mistake = chain(toml).expect_err(toml);
        assert!(mistake.message.contains(message), "{toml}: {mistake:?}");
        assert!(mistake.hint.contains(hint), "{toml}: {mistake:?}");
    };
    check("'lowr'", "no transform `lowr`", "did you mean `lower`?");
    check("'zzz'", "no transform `zzz`", "there are trim, lower");
    check("'truncate'", "no transform `truncate`", "takes an argument");
    check("'regex'", "no transform `regex`", "{ regex =");
    check("{}", "exactly one transform", "one table for each");
    check(
        "{ truncate = 3, dn_rdn = '' }",
        "exactly one transform",
        "one table for each",
    );
    check("{ regex = 'a' }", "go together", "an empty replace");
    check(
        "{ regex = '(', replace = '' }",
        "`(` is not a regular expression: error: unclosed group",
        "docs.rs/regex",
    );
    check("{ truncate = 0 }", "leaves nothing", "1 or more");
    check("{ split = '' }", "no separator", "between the parts");
    assert!(Transform::Lower.kind(Kind::Boolean).is_err());
    assert_eq!(Transform::Not.kind(Kind::Boolean), Ok(Kind::Boolean));
    assert_eq!(Transform::AdEnabled.kind(Kind::Text), Ok(Kind::Boolean));
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC*", digits in "[0-9.,+Z-]{0,24}", ticks in any::<i64>(), now in any::<i64>()) {
        for (_, transform) in &NAMED {
            for value in [&text, &digits, &ticks.to_string()] {
                let _ = transform.apply(vec![Scalar::Text(value.clone())], now);
            }
        }
    }
}
