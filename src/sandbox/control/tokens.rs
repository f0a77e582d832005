//! The bearer tokens of the SCIM side: Huawei's access tokens, Alibaba's SCIM credentials.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Both clouds have at most two.
pub(super) const TOKENS_MAX: usize = 2;
/// A year, in days: what both clouds show in their examples.
const LIFE_DAYS: u32 = 365;

/// How long new tokens are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Days from their creation.
    Days(u32),
    /// All of them to the same moment.
    Until(DateTime<Utc>),
}

impl Default for Life {
    fn default() -> Self {
        Self::Days(LIFE_DAYS)
    }
}

impl Life {
    /// The end of a token that is made at `now`: a whole second.
    pub(super) fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Days(days) => {
                let end = now.trunc_subsecs(0).checked_add_signed(TimeDelta::days(days.into()));
                end.unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            Self::Until(end) => end.trunc_subsecs(0),
        }
    }
}

/// One token, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) id: String,
    /// BLAKE3 of the text, in hexadecimal.
    pub(super) digest: String,
    pub(super) created: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
    pub(super) enabled: bool,
    /// Made with the cloud: the one in the sandbox's token file.
    #[serde(default)]
    pub(super) first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_on_a_whole_second() {
        let check = |life: Life, expected: &str| {
            let now = "2025-08-04T03:36:09.275Z".parse().unwrap();
            assert_eq!(life.end(now), expected.parse::<DateTime<Utc>>().unwrap());
        };
        // The documented example: created 1754278569275, expires 1785814569000.
        check(Life::default(), "2026-08-04T03:36:09Z");
        check(Life::Days(0), "2025-08-04T03:36:09Z");
        check(
            Life::Until("2026-01-02T03:04:05.6Z".parse().unwrap()),
            "2026-01-02T03:04:05Z",
        );
        check(Life::Days(u32::MAX), "+262142-12-31T23:59:59.999999999Z");
    }
}
