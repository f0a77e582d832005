//! The groups: unlike people they are read whole, because only that shows who is in them.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{fail, ok};
use crate::{
    app::{engine::chain, setup::Setup},
    cycle::groups::{self, GroupPolicy, GroupsRead},
    ldap::LdapDirectory,
    mapping::spec::GroupPreset,
    model::{Absence, MappedGroup, MemberKey},
    plan::{
        groups::{Graph, Roster},
        settings::{GoneAction, GoneGroups, Nesting},
    },
    report::{Finding, Findings, Mark, count, grouped},
};

/// Reasons shown; the most frequent ones.
const REASONS_MAX: usize = 10;

/// What the configuration means, if there are groups in it.
pub(super) fn configured(setup: &Setup) -> Option<Finding> {
    let (search, policy) = (setup.search_of_groups.as_ref()?, setup.policy.groups.as_ref()?);
    let limits = &policy.limits;
    let nested = match policy.nesting {
        Nesting::Flatten => "with the members of the groups in them",
        Nesting::Push => "groups in groups as they are",
    };
    let text = format!(
        "{}, {nested}; a group that is gone {}; at most {} in a run, and {} from one group",
        super::searched(search),
        gone(&policy.gone),
        count(limits.max_removals, "group removal"),
        count(limits.max_member_removals, "member removal"),
    );
    Some(ok("groups", text))
}

fn gone(gone: &GoneGroups) -> String {
    match (gone.action, gone.delete_after_days) {
        (GoneAction::Keep, _) => "stays as it is".to_owned(),
        (GoneAction::Empty, _) => "is emptied".to_owned(),
        (GoneAction::Delete, 0) => "is deleted".to_owned(),
        (GoneAction::Delete, days) => format!("is emptied, and deleted {} later", count(u64::from(days), "day")),
    }
}

/// Reads every group. Blocking.
pub(super) fn look(setup: &Arc<Setup>) -> Option<Findings> {
    let (search, policy) = (setup.search_of_groups.clone()?, setup.policy.groups.as_ref()?);
    let mut directory = LdapDirectory::new(setup.config.ldap.clone(), search);
    let stop = CancellationToken::new();
    let list = match groups::read(&mut directory, policy, &setup.policy.profile, &stop) {
        Ok(read) => findings(setup, policy, &read),
        Err(error) => vec![fail("read", chain(&error))],
    };
    Some(Findings {
        title: "Groups".to_owned(),
        list,
    })
}

fn findings(setup: &Setup, policy: &GroupPolicy, read: &GroupsRead) -> Vec<Finding> {
    let mut list = Vec::new();
    if let Absence::Unknown(reason) = &read.absence {
        list.push(fail("read", format!("not complete: {reason}")));
    }
    if read.groups.is_empty() {
        list.push(fail(
            "read",
            "no group matches: the filter fits none, or the bind account may not read them",
        ));
    } else {
        list.push(counted(read));
        list.extend(members(setup, read));
        list.extend(rejected(&read.groups));
    }
    let roster = Roster::default();
    let graph = Graph::new(&read.groups, &roster);
    for dn in &policy.member_of {
        list.push(match graph.find(MemberKey::dn(dn)) {
            Some(at) => {
                let inner = graph.reach(at).len().saturating_sub(1) as u64;
                ok("member_of", format!("{dn} found, with {} in it", count(inner, "group")))
            }
            None => fail(
                "member_of",
                format!(
                    "{dn} was not found below [groups] base with its filter, so nobody can be said to be in scope: mend \
                     [users] member_of, or let the bind account read the group"
                ),
            ),
        });
    }
    list
}

fn counted(read: &GroupsRead) -> Finding {
    let all = read.groups.len() as u64;
    let rejected = read.groups.iter().filter(|group| group.resource.is_err()).count() as u64;
    let memberships: u64 = read.groups.iter().map(|group| group.members.len() as u64).sum();
    let text = format!(
        "{}, {} listed; {} can be pushed, {} would be rejected",
        count(all, "group"),
        count(memberships, "member"),
        grouped(all - rejected),
        grouped(rejected)
    );
    let mark = match rejected {
        0 => Mark::Ok,
        rejected if rejected == all => Mark::Fail,
        _ => Mark::Note,
    };
    Finding::new(mark, "read", text)
}

/// Rights that were lost show as groups without members.
fn members(setup: &Setup, read: &GroupsRead) -> Option<Finding> {
    if read.groups.iter().any(|group| !group.members.is_empty()) {
        return None;
    }
    let settings = setup.config.groups.as_ref()?;
    let mapping = &settings.mapping;
    let is_ad = mapping.preset == Some(GroupPreset::ActiveDirectory);
    let names = match &mapping.members {
        Some(names) => names.join(", "),
        None => "the preset's".to_owned(),
    };
    let text = format!(
        "no group shows a member ({names}): let the bind account read that attribute, or name another one in [groups] \
         members"
    );
    // People may name their groups themselves; then that is all there need be.
    let elsewhere = mapping.from_people.is_some() || is_ad;
    Some(Finding::new(
        if elsewhere { Mark::Note } else { Mark::Fail },
        "members",
        text,
    ))
}

/// Why groups cannot be pushed, each reason with one of them.
fn rejected(groups: &[MappedGroup]) -> Vec<Finding> {
    let mut reasons: BTreeMap<String, (u64, &str)> = BTreeMap::new();
    for group in groups {
        for problem in group.resource.as_ref().err().into_iter().flatten() {
            let reason = format!("{}: {}", problem.attribute, problem.rule);
            reasons.entry(reason).or_insert((0, &group.dn)).0 += 1;
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, (groups, _))| std::cmp::Reverse(*groups));
    let shown = reasons.into_iter().take(REASONS_MAX);
    shown
        .map(|(reason, (groups, dn))| {
            let others = match groups {
                1 => String::new(),
                groups => format!(" and {} more", grouped(groups - 1)),
            };
            Finding::new(Mark::Note, "", format!("{reason} ({dn}{others})"))
        })
        .collect()
}
