//! The token: how long it is good, and whether the daemon could put a new one in its place.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use chrono::{DateTime, Utc};

use super::{Setup, fail, ok};
use crate::{
    app::token,
    cloud::TokenFile,
    expiry,
    report::{Finding, Mark},
    scim::TokenVerdict,
    secret::{SecretSource, shell_path},
};

/// How long the token works, if anybody knows and it does. `verdict`: what came of showing it.
pub(super) async fn life(setup: &Setup, verdict: Option<&TokenVerdict>, now: DateTime<Utc>) -> Vec<Finding> {
    let (mut token, hindrance) = token::known(setup).await;
    let has_expired = token.expires.is_some_and(|expires| expires <= now);
    if verdict.is_some_and(|verdict| verdict.refused.is_some()) && !token.refused {
        // Why that is says the service.
        token.refuse(&format!("it is refused; {}", token::mend(setup)), now);
        token.problem = token.problem.filter(|_| !has_expired);
    }
    let expiry = token.expires.map(|expires| {
        let judged = expiry::judge(now, expires);
        let advised = || format!("{}; {}", judged.words, token::advice(setup, expires, now, false));
        match judged.severity {
            expiry::Severity::Quiet => ok("token", &*judged.words),
            expiry::Severity::Info => ok("token", advised()),
            expiry::Severity::Warning | expiry::Severity::Error => Finding::new(Mark::Note, "token", advised()),
        }
    });
    // One that is let in is not to be mended, whatever the control plane thinks of it.
    let is_let_in = verdict.is_some_and(|verdict| verdict.refused.is_none());
    let mark = match token.refused && !is_let_in {
        true => Mark::Fail,
        false => Mark::Note,
    };
    let problem = token.problem.map(|problem| Finding::new(mark, "token", problem));
    let hindrance = hindrance.map(|why| fail("renewal", why));
    // What hinders the renewal is all there is to say of a control plane that refuses.
    let problem = problem.filter(|problem| hindrance.is_none() || problem.mark == Mark::Fail);
    expiry.into_iter().chain(problem).chain(hindrance).collect()
}

/// Whether the token's folder takes a new one, where the daemon is to renew it.
pub(super) fn folder(setup: &Setup) -> Option<Finding> {
    setup.config.token_life.rotate_before_days?;
    let SecretSource::File(path) = &setup.config.scim.token else {
        return None;
    };
    let tried = TokenFile::open(path).and_then(|file| file.try_out().map(|()| file));
    let file = match tried {
        Ok(file) => file,
        Err(error) => return Some(fail("renewal", error.to_string())),
    };
    Some(match for_the_daemon(&setup.config.state_path, file.path()) {
        Some(words) => fail("renewal", words),
        None => ok(
            "renewal",
            format!("a new token can be put in place of {}", path.display()),
        ),
    })
}

/// Root can write everywhere, and the daemon is seldom root: it owns its state.
fn for_the_daemon(state: &Path, token: &Path) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let folder = token.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let (daemon, there) = (fs::metadata(state).ok()?, fs::metadata(folder).ok()?);
    let user = daemon.uid();
    if user == 0 {
        return None;
    }
    let needed = match (there.uid() == user, there.gid() == daemon.gid()) {
        (true, _) => 0o300,
        (_, true) => 0o030,
        _ => 0o003,
    };
    let is_writable = there.mode() & needed == needed;
    let is_its_own = fs::metadata(token).is_ok_and(|token| token.uid() == user);
    if is_writable && is_its_own {
        return None;
    }
    let why = match is_writable {
        true => format!(
            "{} is not its own, so it cannot put another in its place",
            token.display()
        ),
        false => format!("it cannot write to {}", folder.display()),
    };
    Some(format!(
        "the daemon renews the token as the user to whom its state belongs (uid {user}), and {why}; type: chown {user} {} {}",
        shell_path(folder),
        shell_path(token)
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    /// Only root is asked this, and only root can give files away.
    #[test]
    fn what_root_can_write_the_daemon_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let (state, inner) = (folder.path().join("state"), folder.path().join("secrets"));
        for made in [&state, &inner] {
            fs::create_dir(made).unwrap();
        }
        let token = inner.join("token");
        fs::write(&token, "t").unwrap();
        if chown(&state, Some(12345), Some(12346)).is_err() {
            return;
        }
        let check = |(uid, gid, mode): (u32, u32, u32), owner: u32, expected: Option<&str>| {
            chown(&inner, Some(uid), Some(gid)).unwrap();
            fs::set_permissions(&inner, fs::Permissions::from_mode(mode)).unwrap();
            chown(&token, Some(owner), Some(0)).unwrap();
            let said = for_the_daemon(&state, &token);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check((12345, 0, 0o700), 12345, None);
        check((0, 12346, 0o770), 12345, None);
        check((0, 0, 0o755), 12345, Some("chown 12345"));
        check((12345, 0, 0o500), 12345, Some("cannot write to"));
        check((12345, 0, 0o700), 0, Some("is not its own"));
        chown(&state, Some(0), None).unwrap();
        check((0, 0, 0o755), 0, None);
        assert_eq!(for_the_daemon(&folder.path().join("none"), &token), None);
    }
}
