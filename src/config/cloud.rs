//! `[cloud.huawei]`, `[cloud.alibaba]`: the clouds' control planes; and the life of the SCIM token, which they
//! can renew.

use chrono::{DateTime, NaiveDate, Utc};

use super::{item::Item, keys, scim, section::Section};
use crate::{
    cloud::{
        region::{self, Region},
        settings::{
            AlibabaSettings, CloudSettings, ControlPlane, HuaweiEndpoints, HuaweiSettings, KeySources, TokenLife,
        },
    },
    scim::settings::ScimSettings,
    secret::SecretSource,
};

/// Tokens live for a year.
const ROTATE_DAYS_MAX: u64 = 360;

/// Longest id; the clouds' own have 12 to 36 characters.
const ID_CHARS_MAX: usize = 128;

/// Reads both tables; nothing when one of them is a mistake as a whole.
pub(super) fn read(cloud: &Section<'_>) -> Option<CloudSettings> {
    let huawei = cloud.below("huawei", keys::HUAWEI);
    let alibaba = cloud.below("alibaba", keys::ALIBABA);
    let broken =
        (cloud.item("huawei").is_some() && huawei.is_none()) || (cloud.item("alibaba").is_some() && alibaba.is_none());
    let settings = CloudSettings {
        huawei: huawei.as_ref().map(read_huawei),
        alibaba: alibaba.as_ref().map(read_alibaba),
    };
    for section in [huawei, alibaba].into_iter().flatten() {
        section.finish();
    }
    (!broken).then_some(settings)
}

fn read_huawei(huawei: &Section<'_>) -> HuaweiSettings {
    let allow_plaintext = huawei.flag("allow_plaintext", false);
    let endpoints = huawei
        .item("endpoints")
        .map(|item| read_endpoints(&item, allow_plaintext));
    let endpoints = endpoints.unwrap_or_default();
    HuaweiSettings {
        region: read_region(huawei, &region::HUAWEI, endpoints.identitystore.is_some(), "endpoints"),
        identity_store_id: read_id(huawei, "identity_store_id"),
        keys: read_keys(huawei),
        auth_token: huawei.item("auth_token").and_then(|item| item.secret()),
        project_id: read_id(huawei, "project_id"),
        domain_id: read_id(huawei, "domain_id"),
        endpoints,
        ca_file: huawei.file("ca_file"),
        allow_plaintext,
    }
}

fn read_alibaba(alibaba: &Section<'_>) -> AlibabaSettings {
    let allow_plaintext = alibaba.flag("allow_plaintext", false);
    let endpoint = alibaba.item("endpoint");
    let endpoint = endpoint.and_then(|item| read_address(&item, allow_plaintext));
    AlibabaSettings {
        region: read_region(alibaba, &region::ALIBABA, endpoint.is_some(), "endpoint"),
        directory_id: read_id(alibaba, "directory_id"),
        keys: read_keys(alibaba),
        endpoint,
        ca_file: alibaba.file("ca_file"),
        allow_plaintext,
    }
}

fn read_endpoints(item: &Item<'_>, allow_plaintext: bool) -> HuaweiEndpoints {
    const EXAMPLE: &str = "endpoints = { iam = \"https://iam.example.org\" }";
    let Some(section) = item.section(keys::HUAWEI_ENDPOINTS, EXAMPLE) else {
        return HuaweiEndpoints::default();
    };
    let address = |key: &str| section.item(key).and_then(|item| read_address(&item, allow_plaintext));
    let endpoints = HuaweiEndpoints {
        identitystore: address("identitystore"),
        identitycenter: address("identitycenter"),
        iam: address("iam"),
    };
    section.finish();
    endpoints
}

fn read_address(item: &Item<'_>, allow_plaintext: bool) -> Option<String> {
    const FORM: &str = "write the address of the control plane: https://host";
    const IN_CLEAR: &str = "http:// would send tokens in clear";
    scim::read_address(item, allow_plaintext, FORM, IN_CLEAR)
}

/// A region that is not known is a mistake only where it makes a host's name.
fn read_region(section: &Section<'_>, regions: &[Region], has_host: bool, instead: &str) -> Option<String> {
    let item = section.item("region")?;
    let text = item.text()?;
    if has_host && region::is_id(text) || region::is_known(text, regions) {
        return Some(text.to_owned());
    }
    let known = || regions.iter().map(|(id, _)| *id);
    let mend = match keys::nearest(text, known()) {
        Some(near) if region::is_id(text) => {
            format!("did you mean {near:?}? For a new region give the host: {instead}")
        }
        _ => format!(
            "write one of {}; for a new one give the host: {instead}",
            known().collect::<Vec<_>>().join(", ")
        ),
    };
    item.wrong(format!("{text:?} is not a known region"), mend);
    None
}

fn read_id(section: &Section<'_>, key: &str) -> Option<String> {
    let item = section.item(key)?;
    let text = item.text()?;
    let is_id = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if text.len() <= ID_CHARS_MAX && text.chars().all(is_id) && text.contains(|char: char| char != '.') {
        return Some(text.to_owned());
    }
    item.wrong("is not an id", "copy the id as the cloud's console shows it");
    None
}

fn read_keys(section: &Section<'_>) -> Option<KeySources> {
    let source = |key: &str| section.item(key).map(|item| item.secret());
    let (access_key, secret_key) = (source("access_key"), source("secret_key"));
    let security_token = source("security_token");
    for (key, there, other) in [
        ("access_key", &access_key, &secret_key),
        ("secret_key", &secret_key, &access_key),
    ] {
        if there.is_none() && (other.is_some() || security_token.is_some()) {
            section.missing(
                key,
                "is missing: an access key and its secret key go together",
                format!("write {key} = {{ file = \"/etc/scimward/{key}\" }}, {{ env = \"NAME\" }} or {{ credential = \"name\" }}"),
            );
        }
    }
    Some(KeySources {
        access_key: access_key??,
        secret_key: secret_key??,
        security_token: security_token.flatten(),
    })
}

/// `[scim] token_expires`, `rotate_before_days`. What it needs elsewhere is looked at only when that could be
/// read.
pub(super) fn token_life(
    scim: &Section<'_>,
    settings: Option<(&str, &ScimSettings)>,
    cloud: Option<&CloudSettings>,
) -> TokenLife {
    let expires = scim.item("token_expires").and_then(|item| read_time(&item));
    let rotate = scim.item("rotate_before_days");
    let days = rotate
        .as_ref()
        .and_then(|item| item.number(1..=ROTATE_DAYS_MAX, "a token lives for a year"));
    if let (Some(item), Some(_), Some((profile, settings)), Some(cloud)) = (&rotate, days, settings, cloud) {
        check_rotation(item, profile, &settings.token, cloud);
    }
    TokenLife {
        expires,
        rotate_before_days: days.and_then(|days| u32::try_from(days).ok()),
    }
}

fn check_rotation(item: &Item<'_>, profile: &str, token: &SecretSource, cloud: &CloudSettings) {
    if !matches!(token, SecretSource::File(_)) {
        item.wrong(
            "needs token = { file = \"…\" }: a new token is written to a file",
            "keep the token in a file that the daemon may write, or renew it by hand",
        );
        return;
    }
    let missing = match cloud.of_profile(profile) {
        Some(ControlPlane::Huawei(huawei)) if huawei.identity_store_id.is_none() => "[cloud.huawei] identity_store_id",
        Some(ControlPlane::Huawei(huawei)) if huawei.region.is_none() && huawei.endpoints.identitystore.is_none() => {
            "[cloud.huawei] region"
        }
        Some(ControlPlane::Alibaba(alibaba)) if alibaba.directory_id.is_none() => "[cloud.alibaba] directory_id",
        Some(ControlPlane::Alibaba(alibaba)) if alibaba.region.is_none() && alibaba.endpoint.is_none() => {
            "[cloud.alibaba] region"
        }
        Some(_) => return,
        None => match profile {
            "huawei" => "[cloud.huawei]",
            "alibaba" => "[cloud.alibaba]",
            _ => {
                item.wrong(
                    format!("no control plane is known for the profile {profile:?}"),
                    "take it out, and renew the token by hand",
                );
                return;
            }
        },
    };
    item.wrong(
        format!("needs {missing}: the control plane gives out the new token"),
        format!("write {missing}, or take this out"),
    );
}

/// A day, which means its first moment, or RFC 3339.
fn read_time(item: &Item<'_>) -> Option<DateTime<Utc>> {
    const FORMS: &str = "write \"2027-05-01\" or \"2027-05-01T12:00:00Z\"";
    let text = item.text()?;
    let day = || {
        text.parse::<NaiveDate>()
            .ok()?
            .and_hms_opt(0, 0, 0)
            .map(|time| time.and_utc())
    };
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    let found = time.or_else(day);
    if found.is_none() {
        item.wrong("is not a day, nor a time with its zone", FORMS);
    }
    found
}
