//! The SCIM token's life: how long it works, whether it still does, and a new one in time.
//!
//! Reading order: `known` (what can be told of it), `tend` (the daemon's daily look), `renew`, `hindrance` (what
//! would keep the daemon from that), `key` (an access key that was refused is left alone), `authority`.

mod authority;
mod hindrance;
mod key;
mod known;
mod renew;
mod tend;

use chrono::{DateTime, Utc};

use super::{
    cloud::words::{ALIBABA, HUAWEI, Words},
    places,
    setup::Setup,
};
use crate::{cloud::settings::ControlPlane, expiry};

pub(super) use self::known::{known, shown};

/// The control plane that may be asked without anybody's doing.
fn control_plane(setup: &Setup) -> Option<ControlPlane<'_>> {
    let control = setup.config.cloud.of_profile(&setup.policy.profile.name)?;
    let has_keys = match control {
        ControlPlane::Huawei(settings) => settings.keys.is_some(),
        ControlPlane::Alibaba(settings) => settings.keys.is_some(),
    };
    (has_keys || setup.config.token_life.rotate_before_days.is_some()).then_some(control)
}

/// The commands for the tokens of the configured cloud, where there are some.
fn words(setup: &Setup) -> Option<Words> {
    let profile = &*setup.policy.profile.name;
    let names = match (profile, setup.config.cloud.of_profile(profile)) {
        ("huawei", _) | (_, Some(ControlPlane::Huawei(_))) => HUAWEI,
        ("alibaba", _) | (_, Some(ControlPlane::Alibaba(_))) => ALIBABA,
        _ => return None,
    };
    Some(Words::of(names, &setup.config.path))
}

/// What somebody should do `now` about a token that expires. `failed`: the daemon could not renew it.
pub(super) fn advice(setup: &Setup, expires: DateTime<Utc>, now: DateTime<Utc>, failed: bool) -> String {
    let by_hand = match words(setup) {
        Some(words) => format!("renew it: {} rotate", words.command),
        None => "make a new one in the cloud's console, and put it in the place of this one".to_owned(),
    };
    match setup.config.token_life.rotate_before_days {
        Some(_) if failed => {
            let program = places::program(&setup.config.path);
            format!("the daemon could not renew it, see `{program} status`; {by_hand}")
        }
        Some(days) if expiry::is_within(now, expires, days) => {
            format!("the daemon renews it when it is started, or within a day; or {by_hand}")
        }
        Some(days) => format!("the daemon renews it {days} days before"),
        None => by_hand,
    }
}

/// What somebody should do about a token that is let in no more.
pub(super) fn mend(setup: &Setup) -> String {
    match words(setup) {
        Some(words) => format!("put a new one in its place: {}", words.anew()),
        None => "make a new one in the cloud's console, and put it in its place".to_owned(),
    }
}
