//! Entries of a directory, mapped, held against the profiles, and sent to the sandbox.

use std::{cell::OnceCell, slice};

use chrono::DateTime;

use crate::{
    mapping::{
        Mapper,
        spec::{MappingSpec, Preset},
    },
    model::{Attribute, DirectoryEntry, DnKey, Mapped, MappedUser, Pushed, Scalar, Value},
    ports::Payload,
    profile::Profile,
    sandbox::{cloud::Cloud, exchange::Request},
    scim::request,
};

/// Times to map at, in unix seconds: both ends of time, its beginning, and 2024-06-01.
const TIMES: [i64; 4] = [i64::MIN, 0, 1_717_200_000, i64::MAX];

/// Everything at once: each transform and form is in use.
const EVERYTHING: &str = r#"
userName = { attribute = "uid", transform = ["trim", "lower", "nfc", { truncate = 20 }] }
active = { all_of = [
  { attribute = "userAccountControl", transform = "ad-enabled", default = true },
  { attribute = "accountExpires", transform = "ad-not-expired", default = true },
] }
nickName = { template = "{{ givenName|first }}{{ sn }} {{ values('mail')|join(',') }}" }
timezone = { attribute = "whenCreated", transform = "generalized-time" }
locale = { attribute = "pwdLastSet", transform = "windows-filetime" }
"emails.work" = { attribute = "mail", all = true, transform = [{ split = "," }, { regex = "^smtp:", replace = "" }] }
"phoneNumbers.work" = { attribute = "telephoneNumber", transform = "phone" }
"enterprise.costCenter" = { attribute = "manager", transform = "dn-rdn" }
"addresses.work.formatted" = { attribute = "postalAddress", transform = "postal-address" }
"urn:example:scim:2.0:User:locked" = { attribute = "locked", transform = ["bool", "not"] }
"#;

struct Bench {
    mappers: Vec<Mapper>,
    clouds: Vec<(Profile, Cloud)>,
}

thread_local! {
    static BENCH: OnceCell<Bench> = const { OnceCell::new() };
}

/// An entry in lines as of LDIF: the name first, then `name: value` or `name:: hex`.
pub(super) fn mapping(bytes: &[u8]) {
    let entry = read(bytes);
    BENCH.with(|bench| {
        let bench = bench.get_or_init(Bench::new);
        for mapper in &bench.mappers {
            if let Some(user) = holds(mapper, &entry) {
                bench
                    .clouds
                    .iter()
                    .for_each(|(profile, cloud)| send(profile, cloud, &user));
            }
        }
    });
}

impl Bench {
    fn new() -> Self {
        let specs = [
            (Some(Preset::InetOrgPerson), ""),
            (Some(Preset::ActiveDirectory), ""),
            (None, EVERYTHING),
        ];
        let mapper = |(preset, lines)| {
            let spec = MappingSpec {
                preset,
                anchor: Some("entryUUID".to_owned()),
                map: toml::from_str(lines).unwrap_or_default(),
                ..MappingSpec::default()
            };
            Mapper::compile(&spec).ok()
        };
        let cloud = |name: &str| Some((Profile::named(name)?, Cloud::new(name, "http://sandbox/")?));
        let bench = Self {
            mappers: specs.into_iter().filter_map(mapper).collect(),
            clouds: Profile::NAMES.into_iter().filter_map(cloud).collect(),
        };
        assert_eq!((bench.mappers.len(), bench.clouds.len()), (3, 4));
        bench
    }
}

/// What is true of every entry under every mapping. The person, at the last of the times.
pub(super) fn holds(mapper: &Mapper, entry: &DirectoryEntry) -> Option<MappedUser> {
    let mut found = None;
    for now in TIMES {
        let mapped = mapper.map(entry, now);
        assert_eq!(mapped, mapper.map(entry, now), "the same gives the same");
        let mut turned = entry.clone();
        turned.attributes.reverse();
        assert_eq!(
            mapped,
            mapper.map(&turned, now),
            "the order of attributes means nothing"
        );
        match &mapped {
            Mapped::InScope(user) => whole(user),
            Mapped::Rejected(rejection) => assert!(!rejection.problems.is_empty()),
            Mapped::OutOfScope { .. } => {}
        }
        found = match mapped {
            Mapped::InScope(user) => Some(user),
            _ => None,
        };
    }
    found
}

fn whole(user: &MappedUser) {
    assert!(!user.resource.user_name().is_empty());
    let _ = (
        user.anchor.key(),
        DnKey::of(&user.dn),
        user.manager.as_deref().map(DnKey::of),
    );
    for (path, value) in &user.resource.attributes {
        let items = match value {
            Value::Boolean(_) => continue,
            Value::Text(text) => {
                assert!(!text.is_empty(), "{path:?} is empty");
                continue;
            }
            Value::List(items) => items,
        };
        assert!(!items.is_empty(), "{path:?} is empty");
        let primary = items
            .iter()
            .filter(|item| item.get("primary") == Some(&Scalar::Boolean(true)));
        assert_eq!(primary.count(), 1, "{path:?}");
        let empty = |scalar: &Scalar| *scalar == Scalar::Text(String::new());
        assert!(!items.iter().flatten().any(|(_, scalar)| empty(scalar)), "{path:?}");
    }
    let kept = serde_json::to_string(&user.resource).ok();
    let again = kept.and_then(|text| serde_json::from_str(&text).ok());
    assert_eq!(again.as_ref(), Some(&user.resource), "what is kept comes back");
}

/// Whom the checks let through, the cloud takes, and shows as the client reads it.
fn send(profile: &Profile, cloud: &Cloud, user: &MappedUser) {
    let mut resource = user.resource.clone();
    resource.attributes.retain(|path, _| profile.allows(path));
    if !profile.check(&resource).is_empty() {
        return;
    }
    let payload = Payload {
        external_id: user.anchor.to_string(),
        pushed: Pushed {
            resource,
            manager: None,
        },
        manager_id: None,
    };
    let planned = request::create(profile, &payload);
    let request = Request {
        method: planned.method.to_owned(),
        path: planned.path.clone(),
        query: None,
        authorization: Some("Bearer token".to_owned()),
        content_type: Some(profile.content_type.clone()),
        body: planned
            .body
            .iter()
            .flat_map(|body| body.to_string().into_bytes())
            .collect(),
    };
    let reply = cloud.clone().answer(&request, DateTime::UNIX_EPOCH);
    let words = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 201, "{}: {words} to {:?}", profile.name, request);
}

fn read(bytes: &[u8]) -> DirectoryEntry {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut entry = DirectoryEntry {
        dn: crate::model::dn::text(lines.next().unwrap_or_default()).into_owned(),
        attributes: Vec::new(),
    };
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let Ok(name) = std::str::from_utf8(&line[..colon]) else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        let value = match &line[colon + 1..] {
            [b':', hex @ ..] => from_hex(hex),
            [b' ', value @ ..] | value => value.to_vec(),
        };
        match entry.attributes.iter_mut().find(|have| have.name == name) {
            Some(have) => have.values.push(value),
            None => entry.attributes.push(Attribute {
                name,
                values: vec![value],
            }),
        }
    }
    entry
}

fn from_hex(digits: &[u8]) -> Vec<u8> {
    let nibbles: Vec<u8> = digits
        .iter()
        .filter_map(|digit| std::str::from_utf8(slice::from_ref(digit)).ok())
        .filter_map(|digit| u8::from_str_radix(digit, 16).ok())
        .collect();
    nibbles.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
