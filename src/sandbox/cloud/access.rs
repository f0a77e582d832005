//! Whom the SCIM side lets in.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::{Cloud, refusal::Refusal};

/// One bearer token that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// BLAKE3 of its text, in hexadecimal.
    pub digest: String,
    /// From then on it is as good as none.
    pub expires: Option<DateTime<Utc>>,
    /// It can be switched off and on again.
    pub enabled: bool,
}

impl Holder {
    /// A token that never ends.
    #[must_use]
    pub fn of(token: &SecretString) -> Self {
        Self {
            digest: digest(token.expose_secret()),
            expires: None,
            enabled: true,
        }
    }
}

/// Who is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Nothing: whoever shows any bearer token.
    pub holders: Option<Vec<Holder>>,
    /// Provisioning is switched off: nobody for now.
    pub closed: bool,
}

/// The form in which tokens are compared and kept.
pub(in crate::sandbox) fn digest(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

impl Access {
    /// Lets a request in or says why not. 401 is for the token, 403 for the switch.
    pub(super) fn check(&self, authorization: Option<&str>, now: DateTime<Utc>) -> Result<(), Refusal> {
        let shown = authorization.and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            let token = token.trim();
            (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
        });
        let unknown = || Refusal::new(401, None, "a valid bearer token is needed");
        let shown = shown.ok_or_else(unknown)?;
        let holders = self.holders.as_deref();
        // Where switching off takes the tokens away there is nobody left to be told by the token.
        if self.closed && holders.is_none_or(<[Holder]>::is_empty) {
            return Err(closed());
        }
        let Some(holders) = holders else {
            return Ok(());
        };
        let digest = digest(shown);
        let holder = holders
            .iter()
            .find(|holder| holder.digest == digest)
            .ok_or_else(unknown)?;
        if holder.expires.is_some_and(|end| end <= now) {
            return Err(Refusal::new(401, None, "the bearer token has expired"));
        }
        if !holder.enabled {
            return Err(Refusal::new(401, None, "the bearer token is disabled"));
        }
        if self.closed { Err(closed()) } else { Ok(()) }
    }
}

fn closed() -> Refusal {
    Refusal::new(403, None, "SCIM provisioning is switched off")
}

impl Cloud {
    /// From now on `access` says who is let in.
    pub fn let_in(&mut self, access: Access) {
        self.access = access;
    }

    /// Where it is reached, with a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// From now on it is reached at `base`, which ends with a slash.
    pub fn moved(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_and_then_the_switch_decide() {
        let now: DateTime<Utc> = "2026-01-02T03:04:05Z".parse().unwrap();
        let good = Holder::of(&"good".to_owned().into());
        let expired = Holder {
            expires: Some(now),
            ..Holder::of(&"old".to_owned().into())
        };
        let disabled = Holder {
            enabled: false,
            ..Holder::of(&"off".to_owned().into())
        };
        let check = |holders: Option<&[&Holder]>, closed, header: Option<&str>, expected: Option<u16>| {
            let holders = holders.map(|holders| holders.iter().copied().cloned().collect());
            let answer = Access { holders, closed }.check(header, now);
            assert_eq!(answer.err().map(|refusal| refusal.status), expected, "{header:?}");
        };
        let all: Option<&[&Holder]> = Some(&[&good, &expired, &disabled]);
        check(None, false, Some("Bearer x"), None);
        check(None, false, Some("bearer x"), None);
        check(None, false, Some("Basic x"), Some(401));
        check(None, false, Some("Bearer "), Some(401));
        check(None, false, None, Some(401));
        check(all, false, Some("Bearer good"), None);
        check(all, false, Some("Bearer bad"), Some(401));
        check(all, false, Some("Bearer old"), Some(401));
        check(all, false, Some("Bearer off"), Some(401));
        check(all, true, Some("Bearer good"), Some(403));
        check(all, true, Some("Bearer bad"), Some(401));
        check(Some(&[]), true, Some("Bearer bad"), Some(403));
        check(Some(&[]), true, None, Some(401));
        check(Some(&[]), false, Some("Bearer bad"), Some(401));
    }
}
