//! May this be tried again, when, and why: one pure function.
//!
//! Deliberately absent: the clock, chance and waiting. They are arguments, or the caller's business.

use std::time::{Duration, SystemTime};

/// A longer `Retry-After` is taken for a mistake of the provider and cut to this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// How far the tries of one request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// Tries, the first included.
    pub max_tries: u32,
    /// No further try starts after this time.
    pub max_elapsed: Duration,
    /// Ceiling of the first pause; doubled with every try.
    pub first_pause: Duration,
    /// Ceiling of every pause of ours (a `Retry-After` may be longer).
    pub longest_pause: Duration,
}

/// What a try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// No connection: the provider never saw the request.
    NotSent {
        /// What happened, in words.
        why: &'a str,
    },
    /// The request went out and no usable answer came back: it may have taken effect.
    Lost {
        /// What happened, in words.
        why: &'a str,
    },
    /// An answer.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The provider's words.
        detail: &'a str,
        /// The pause it asked for.
        retry_after: Option<Duration>,
    },
}

/// What happens when the same request reaches the provider twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing worse than once (GET, PUT, DELETE, and our PATCH, which only sets and clears).
    Idempotent,
    /// A second account (POST).
    Creates,
}

/// How far the tries of this request have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tries so far, the one just judged included.
    pub tries: u32,
    /// Time since the first try started.
    pub elapsed: Duration,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The answer stands: a success, or a failure that repeating cannot mend.
    Stands,
    /// The same request again.
    Retry {
        /// After this pause.
        after: Duration,
        /// In words.
        reason: String,
    },
    /// The request may have taken effect: look before anything else.
    LookUpFirst {
        /// After this pause.
        after: Duration,
        /// Whether the request may be sent once more when the look-up finds nothing.
        may_repeat: bool,
        /// In words.
        reason: String,
    },
    /// Passing trouble that outlasted the limits.
    GiveUp {
        /// In words.
        reason: String,
    },
}

/// Judges one try. `random` is from 0 to 1 and spreads the pauses ("full jitter"): many clients, or
/// many requests of one, must not come back at the same instant.
#[must_use]
pub fn decide(
    outcome: Outcome<'_>,
    idempotency: Idempotency,
    progress: Progress,
    limits: &RetryLimits,
    random: f64,
) -> Decision {
    let Some(trouble) = Trouble::of(outcome) else {
        return Decision::Stands;
    };
    let after = trouble
        .retry_after
        .unwrap_or_else(|| jittered_pause(progress.tries, limits, random));
    let in_time = progress.elapsed.saturating_add(after) <= limits.max_elapsed;
    let may_repeat = progress.tries < limits.max_tries && in_time;
    if trouble.may_have_taken_effect && idempotency == Idempotency::Creates {
        // The look-up itself is harmless, so it comes even when no try is left.
        return Decision::LookUpFirst {
            after: if in_time { after } else { Duration::ZERO },
            may_repeat,
            reason: trouble.reason,
        };
    }
    if may_repeat {
        return Decision::Retry {
            after,
            reason: trouble.reason,
        };
    }
    let reason = match trouble.retry_after {
        Some(wait) if !in_time && progress.tries < limits.max_tries => format!(
            "{}, asking for a pause of {} s, which is longer than one request may take in all",
            trouble.reason,
            wait.as_secs()
        ),
        _ => trouble.reason,
    };
    Decision::GiveUp { reason }
}

/// Whether a try that failed may have done its work all the same.
#[must_use]
pub fn may_have_taken_effect(outcome: Outcome<'_>) -> bool {
    Trouble::of(outcome).is_some_and(|trouble| trouble.may_have_taken_effect)
}

/// A try that is worth repeating.
struct Trouble {
    reason: String,
    retry_after: Option<Duration>,
    may_have_taken_effect: bool,
}

impl Trouble {
    fn of(outcome: Outcome<'_>) -> Option<Self> {
        match outcome {
            Outcome::NotSent { why } => Some(Self {
                reason: format!("cannot reach the service provider: {why}"),
                retry_after: None,
                may_have_taken_effect: false,
            }),
            Outcome::Lost { why } => Some(Self {
                reason: format!("the service provider's answer was lost: {why}"),
                retry_after: None,
                may_have_taken_effect: true,
            }),
            Outcome::Answered {
                status,
                detail,
                retry_after,
            } => is_passing(status).then(|| Self {
                reason: format!("the service provider answered {status}: {detail}"),
                retry_after,
                // 429 says that the request was refused unseen; a 5xx says nothing of the kind.
                may_have_taken_effect: status != 429,
            }),
        }
    }
}

/// Statuses that can go away by themselves: 408, 429, and 5xx but for those that say "never".
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599) && !matches!(status, 501 | 505 | 511)
}

fn jittered_pause(tries: u32, limits: &RetryLimits, random: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let ceiling = limits
        .first_pause
        .saturating_mul(1 << doublings)
        .min(limits.longest_pause);
    ceiling.mul_f64(random.clamp(0.0, 1.0))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3), which is seconds or a date. A time in the past
/// means "now"; nonsense means nothing; more than [`RETRY_AFTER_MAX`] is cut.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse::<f64>() {
        if seconds.is_nan() {
            return None;
        }
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(RETRY_AFTER_MAX)
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RetryLimits = RetryLimits {
        max_tries: 4,
        max_elapsed: Duration::from_secs(60),
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(5),
    };

    /// The decision in one word, with its pause in seconds.
    fn word(outcome: Outcome<'_>, idempotency: Idempotency, tries: u32, elapsed: u64) -> String {
        let elapsed = Duration::from_secs(elapsed);
        match decide(outcome, idempotency, Progress { tries, elapsed }, &LIMITS, 0.5) {
            Decision::Stands => "stands".into(),
            Decision::Retry { after, .. } => format!("retry {}", after.as_secs_f64()),
            Decision::LookUpFirst { after, may_repeat, .. } => {
                format!(
                    "look {} {}",
                    after.as_secs_f64(),
                    if may_repeat { "again" } else { "last" }
                )
            }
            Decision::GiveUp { .. } => "give up".into(),
        }
    }

    fn answer(status: u16, retry_after: Option<u64>) -> Outcome<'static> {
        Outcome::Answered {
            status,
            detail: "",
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn every_status_is_judged() {
        use Idempotency::{Creates, Idempotent};
        for status in 100..=999 {
            let (idempotent, creates) = match status {
                429 => ("retry 0.5", "retry 0.5"),
                501 | 505 | 511 => ("stands", "stands"),
                408 | 500..=599 => ("retry 0.5", "look 0.5 again"),
                _ => ("stands", "stands"),
            };
            assert_eq!(word(answer(status, None), Idempotent, 1, 0), idempotent, "{status}");
            assert_eq!(word(answer(status, None), Creates, 1, 0), creates, "{status}");
        }
    }

    #[test]
    fn lost_connections() {
        use Idempotency::{Creates, Idempotent};
        let lost = Outcome::Lost { why: "reset" };
        let unsent = Outcome::NotSent { why: "refused" };
        assert_eq!(word(lost, Idempotent, 1, 0), "retry 0.5");
        assert_eq!(word(lost, Creates, 1, 0), "look 0.5 again");
        assert_eq!(word(unsent, Idempotent, 1, 0), "retry 0.5");
        assert_eq!(word(unsent, Creates, 1, 0), "retry 0.5");
    }

    #[test]
    fn limits_bind() {
        use Idempotency::{Creates, Idempotent};
        let lost = Outcome::Lost { why: "reset" };
        assert_eq!(word(answer(503, None), Idempotent, 2, 0), "retry 1");
        assert_eq!(word(answer(503, None), Idempotent, 3, 0), "retry 2");
        assert_eq!(word(answer(503, None), Idempotent, 4, 0), "give up");
        assert_eq!(word(answer(503, None), Idempotent, 1, 60), "give up");
        assert_eq!(word(answer(429, None), Creates, 4, 0), "give up");
        assert_eq!(
            word(lost, Creates, 4, 0),
            "look 4".to_owned().replace('4', "2.5") + " last"
        );
        assert_eq!(word(lost, Creates, 1, 60), "look 0 last");
    }

    #[test]
    fn retry_after_is_honoured_within_the_limits() {
        use Idempotency::{Creates, Idempotent};
        assert_eq!(word(answer(429, Some(7)), Creates, 1, 0), "retry 7");
        assert_eq!(word(answer(503, Some(7)), Creates, 1, 0), "look 7 again");
        assert_eq!(word(answer(503, Some(0)), Idempotent, 1, 0), "retry 0");
        assert_eq!(word(answer(429, Some(61)), Idempotent, 1, 0), "give up");
        assert_eq!(word(answer(429, Some(31)), Idempotent, 2, 30), "give up");
        assert_eq!(word(answer(400, Some(7)), Idempotent, 1, 0), "stands");
    }

    #[test]
    fn pauses_grow_to_a_ceiling_and_are_spread() {
        let pause = |tries, random| jittered_pause(tries, &LIMITS, random).as_secs_f64();
        assert_eq!(
            [pause(1, 1.0), pause(2, 1.0), pause(3, 1.0), pause(4, 1.0)],
            [1.0, 2.0, 4.0, 5.0]
        );
        assert_eq!([pause(1, 0.0), pause(3, 0.25), pause(u32::MAX, 2.0)], [0.0, 1.0, 5.0]);
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        };
        check("7", Some(7));
        check(" 7 ", Some(7));
        check("-7", Some(0));
        check("99999999999999999999", Some(300));
        check("inf", Some(300));
        check("NaN", None);
        check("", None);
        check("soon", None);
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sunday, 06-Nov-94 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("Sat, 06 Nov 2094 08:49:37 GMT", Some(300));
    }
}
