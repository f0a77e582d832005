//! The token: how long it is good, and whether the daemon could put a new one in its place.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use chrono::{DateTime, Utc};

use super::{Setup, fail, ok};
use crate::{
    app::{places::folder_of, token},
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
    let folder = folder_of(token);
    let (daemon, there) = (fs::metadata(state).ok()?, fs::metadata(folder).ok()?);
    let mine = fs::metadata(token).ok().map(|token| token.uid());
    let found = obstacle(Rights::of(&daemon), Rights::of(&there), mine)?;
    let why = match found.cannot_write {
        true => format!("it cannot write to {}", folder.display()),
        false => format!(
            "{} is not its own, so it cannot put another in its place",
            token.display()
        ),
    };
    let user = daemon.uid();
    let (folder, token) = (shell_path(folder), shell_path(token));
    let given = [(found.give_folder, &folder), (found.give_token, &token)];
    let given: String = given
        .iter()
        .filter(|(give, _)| *give)
        .map(|(_, path)| format!(" {path}"))
        .collect();
    let chown = (!given.is_empty()).then(|| format!("chown {user}{given}"));
    let chmod = found.open_folder.then(|| format!("chmod u+wx {folder}"));
    let commands: Vec<String> = chown.into_iter().chain(chmod).collect();
    Some(format!(
        "the daemon renews the token as the user to whom its state belongs (uid {user}), and {why}; type: {}",
        commands.join(" && ")
    ))
}

/// Whose something is, and what its mode says.
#[derive(Clone, Copy, Debug)]
struct Rights {
    user: u32,
    group: u32,
    mode: u32,
}

impl Rights {
    fn of(there: &fs::Metadata) -> Self {
        Self {
            user: there.uid(),
            group: there.gid(),
            mode: there.mode(),
        }
    }
}

/// What keeps a daemon from putting another file in the place of its token, and what mends that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Obstacle {
    cannot_write: bool,
    give_folder: bool,
    give_token: bool,
    /// The folder's owner himself may not write there.
    open_folder: bool,
}

/// `token`: to whom the file belongs.
fn obstacle(daemon: Rights, folder: Rights, token: Option<u32>) -> Option<Obstacle> {
    const OWNER: u32 = 0o300;
    if daemon.user == 0 {
        return None;
    }
    let owns_folder = folder.user == daemon.user;
    let needed = match (owns_folder, folder.group == daemon.group) {
        (true, _) => OWNER,
        (_, true) => 0o030,
        _ => 0o003,
    };
    let cannot_write = folder.mode & needed != needed;
    let found = Obstacle {
        cannot_write,
        give_folder: cannot_write && !owns_folder,
        give_token: token != Some(daemon.user),
        open_folder: cannot_write && folder.mode & OWNER != OWNER,
    };
    (found.cannot_write || found.give_token).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn what_root_can_write_the_daemon_may_not() {
        /// What is to be typed, a letter each: the folder given, the token given, the folder opened.
        fn check(daemon: u32, (user, group, mode): (u32, u32, u32), token: u32, cannot_write: bool, mends: &str) {
            let daemon = Rights {
                user: daemon,
                group: 6,
                mode: 0o700,
            };
            let found = obstacle(daemon, Rights { user, group, mode }, Some(token));
            let expected = Obstacle {
                cannot_write,
                give_folder: mends.contains('f'),
                give_token: mends.contains('t'),
                open_folder: mends.contains('o'),
            };
            assert_eq!(
                found,
                (!mends.is_empty()).then_some(expected),
                "{user}:{group} {mode:o}, {token}"
            );
        }
        check(5, (5, 0, 0o700), 5, false, "");
        check(5, (0, 6, 0o770), 5, false, "");
        check(5, (0, 0, 0o777), 5, false, "");
        check(5, (0, 0, 0o755), 5, true, "f");
        check(5, (0, 6, 0o750), 5, true, "f");
        check(5, (0, 0, 0o555), 5, true, "fo");
        // Whose the folder is already is no use to be told.
        check(5, (5, 6, 0o500), 5, true, "o");
        check(5, (5, 6, 0o570), 0, true, "to");
        check(5, (5, 0, 0o700), 0, false, "t");
        check(5, (0, 0, 0o755), 0, true, "ft");
        check(0, (0, 0, 0o500), 0, false, "");
    }

    /// Only root is asked this, and only root can give files away.
    #[test]
    fn what_is_told_is_done_with_it() {
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
        for (user, mode, owner) in [
            (0, 0o755, 0),
            (12345, 0o500, 12345),
            (12345, 0o500, 0),
            (0, 0o500, 12345),
        ] {
            chown(&inner, Some(user), Some(0)).unwrap();
            fs::set_permissions(&inner, fs::Permissions::from_mode(mode)).unwrap();
            chown(&token, Some(owner), Some(0)).unwrap();
            let said = for_the_daemon(&state, &token).unwrap();
            let (_, command) = said.split_once("type: ").unwrap();
            let typed = std::process::Command::new("sh").args(["-c", command]).status();
            assert!(typed.unwrap().success(), "{said}");
            assert_eq!(for_the_daemon(&state, &token), None, "after {said}");
        }
        assert_eq!(for_the_daemon(&folder.path().join("none"), &token), None);
    }
}
