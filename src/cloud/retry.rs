//! May a request be sent again, and when: one pure function. A 401 never is, since five of them lock the key.

use std::time::Duration;

use super::{Effect, refusal::Cloud};

/// Tries of one request, the first included.
const TRIES_MAX: u32 = 4;
/// Ceiling of the first pause; doubled with every try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longer than this nobody waits at a terminal.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// What a try came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    /// No connection, or no answer.
    NoAnswer,
    /// An answer other than success.
    Refused {
        status: u16,
        code: Option<&'a str>,
        retry_after: Option<Duration>,
    },
}

/// The pause before the same request goes out again; nothing when it must not. `random` is from 0 to 1.
pub(super) fn pause(cloud: Cloud, effect: Effect, outcome: Outcome<'_>, tries: u32, random: f64) -> Option<Duration> {
    let (unseen, asked) = match outcome {
        Outcome::NoAnswer => (false, None),
        Outcome::Refused {
            status,
            code,
            retry_after,
        } => {
            let unseen = is_unseen(cloud, status, code.unwrap_or_default());
            if !unseen && !(500..=599).contains(&status) {
                return None;
            }
            (unseen, retry_after)
        }
    };
    let harmless = match cloud {
        Cloud::Huawei => effect == Effect::Reads,
        Cloud::Alibaba => effect != Effect::Creates,
    };
    if tries >= TRIES_MAX || !(unseen || harmless) {
        return None;
    }
    let ceiling = FIRST_PAUSE * (1 << tries.saturating_sub(1).min(8));
    let ours = ceiling.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    Some(asked.map_or(ours, |asked| asked.min(RETRY_AFTER_MAX)))
}

/// Refused before anything was done about it.
fn is_unseen(cloud: Cloud, status: u16, code: &str) -> bool {
    match cloud {
        Cloud::Huawei => status == 429 || (status == 409 && code == "IIC.1006"),
        Cloud::Alibaba => status == 429 || code.starts_with("Throttling"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated() {
        let check = |cloud, effect, status: u16, code: &str, expected: bool| {
            let outcome = match status {
                0 => Outcome::NoAnswer,
                status => Outcome::Refused {
                    status,
                    code: Some(code),
                    retry_after: None,
                },
            };
            let pause = pause(cloud, effect, outcome, 1, 1.0);
            assert_eq!(
                pause,
                expected.then_some(FIRST_PAUSE),
                "{cloud:?} {effect:?} {status} {code}"
            );
        };
        use Cloud::{Alibaba, Huawei};
        use Effect::{Creates, Reads, Sets};
        for effect in [Reads, Sets, Creates] {
            for cloud in [Huawei, Alibaba] {
                check(cloud, effect, 401, "APIGW.0301", false);
                check(cloud, effect, 400, "SignatureDoesNotMatch", false);
                check(cloud, effect, 403, "NoPermission", false);
                check(cloud, effect, 404, "IIC.404", false);
                check(cloud, effect, 429, "", true);
            }
            check(Huawei, effect, 409, "IIC.1006", true);
            check(Huawei, effect, 409, "IIC.1007", false);
            check(Alibaba, effect, 400, "Throttling.User", true);
            check(Huawei, effect, 503, "", effect == Reads);
            check(Huawei, effect, 0, "", effect == Reads);
            check(Alibaba, effect, 503, "ServiceUnavailable", effect != Creates);
            check(Alibaba, effect, 0, "", effect != Creates);
        }
    }

    #[test]
    fn pauses() {
        let refused = |retry_after| Outcome::Refused {
            status: 429,
            code: None,
            retry_after,
        };
        let pause = |retry_after, tries| {
            pause(Cloud::Alibaba, Effect::Creates, refused(retry_after), tries, 0.0).map(|pause| pause.as_millis())
        };
        assert_eq!(pause(None, 1), Some(500));
        assert_eq!(pause(None, 3), Some(2000));
        assert_eq!(pause(None, 4), None);
        assert_eq!(pause(Some(Duration::from_millis(1500)), 1), Some(1500));
        assert_eq!(pause(Some(Duration::from_secs(9999)), 1), Some(60_000));
    }
}
