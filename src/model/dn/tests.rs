use proptest::{prelude::*, sample::select};

use super::*;

#[test]
fn normal_forms() {
    let check = |dn: &str, expected: &str| assert_eq!(normalize(dn).as_deref(), Some(expected), "{dn}");
    check("", "");
    check(
        "uid=jdoe,ou=People,dc=example,dc=com",
        "uid=jdoe,ou=people,dc=example,dc=com",
    );
    check(
        "UID = JDoe , OU=  People  &  Co ,DC=Example",
        "uid=jdoe,ou=people & co,dc=example",
    );
    check(
        "commonName=a,2.5.4.11=b,OID.0.9.2342.19200300.100.1.25=c",
        "cn=a,ou=b,dc=c",
    );
    check(r"cn=Smith\, John,o=x", r"cn=smith\, john,o=x");
    check(r"cn=Smith\2C John,o=x", r"cn=smith\, john,o=x");
    check(r"cn=Smith\2c\20\20John\20,o=x", r"cn=smith\, john,o=x");
    check(r#"cn="Smith, John",o=x"#, r"cn=smith\, john,o=x");
    check("cn=#0403416461,o=x", "cn=ada,o=x");
    check("cn=#0C03416461 ,o=x", "cn=ada,o=x");
    check("cn=#02012A,o=x", "cn=#02012a,o=x");
    check(r"cn=\#02012A,o=x", r"cn=\#02012a,o=x");
    check("uid=b+CN=a,o=x", "cn=a+uid=b,o=x");
    check("cn=a + uid=b;o=x", "cn=a+uid=b,o=x");
    check(r"cn=Lu\C4\8Di\C4\87", "cn=lučić");
    check("cn=LUČIĆ", "cn=lučić");
    check(r"cn=a\FFb", r"cn=\x61ff62");
    check("cn=a=b", "cn=a=b");
    check("cn=,o=x", "cn=,o=x");
    check("cn=a\nb", "cn=a b");
}

#[test]
fn what_is_not_a_name() {
    for text in [
        "jdoe",
        "cn=a,",
        ",cn=a",
        "cn=a,,o=x",
        "=a",
        "c n=a",
        r"cn=a\",
        r"cn=a\x",
        r"cn=a\4",
        "cn=#",
        "cn=#0",
        r#"cn="a"#,
        r#"cn="a"b"#,
        r#"cn=a"b"#,
        "cn=a,b",
        "jdoe@example.com",
    ] {
        assert_eq!(normalize(text), None, "{text}");
        assert!(!DnKey::of(text).is_none());
    }
    assert_eq!(DnKey::of("JDoe"), DnKey::of(" jdoe "));
}

#[test]
fn values_of_rdns() {
    let check = |dn: &str, attribute: &str, expected: Option<&str>| {
        assert_eq!(rdn_value(dn, attribute).as_deref(), expected, "{dn} {attribute}");
    };
    check("CN=Doe\\, Jane,OU=R\\26D,DC=x", "", Some("Doe, Jane"));
    check("CN=Doe\\, Jane,OU=R\\26D,DC=x", "ou", Some("R&D"));
    check("CN=a,OU=b,OU=c", "organizationalUnitName", Some("b"));
    check("CN=a+UID=b,OU=c", "uid", Some("b"));
    check("CN=  Jane  ,OU=c", "cn", Some("Jane"));
    check("CN=a", "ou", None);
    check("jane", "", None);
    check("cn=\\FF", "", None);
    check("", "", None);
}

#[test]
fn subtrees() {
    let check = |dn: &str, base: &str, expected: bool| assert_eq!(is_below(dn, base), expected, "{dn} {base}");
    check("uid=a,ou=People,dc=x", "OU=people, DC=X", true);
    check("ou=people,dc=x", "ou=people,dc=x", true);
    check("uid=a,dc=x", "", true);
    check("uid=a,ou=mypeople,dc=x", "ou=people,dc=x", false);
    check(r"uid=a\,ou=people,dc=x", "ou=people,dc=x", false);
    check(r"uid=a\\,ou=people,dc=x", "ou=people,dc=x", true);
    check("dc=x", "uid=a,dc=x", false);
    check("nonsense", "dc=x", false);
}

#[test]
fn raw_names_keep_every_byte() {
    assert_eq!(text(b"cn=a,o=x"), "cn=a,o=x");
    assert_eq!(text(b"cn=\xFFa\xC3\xA9"), "cn=\\ffaé");
    assert_ne!(DnKey::of(&text(b"cn=\xFF")), DnKey::of(&text(b"cn=\xFE")));
}

/// An RDN's parts: type and value.
type Model = Vec<Vec<(&'static str, String)>>;

fn model() -> impl Strategy<Value = Model> {
    let kind = select(vec!["cn", "uid", "ou", "sn", "employeeNumber", "x-role"]);
    let value = prop_oneof!["[a-z]{1,6}", r##"[ a-zA-Z0-9,+=;<>#"\\'é-]{1,8}"##, "\\PC{1,5}"];
    prop::collection::vec(prop::collection::vec((kind, value), 1..3), 1..4)
}

/// Chooses among spellings; each draw uses up one number.
struct Dice(Vec<u8>, usize);

impl Dice {
    fn roll(&mut self, sides: u8) -> u8 {
        self.1 += 1;
        self.0[self.1 % self.0.len()].wrapping_add(self.1 as u8 / 7) % sides
    }
}

fn spell(model: &Model, dice: &mut Dice) -> String {
    let rdns: Vec<String> = model.iter().map(|rdn| spell_rdn(rdn, dice)).collect();
    let separator = [",", ", ", " ,", ";"][usize::from(dice.roll(4))];
    rdns.join(separator)
}

fn spell_rdn(rdn: &[(&'static str, String)], dice: &mut Dice) -> String {
    let mut parts: Vec<String> = rdn.iter().map(|(kind, value)| spell_ava(kind, value, dice)).collect();
    if dice.roll(2) == 0 {
        parts.reverse();
    }
    parts.join(["+", " + "][usize::from(dice.roll(2))])
}

fn spell_ava(kind: &str, value: &str, dice: &mut Dice) -> String {
    let kind = match (kind, dice.roll(4)) {
        ("cn", 0) => "2.5.4.3".to_owned(),
        ("cn", 1) => "CommonName".to_owned(),
        ("ou", 0) => "OID.2.5.4.11".to_owned(),
        ("sn", 0) => "surname".to_owned(),
        (kind, 1) => kind.to_uppercase(),
        (kind, 2) => format!(" {kind} "),
        (kind, _) => kind.to_owned(),
    };
    let value = match dice.roll(8) {
        0 => value
            .bytes()
            .fold(format!("#0C{}", ber_length(value.len())), |hex, byte| {
                format!("{hex}{byte:02X}")
            }),
        1 => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => spell_string(value, dice),
    };
    format!("{kind}={value}")
}

fn ber_length(length: usize) -> String {
    if length < 128 {
        format!("{length:02x}")
    } else {
        format!("82{length:04x}")
    }
}

fn spell_string(value: &str, dice: &mut Dice) -> String {
    let last = value.chars().count() - 1;
    let mut spelled = String::new();
    for (index, c) in value.chars().enumerate() {
        let special = matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (c == '#' && index == 0)
            || (c == ' ' && (index == 0 || index == last));
        match (special, dice.roll(6)) {
            (true, 0..3) => spelled.extend(['\\', c]),
            (true, _) | (false, 0) => c
                .to_string()
                .bytes()
                .for_each(|byte| spelled += &format!("\\{byte:02X}")),
            (false, 1) if c.is_ascii() => spelled.push(c.to_ascii_uppercase()),
            (false, _) => spelled.push(c),
        }
        if c == ' ' && index != 0 && index != last && dice.roll(3) == 0 {
            spelled.push(' ');
        }
    }
    spelled
}

/// What has to be equal for two names to be the same.
fn meaning(model: &Model) -> Vec<Vec<(String, String)>> {
    let part = |(kind, value): &(&str, String)| (kind.to_lowercase(), prepare::prepare(value));
    model
        .iter()
        .map(|rdn| {
            let mut parts: Vec<_> = rdn.iter().map(part).collect();
            parts.sort();
            parts
        })
        .collect()
}

proptest! {
    #[test]
    fn spelling_does_not_matter(model in model(), a in prop::collection::vec(any::<u8>(), 64), b in prop::collection::vec(any::<u8>(), 64)) {
        let (a, b) = (spell(&model, &mut Dice(a, 0)), spell(&model, &mut Dice(b, 0)));
        prop_assert!(normalize(&a).is_some(), "{a:?}");
        prop_assert_eq!(normalize(&a), normalize(&b), "{:?} {:?}", a, b);
        prop_assert_eq!(DnKey::of(&a), DnKey::of(&b));
        prop_assert!(is_below(&a, &b));
    }

    #[test]
    fn different_names_have_different_keys(a in model(), b in model(), dice in prop::collection::vec(any::<u8>(), 64)) {
        let (left, right) = (spell(&a, &mut Dice(dice.clone(), 0)), spell(&b, &mut Dice(dice, 3)));
        prop_assert_eq!(DnKey::of(&left) == DnKey::of(&right), meaning(&a) == meaning(&b), "{:?} {:?}", left, right);
    }

    #[test]
    fn one_value_apart_is_another_key(model in model(), value in "[a-z,+#=\\\\]{1,3}", dice in prop::collection::vec(any::<u8>(), 64)) {
        let mut other = model.clone();
        other[0][0].1 = value;
        let (left, right) = (spell(&model, &mut Dice(dice.clone(), 0)), spell(&other, &mut Dice(dice, 0)));
        prop_assert_eq!(DnKey::of(&left) == DnKey::of(&right), meaning(&model) == meaning(&other), "{:?} {:?}", left, right);
    }

    #[test]
    fn the_fast_path_agrees_with_the_parser(dn in "[a-cA-C =,.+\\\\-]{0,24}") {
        // Names that are names most of the time.
        let dn = format!("cn=a{dn}");
        if let Some(fast) = fast::normalize(&dn) {
            prop_assert_eq!(Some(fast), normalize_any(&dn));
        }
    }

    #[test]
    fn any_text_is_survived(text in "\\PC*", noise in r##"[a-f0-9=,;+"#\\ ]{0,24}"##) {
        for dn in [&text, &noise] {
            let _ = (DnKey::of(dn), rdn_value(dn, ""), rdn_value(dn, "cn"), is_below(dn, &noise));
        }
    }

    #[test]
    fn a_value_comes_out_as_it_went_in(model in model(), dice in prop::collection::vec(any::<u8>(), 64)) {
        let dn = spell(&model, &mut Dice(dice, 0));
        let value = rdn_value(&dn, "").map(|value| prepare::prepare(&value));
        prop_assert!(model[0].iter().any(|(_, original)| Some(prepare::prepare(original)) == value), "{dn:?} {value:?}");
    }
}
