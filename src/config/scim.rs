//! `[scim]`: how to reach the service provider.

use std::time::Duration;

use super::{ProfileDefaults, item::Item, section::Section, url};
use crate::scim::settings::{Adopt, ScimSettings};

/// Above this no SCIM service is known to answer; it only keeps a slip of the finger from being one.
const RATE_PER_S_MAX: f64 = 10_000.0;

/// Requests in flight. One connection each; services answer 429 long before.
const CONCURRENCY_MAX: u64 = 256;

/// Reads the table: the profile's name and the settings.
pub(super) fn read(scim: &Section<'_>) -> Option<(String, ScimSettings)> {
    let profile = read_profile(scim);
    let allow_plaintext = scim.flag("allow_plaintext", false);
    let endpoint = read_endpoint(scim, allow_plaintext);
    let token = scim
        .required(
            "token",
            "write token = { file = \"/etc/scimward/token\" }, { env = \"NAME\" } or { credential = \"name\" }",
        )
        .and_then(|item| item.secret());
    let adopt = [
        ("ours", Adopt::Ours),
        ("unowned", Adopt::Unowned),
        ("any", Adopt::Any),
        ("never", Adopt::Never),
    ];
    let adopt = scim.choice("adopt", Adopt::Ours, &adopt);
    let ca_file = scim.file("ca_file");
    let rate_per_s = read_rate(scim);
    let concurrency = scim
        .item("concurrency")
        .and_then(|item| item.number(1..=CONCURRENCY_MAX, "8 is plenty for every service known"));
    let second = Duration::from_secs(1);
    let request_timeout = scim.duration("request_timeout", 30 * second, second..=600 * second);
    let max_tries = scim.number("max_tries", 6, 1..=100, "the first one counts");
    let max_elapsed = scim.duration("max_elapsed", 300 * second, second..=86_400 * second);
    let (profile, defaults) = profile?;
    let settings = ScimSettings {
        endpoint: endpoint?,
        token: token?,
        ca_file,
        allow_plaintext,
        rate_per_s: rate_per_s.unwrap_or(defaults.rate_per_s),
        concurrency: concurrency
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(defaults.concurrency),
        adopt,
        request_timeout,
        max_tries: u32::try_from(max_tries).unwrap_or(u32::MAX),
        max_elapsed,
    };
    Some((profile, settings))
}

fn read_profile(scim: &Section<'_>) -> Option<(String, ProfileDefaults)> {
    let item = scim.required(
        "profile",
        "write profile = \"huawei\", \"alibaba\", \"aws\" or \"generic\"",
    )?;
    let name = item.text()?;
    match (scim.report.checks.profile)(name) {
        Ok(defaults) => Some((name.to_owned(), defaults)),
        Err(problem) => {
            item.wrong(
                format!("{name:?}: {problem}"),
                "write \"huawei\", \"alibaba\", \"aws\" or \"generic\"",
            );
            None
        }
    }
}

fn read_endpoint(scim: &Section<'_>, allow_plaintext: bool) -> Option<String> {
    let item = scim.required(
        "endpoint",
        "write endpoint = \"https://…/scim/v2/\" as the cloud's console shows it",
    )?;
    read_address(
        &item,
        allow_plaintext,
        "write the address as the cloud's console shows it: https://…/scim/v2/",
        "http:// would send the token and everybody's data in clear",
    )
}

/// An address of a web service, with one slash at its end. `form` says how to write one.
pub(super) fn read_address(item: &Item<'_>, allow_plaintext: bool, form: &str, in_clear: &str) -> Option<String> {
    let text = item.text()?;
    match url::endpoint(text, form) {
        Err(bad) => {
            // It may hold a password or a token.
            if text.contains(['@', '?', '#']) {
                item.hide();
            }
            item.wrong(bad.problem, bad.mend);
            None
        }
        Ok(endpoint) if endpoint.tls || endpoint.loopback || allow_plaintext => Some(endpoint.url),
        Ok(_) => {
            item.wrong(
                in_clear,
                "write https://; allow_plaintext = true only if you really mean it",
            );
            None
        }
    }
}

fn read_rate(scim: &Section<'_>) -> Option<f64> {
    let item = scim.item("rate_per_s")?;
    let rate = item.fraction()?;
    if rate > 0.0 && rate <= RATE_PER_S_MAX {
        return Some(rate);
    }
    item.wrong(
        format!("{rate} is not above 0 and at most {RATE_PER_S_MAX}"),
        "write how many requests a second the service allows, e.g. 10; 0.5 is one every two seconds",
    );
    None
}
