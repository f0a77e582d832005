//! `scimward check`: the configuration is free of mistakes already when this runs; now everything
//! around it is looked at, and every finding is reported at once.

mod groups;
mod token;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rustix::fs::{Access, access};
use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    engine::{chain, foreign_endpoint, unix_now},
    setup::Setup,
};
use crate::{
    cycle,
    daemon::Schedule,
    ldap::{
        self, Verdict,
        settings::{Bind, Scope, SearchSettings},
    },
    model::{Anchor, DirectoryEntry, DnKey, Mapped},
    outcome::exit,
    plan::Unmet,
    plan::settings::{LeaverAction, Leavers, Limits, OnExceeded},
    ports::{SharedObserver, StateStore, StoreError, Unwatched},
    report::{self, Finding, Findings, Mark, TextStyle, count, grouped},
    scim::{ScimClient, Severity, TokenVerdict},
    secret::SecretSource,
    store::{self, Found, OpenError, SledStore},
};

/// Times of the schedule that are shown.
const RUNS_SHOWN: usize = 3;

/// Looks at this machine, asks both sides, and says what was found.
///
/// # Errors
/// When nobody reads the output.
pub async fn run(setup: &Arc<Setup>, out: &mut impl Write, style: TextStyle) -> Result<u8, Failure> {
    let here = vec![configuration(setup), this_machine(setup)];
    let there = directory(setup).await;
    let (mut cloud, verdict) = ask_cloud(setup).await;
    cloud
        .list
        .extend(token::life(setup, verdict.as_ref(), Utc::now()).await);
    let good = |groups: &[Findings]| groups.iter().all(Findings::are_good);
    let code = if !good(&here) {
        exit::USAGE
    } else if !good(&there) {
        exit::DIRECTORY
    } else if !cloud.are_good() {
        exit::PROVIDER
    } else {
        exit::DONE
    };
    let groups: Vec<Findings> = here.into_iter().chain(there).chain([cloud]).collect();
    report::write_findings(out, &groups, style).map_err(Failure::output)?;
    Ok(code)
}

fn ok(subject: &str, text: impl Into<String>) -> Finding {
    Finding::new(Mark::Ok, subject, text)
}

fn fail(subject: &str, text: impl Into<String>) -> Finding {
    Finding::new(Mark::Fail, subject, text)
}

// --- what the configuration means -----------------------------------------------------------------

fn configuration(setup: &Setup) -> Findings {
    let (config, profile) = (&setup.config, &setup.policy.profile);
    let mut list = vec![
        ok("users", searched(&setup.search)),
        ok(
            "profile",
            format!(
                "{} ({}), {} requests/s, {} at a time",
                profile.title, profile.name, config.scim.rate_per_s, config.scim.concurrency
            ),
        ),
        ok("attributes", setup.search.attributes.join(", ")),
    ];
    let left_out = setup.policy.mapper.left_out();
    if !left_out.is_empty() {
        let text = format!(
            "of the preset, because profile {} has no place for it: {}",
            profile.name,
            left_out.join(", ")
        );
        list.push(ok("left out", text));
    }
    list.extend(groups::configured(setup));
    list.push(ok("leavers", leavers(&config.leavers)));
    list.push(ok("limits", limits(&config.limits)));
    if !config.limits.protected.is_empty() {
        let text = format!(
            "never deactivated, deleted or renamed: {}",
            config.limits.protected.join(", ")
        );
        list.push(ok("protected", text));
    }
    list.push(schedule(setup, Utc::now()));
    Findings {
        title: format!("Configuration {}", config.path.display()),
        list,
    }
}

fn searched(search: &SearchSettings) -> String {
    let scope = match search.scope {
        Scope::Base => "only",
        Scope::One => "right below",
        Scope::Sub => "below",
    };
    format!("{} {scope} {}", search.filter, search.bases.join(" and "))
}

fn leavers(leavers: &Leavers) -> String {
    let when = match leavers.confirm_cycles {
        1 => "in the first complete run that does not show them".to_owned(),
        runs => format!("after {runs} complete runs in a row that do not show them"),
    };
    match (leavers.action, leavers.delete_after_days) {
        (LeaverAction::Keep, _) => "stay as they are".to_owned(),
        (LeaverAction::Deactivate, _) => format!("deactivated {when}"),
        (LeaverAction::Delete, 0) => format!("deleted {when}"),
        (LeaverAction::Delete, days) => {
            format!("deactivated {when}, deleted {} later", count(u64::from(days), "day"))
        }
    }
}

fn limits(limits: &Limits) -> String {
    let then = match limits.on_exceeded {
        OnExceeded::Hold => "if there are more, all removals wait for `scimward approve`",
        OnExceeded::Abort => "if there are more, the run changes nothing",
    };
    format!(
        "at most {} in a run, and at most {} % of the accounts in use; {then}",
        count(limits.max_removals, "removal"),
        limits.max_removals_percent
    )
}

fn schedule(setup: &Setup, now: DateTime<Utc>) -> Finding {
    let Some(settings) = &setup.config.schedule else {
        let text = "none: there can be no daemon, only single runs (scimward --sync-now)";
        return Finding::new(Mark::Note, "schedule", text);
    };
    let schedule = match Schedule::parse(&settings.cron, settings.timezone) {
        Ok(schedule) => schedule,
        Err(problem) => return fail("schedule", problem),
    };
    let times = std::iter::successors(schedule.next_after(now), |last| schedule.next_after(*last));
    let show = |time: DateTime<Utc>| {
        time.with_timezone(&settings.timezone)
            .format("%a %Y-%m-%d %H:%M:%S %Z")
            .to_string()
    };
    let next: Vec<String> = times.take(RUNS_SHOWN).map(show).collect();
    if next.is_empty() {
        return Finding::new(
            Mark::Note,
            "schedule",
            format!("{}; there is no such time any more", schedule.describe()),
        );
    }
    ok(
        "schedule",
        format!("{}; next: {}", schedule.describe(), next.join(", ")),
    )
}

// --- what this process can use --------------------------------------------------------------------

fn this_machine(setup: &Setup) -> Findings {
    let mut list = vec![state(setup)];
    if let Bind::Simple { password, .. } = &setup.config.ldap.bind {
        list.push(secret("bind password", password));
    }
    list.push(secret("token", &setup.config.scim.token));
    list.extend(token::folder(setup));
    Findings {
        title: "This machine".to_owned(),
        list,
    }
}

fn secret(subject: &str, source: &SecretSource) -> Finding {
    match source.read() {
        Ok(_) => ok(subject, format!("{source} can be read")),
        Err(error) => fail(subject, error.to_string()),
    }
}

/// Whether the state can be used, and what it remembers.
pub(super) fn state(setup: &Setup) -> Finding {
    state_at(&setup.config.state_path, |store| remembered(setup, store))
}

/// The same with another look at a state that is there.
pub(super) fn state_at(path: &Path, look: impl FnOnce(&SledStore) -> Result<Finding, StoreError>) -> Finding {
    match store::inspect(path) {
        Err(error) => fail("state", chain(&error)),
        Ok(Found::EmptyFolder) => ok(
            "state",
            format!("{} is empty: nothing was pushed from here yet", path.display()),
        ),
        Ok(Found::Nothing) => no_state(path),
        Ok(Found::State) => match SledStore::open(path) {
            Ok(store) => look(&store).unwrap_or_else(|error| fail("state", chain(&error))),
            Err(OpenError::InUse { pid, .. }) => {
                let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                ok(
                    "state",
                    format!("{} is in use by a running scimward{pid}", path.display()),
                )
            }
            Err(error) => fail("state", chain(&error)),
        },
    }
}

/// Whether the first run could make the folder.
fn no_state(path: &Path) -> Finding {
    let above = path.ancestors().skip(1).find(|folder| folder.exists());
    let above = above
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match access(above, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => ok(
            "state",
            format!("{} is not there yet; the first run makes it", path.display()),
        ),
        Err(error) => fail(
            "state",
            format!(
                "{} is not there, and this user cannot make it in {} ({error}); type: install -d -m 0700 -o USER {}",
                path.display(),
                above.display(),
                path.display()
            ),
        ),
    }
}

fn remembered(setup: &Setup, store: &SledStore) -> Result<Finding, StoreError> {
    let meta = store.meta()?;
    if let Some(words) = foreign_endpoint(store, setup)? {
        return Ok(fail("state", words));
    }
    let people = store.marks()?.len() as u64;
    let mut text = format!(
        "{} remembers {} linked to an account",
        setup.config.state_path.display(),
        match people {
            1 => "1 person".to_owned(),
            people => format!("{} people", grouped(people)),
        }
    );
    let mut mark = Mark::Ok;
    if let Some(held) = &meta.held {
        mark = Mark::Note;
        text.push_str(&format!(
            "; {} held, see: scimward status",
            match held.removals {
                1 => "1 removal is".to_owned(),
                removals => format!("{} removals are", grouped(removals)),
            }
        ));
    }
    Ok(Finding::new(mark, "state", text))
}

// --- the directory --------------------------------------------------------------------------------

pub(super) async fn directory(setup: &Arc<Setup>) -> Vec<Findings> {
    let asked = Arc::clone(setup);
    let probed = tokio::task::spawn_blocking(move || {
        let mut sample = Sample::new(&asked);
        let anchor = asked.policy.mapper.anchor_attribute();
        let findings = ldap::probe(&asked.config.ldap, &asked.search, anchor, &mut |entry| {
            sample.look(entry)
        });
        // Where there is no way in, it would only be refused once more.
        let is_in = |finding: &ldap::ProbeFinding| finding.subject == "bind" && finding.verdict == Verdict::Good;
        let of_groups = findings.iter().any(is_in).then(|| groups::look(&asked)).flatten();
        (findings, sample.findings(), of_groups)
    });
    let (findings, sample, of_groups) = match probed.await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("the check broke off: {error}; this is a defect of scimward, please report it");
            return vec![Findings {
                title: "Directory".to_owned(),
                list: vec![fail("check", text)],
            }];
        }
    };
    let mut groups: Vec<Findings> = Vec::new();
    let mut last_base = (String::new(), String::new());
    for ldap::ProbeFinding {
        server,
        subject,
        verdict,
        text,
    } in findings
    {
        let mark = match verdict {
            Verdict::Good => Mark::Ok,
            Verdict::Note => Mark::Note,
            Verdict::Bad => Mark::Fail,
        };
        let title = format!("Directory {server}");
        // The first finding of a base names it, the others belong to it.
        let (subject, text) = match setup.search.bases.contains(&subject) {
            true if last_base == (server.clone(), subject.clone()) => (String::new(), text),
            true => {
                last_base = (server, subject.clone());
                ("base".to_owned(), format!("{subject}: {text}"))
            }
            false => (subject, text),
        };
        let finding = Finding::new(mark, &subject, text);
        match groups.last_mut() {
            Some(group) if group.title == title => group.list.push(finding),
            _ => groups.push(Findings {
                title,
                list: vec![finding],
            }),
        }
    }
    groups.extend(sample);
    groups.extend(of_groups);
    groups
}

/// What mapping and profile make of the entries of the first pages.
struct Sample<'a> {
    setup: &'a Setup,
    now: i64,
    /// Several servers show the same people.
    seen: BTreeSet<DnKey>,
    in_scope: u64,
    out_of_scope: u64,
    rejected: u64,
    /// People named in the configuration who were not there so far.
    unmet: Unmet,
    /// How many people break a rule, and one of them.
    reasons: BTreeMap<String, (u64, String)>,
}

impl<'a> Sample<'a> {
    /// Reasons shown; the most frequent ones.
    const REASONS_MAX: usize = 10;

    fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            now: unix_now(),
            seen: BTreeSet::new(),
            in_scope: 0,
            out_of_scope: 0,
            rejected: 0,
            unmet: setup.policy.named(),
            reasons: BTreeMap::new(),
        }
    }

    fn look(&mut self, entry: &DirectoryEntry) {
        if !self.seen.insert(DnKey::of(&entry.dn)) {
            return;
        }
        let policy = &self.setup.policy;
        let anchor = policy.mapper.anchor(entry).ok();
        self.unmet.meet(&entry.dn, anchor.as_ref().map(Anchor::as_str), None);
        match cycle::within_profile(policy.mapper.map(entry, self.now), &policy.profile) {
            Mapped::InScope(user) => {
                self.in_scope += 1;
                self.unmet.meet(&user.dn, None, Some(user.resource.user_name()));
            }
            Mapped::OutOfScope { .. } => self.out_of_scope += 1,
            Mapped::Rejected(rejection) => {
                self.rejected += 1;
                let reasons: BTreeSet<String> = rejection
                    .problems
                    .iter()
                    .map(|problem| format!("{}: {}", problem.attribute, problem.rule))
                    .collect();
                for reason in reasons {
                    let (people, _) = self.reasons.entry(reason).or_insert((0, rejection.dn.clone()));
                    *people += 1;
                }
            }
        }
    }

    fn findings(self) -> Option<Findings> {
        if self.seen.is_empty() {
            return None;
        }
        let all = self.seen.len() as u64;
        let text = format!(
            "of {} people in the first page {} can be pushed, {} are left out by rule, {} would be rejected",
            grouped(all),
            grouped(self.in_scope),
            grouped(self.out_of_scope),
            grouped(self.rejected)
        );
        let mark = match (self.rejected, self.in_scope) {
            (0, _) => Mark::Ok,
            (_, 0) => Mark::Fail,
            _ => Mark::Note,
        };
        let mut list = vec![Finding::new(mark, "mapping", text)];
        let mut reasons: Vec<_> = self.reasons.into_iter().collect();
        reasons.sort_by_key(|(_, (people, _))| std::cmp::Reverse(*people));
        for (reason, (people, dn)) in reasons.into_iter().take(Self::REASONS_MAX) {
            let others = match people {
                1 => String::new(),
                people => format!(" and {} more", grouped(people - 1)),
            };
            list.push(Finding::new(Mark::Note, "", format!("{reason} ({dn}{others})")));
        }
        // Of more people than a page holds the others may be among the rest, which the dry run looks at.
        if all < u64::from(self.setup.config.ldap.page_size) {
            list.extend(
                self.unmet
                    .words()
                    .map(|words| Finding::new(Mark::Note, "names", words.as_str())),
            );
        }
        Some(Findings {
            title: "People".to_owned(),
            list,
        })
    }
}

// --- the cloud ------------------------------------------------------------------------------------

pub(super) async fn cloud(setup: &Setup) -> Findings {
    ask_cloud(setup).await.0
}

/// What it answers, and what that says of the token.
async fn ask_cloud(setup: &Setup) -> (Findings, Option<TokenVerdict>) {
    let (list, verdict) = service(setup).await;
    let title = format!("Cloud {}", setup.config.scim.endpoint);
    (Findings { title, list }, verdict)
}

async fn service(setup: &Setup) -> (Vec<Finding>, Option<TokenVerdict>) {
    if setup.config.scim.token.read().is_err() {
        let text = "not asked: there is no token to show";
        return (vec![Finding::new(Mark::Note, "service", text)], None);
    }
    let observer: SharedObserver = Arc::new(Unwatched);
    let mut scim = setup.config.scim.clone();
    // Somebody waits for the answer, and trouble that passes is worth to be seen.
    scim.max_tries = 1;
    let profile = Arc::clone(&setup.policy.profile);
    let client = match ScimClient::new(scim, profile, observer, CancellationToken::new()) {
        Ok(client) => client,
        Err(error) => return (vec![fail("service", chain(&error))], None),
    };
    let finding = |finding: crate::scim::Finding| {
        let mark = match finding.severity {
            Severity::Fine => Mark::Ok,
            Severity::Warning => Mark::Note,
            Severity::Error => Mark::Fail,
        };
        Finding::new(mark, "service", finding.text)
    };
    let mut findings: Vec<Finding> = client.check().await.into_iter().map(finding).collect();
    // They are all of the service: named once.
    findings.iter_mut().skip(1).for_each(|finding| finding.subject.clear());
    (findings, client.token_verdict())
}
