//! Plans for groups, from what was read and what is remembered.

use std::collections::BTreeMap;

use super::{
    Account, GroupPlan, Inputs, Roster, Sightings, approve, plan,
    testing::{account, group, key, resource, roster},
};
use crate::{
    model::{
        Absence, Anchor, AnchorKey, AttributePath, GroupLink, MappedGroup, MemberKey, MemberSum, Problem, Reject,
        RejectKind, Rejection, Resource, ResourceId, Value,
    },
    plan::{
        limits::Context,
        settings::{GoneAction, GoneGroups, GroupLimits, Nesting, OnExceeded, OnIncomplete},
    },
};

/// A world of groups: what is read, what is remembered, and who has an account.
struct World {
    groups: Vec<MappedGroup>,
    links: BTreeMap<AnchorKey, (GroupLink, Vec<AnchorKey>)>,
    rejects: Vec<(AnchorKey, Reject)>,
    confirm_cycles: u16,
    roster: Roster,
    absence: Absence,
    gone: GoneGroups,
    nesting: Nesting,
}

fn world(groups: &[MappedGroup]) -> World {
    World {
        groups: groups.to_vec(),
        links: BTreeMap::new(),
        rejects: Vec::new(),
        confirm_cycles: 1,
        roster: roster(&["ada", "bob", "cyd", "dan"]),
        absence: Absence::AllButPresent,
        gone: GoneGroups::default(),
        nesting: Nesting::default(),
    }
}

impl World {
    fn pushed(mut self, name: &str, members: &[&str]) -> Self {
        let mut keys: Vec<_> = members.iter().map(|name| key(name)).collect();
        keys.sort_unstable();
        let link = GroupLink {
            anchor: Anchor::new(name),
            id: Some(ResourceId(format!("id-{name}"))),
            dn: format!("cn={name}"),
            resource: resource(name),
            members: MemberSum::of(keys.iter().copied()),
            adopted: false,
            missed: 0,
            emptied_at: 0,
            perhaps_named: Vec::new(),
        };
        self.links.insert(key(name), (link, keys));
        self
    }

    fn plan(&self) -> GroupPlan {
        plan(Inputs {
            groups: &self.groups,
            links: self.links.iter().map(|(key, (link, _))| (*key, link.clone())).collect(),
            in_doubt: BTreeMap::new(),
            rejects: self.rejects.clone(),
            roster: &self.roster,
            absence: self.absence.clone(),
            nesting: self.nesting,
            gone: self.gone,
            confirm_cycles: self.confirm_cycles,
            pushed: &|group, sum| {
                let (link, members) = &self.links[&group];
                assert_eq!(link.members, sum);
                Ok(members.clone())
            },
            now: 1_000_000,
        })
        .unwrap()
    }
}

/// Each operation as `action name +added -removed ?forgotten`.
fn told(operations: &[crate::model::GroupOperation]) -> Vec<String> {
    let people = ["ada", "bob", "cyd", "dan", "eve", "a", "b", "c"];
    let names = |sign: char, keys: &[AnchorKey]| -> String {
        let listed = people.iter().filter(|name| keys.contains(&key(name)));
        listed.map(|name| format!(" {sign}{name}")).collect()
    };
    let line = |operation: &crate::model::GroupOperation| {
        format!(
            "{} {}{}{}{}",
            operation.action,
            operation.display_name(),
            names('+', &operation.add),
            names('-', &operation.remove),
            names('?', &operation.forget)
        )
    };
    operations.iter().map(line).collect()
}

fn check(world: &World, expected: &[&str]) {
    assert_eq!(told(&world.plan().operations), expected);
}

const A: &str = "uid=ada";
const B: &str = "uid=bob";
const C: &str = "uid=cyd";

#[test]
fn new_changed_and_unchanged_groups() {
    check(&world(&[group("a", &[A, B])]), &["create a +ada +bob"]);
    check(&world(&[group("a", &[])]), &["create a"]);
    let same = world(&[group("a", &[B, A])]).pushed("a", &["ada", "bob"]);
    check(&same, &[]);
    assert_eq!(same.plan().counts.unchanged, 1);
    check(
        &world(&[group("a", &[A, C])]).pushed("a", &["ada", "bob"]),
        &["members a +cyd -bob"],
    );
    let mut renamed = group("b", &[A]);
    renamed.anchor = Some(Anchor::new("a"));
    check(&world(&[renamed]).pushed("a", &["ada"]), &["update b"]);
}

#[test]
fn a_group_that_left_is_kept_emptied_or_deleted() {
    let left = |action, days| {
        let mut left = world(&[group("b", &[])]).pushed("a", &["ada"]).pushed("b", &[]);
        left.gone = GoneGroups {
            action,
            delete_after_days: days,
        };
        left
    };
    check(&left(GoneAction::Keep, 0), &[]);
    check(&left(GoneAction::Empty, 0), &["empty a -ada"]);
    check(&left(GoneAction::Delete, 0), &["delete a"]);
    check(&left(GoneAction::Delete, 7), &["empty a -ada"]);
    let mut later = left(GoneAction::Delete, 7);
    later.links.get_mut(&key("a")).unwrap().0.emptied_at = 1_000_000 - 7 * 86_400;
    check(&later, &["delete a"]);
    let mut incomplete = left(GoneAction::Delete, 0);
    incomplete.absence = Absence::Unknown("cut".into());
    check(&incomplete, &[]);
    let mut unreadable = left(GoneAction::Delete, 0);
    unreadable.groups[0].anchor = None;
    check(&unreadable, &[]);
}

#[test]
fn who_has_no_account_waits_and_is_counted() {
    let world = world(&[group("a", &[A, "uid=eve", "cn=elsewhere"])]);
    check(&world, &["create a +ada"]);
    assert_eq!(world.plan().counts.outside, 2);
}

#[test]
fn an_account_made_anew_is_put_in_again() {
    let mut world = world(&[group("a", &[A, "uid=eve"])]).pushed("a", &["ada", "eve"]);
    world.roster = Roster::new(&[account("ada", false), account("eve", true)], Sightings::default());
    check(&world, &["members a +eve ?eve"]);
}

#[test]
fn an_account_that_is_gone_is_forgotten_without_a_request() {
    check(
        &world(&[group("a", &[A])]).pushed("a", &["ada", "eve"]),
        &["members a ?eve"],
    );
}

#[test]
fn a_rejected_group_stays_as_it_is_and_hands_its_members_on() {
    let mut bad = group("b", &[B]);
    bad.resource = Err(vec![Problem {
        attribute: "displayName".into(),
        rule: "missing".into(),
        value: String::new(),
    }]);
    let world = world(&[group("a", &["cn=b"]), bad])
        .pushed("a", &["bob"])
        .pushed("b", &["ada"]);
    check(&world, &[]);
    let plan = world.plan();
    assert_eq!((plan.counts.rejected, plan.reject_changes.len()), (1, 1));
}

#[test]
fn two_groups_of_one_name_or_anchor_are_both_left_alone() {
    let mut twin = group("b", &[B]);
    twin.resource = Ok(resource("A"));
    let named = world(&[group("a", &[A]), twin.clone()]).pushed("a", &[]);
    check(&named, &[]);
    let rules: Vec<_> = named
        .plan()
        .reject_changes
        .into_iter()
        .filter_map(|(_, it)| it)
        .collect();
    let rule = |reject: &crate::model::Reject| reject.rejection.problems[0].rule.clone();
    assert_eq!(rules.len(), 2);
    assert!(
        rules
            .iter()
            .any(|it| rule(it).starts_with("cn=a has the same displayName"))
    );
    assert!(
        rules
            .iter()
            .any(|it| rule(it).starts_with("cn=b has the same displayName"))
    );
    twin.resource = Ok(resource("other"));
    twin.anchor = Some(Anchor::new("a"));
    check(&world(&[group("a", &[A]), twin]).pushed("a", &[]), &[]);
}

#[test]
fn nested_groups_are_pushed_as_such_where_asked() {
    let mut world = world(&[group("a", &["cn=b", A, "cn=a"]), group("b", &[B])]).pushed("b", &["bob"]);
    check(&world, &["create a +ada +bob"]);
    world.nesting = Nesting::Push;
    check(&world, &["create a +ada +b"]);
}

#[test]
fn people_who_name_their_groups_are_members() {
    let mut all = group("a", &[A]);
    all.aliases.push(MemberKey::sid("S-1-5-21-1-513"));
    let accounts: Vec<Account> = ["ada", "bob", "cyd"].map(|name| account(name, false)).to_vec();
    let edges = vec![
        (MemberKey::sid("S-1-5-21-1-513"), key("bob")),
        (MemberKey::dn("CN=a"), key("cyd")),
    ];
    let mut world = world(&[all]);
    world.roster = Roster::new(
        &accounts,
        Sightings {
            names: Vec::new(),
            edges,
        },
    );
    check(&world, &["create a +ada +bob +cyd"]);
}

#[test]
fn returning_to_use_and_moving_is_remembered_without_a_request() {
    let mut world = world(&[group("a", &[])]).pushed("a", &[]);
    let link = &mut world.links.get_mut(&key("a")).unwrap().0;
    (link.emptied_at, link.missed) = (5, 2);
    link.dn = "cn=a,ou=old".into();
    let plan = world.plan();
    assert!(plan.operations.is_empty());
    let settled = plan.link_changes[0].1.clone().unwrap();
    assert_eq!(
        (settled.emptied_at, settled.missed, settled.dn.as_str()),
        (0, 0, "cn=a")
    );
}

#[test]
fn a_create_in_doubt_is_made_again_and_never_forgotten() {
    let doubtful = |groups: &[MappedGroup]| {
        let mut world = world(groups).pushed("a", &[]);
        world.links.get_mut(&key("a")).unwrap().0.id = None;
        world
    };
    check(&doubtful(&[group("a", &[A])]), &["create a +ada"]);
    let gone = doubtful(&[]);
    check(&gone, &[]);
    assert_eq!(gone.plan().link_changes, []);
}

/// The group of that anchor could not be brought to that name and those members.
fn failed(kind: RejectKind, anchor: &str, name: &str, members: &[&str], next_try: i64) -> Reject {
    let flat = super::flatten::Flat {
        members: members.iter().map(|name| key(name)).collect(),
        ..Default::default()
    };
    Reject {
        rejection: Rejection {
            dn: format!("cn={name}"),
            anchor: Some(Anchor::new(anchor)),
            problems: Vec::new(),
        },
        kind,
        wanted: super::decide::wanted(&resource(name), &flat),
        first: 0,
        last: 0,
        tries: 1,
        next_try,
    }
}

#[test]
fn who_stands_in_the_way_does_not_wait_unless_it_was_refused() {
    let named = |anchor: &str, name: &str| MappedGroup {
        anchor: Some(Anchor::new(anchor)),
        ..group(name, &[])
    };
    let mut world = world(&[named("a", "c"), named("b", "a")])
        .pushed("a", &[])
        .pushed("b", &[]);
    let later = 1_000_010;
    world.rejects = vec![(key("a"), failed(RejectKind::Waiting, "a", "c", &[], later))];
    check(&world, &["update c", "update a"]);
    world.rejects = vec![(key("a"), failed(RejectKind::Refused, "a", "c", &[], 0))];
    check(&world, &["update a"]);
}

#[test]
fn who_wants_the_name_of_a_group_that_is_missing_waits_for_it() {
    let mut anew = group("a", &[B]);
    anew.anchor = Some(Anchor::new("new"));
    let mut world = world(&[anew]).pushed("a", &["ada"]);
    world.confirm_cycles = 2;
    check(&world, &[]);
    assert_eq!(world.plan().warnings.len(), 1);
    world.gone.action = GoneAction::Keep;
    check(&world, &["create a +bob"]);
}

#[test]
fn a_failure_waits_until_its_time_or_until_something_changes() {
    let world = world(&[group("a", &[A])]);
    let planned = |wanted_members: &[&str], next_try| {
        let reject = failed(RejectKind::Waiting, "a", "a", wanted_members, next_try);
        plan(Inputs {
            groups: &world.groups,
            links: Vec::new(),
            in_doubt: BTreeMap::new(),
            rejects: vec![(key("a"), reject)],
            roster: &world.roster,
            absence: Absence::AllButPresent,
            nesting: Nesting::Flatten,
            gone: GoneGroups::default(),
            confirm_cycles: 1,
            pushed: &|_, _| Ok(Vec::new()),
            now: 1_000,
        })
        .unwrap()
    };
    let waiting = planned(&["ada"], 1_010);
    assert_eq!((waiting.operations.len(), waiting.counts.waiting), (0, 1));
    assert_eq!(planned(&["ada"], 990).operations.len(), 1);
    assert_eq!(planned(&["bob"], 1_010).operations.len(), 1);
}

/// The operations carried out, those held, and why.
fn approved(world: &World, limits: &GroupLimits, context: &Context<'_>) -> (Vec<String>, Vec<String>, String) {
    let approved = approve(&world.plan(), limits, OnExceeded::Hold, context);
    let reason = approved.hold.map(|hold| hold.reason).unwrap_or_default();
    (told(&approved.operations), told(&approved.held), reason)
}

#[test]
fn limits_hold_removals_and_nothing_else() {
    let limits = GroupLimits {
        max_removals: 1,
        max_removals_percent: 100.0,
        max_member_removals: 1,
        max_member_removals_percent: 100.0,
        min_group_size: 10,
    };
    let within = world(&[group("a", &[A, C])]).pushed("a", &["ada", "bob"]);
    assert_eq!(
        approved(&within, &limits, &Context::default()),
        (vec!["members a +cyd -bob".into()], vec![], String::new())
    );
    let many = world(&[group("a", &[C])]).pushed("a", &["ada", "bob"]);
    let (free, held, reason) = approved(&many, &limits, &Context::default());
    assert_eq!(
        (free, held),
        (vec!["members a +cyd".into()], vec!["members a -ada -bob".into()])
    );
    assert!(
        reason.starts_with("\"a\" would lose 2 of 2 members, allowed are 1"),
        "{reason}"
    );
    let groups = world(&[group("c", &[])])
        .pushed("a", &["ada"])
        .pushed("b", &[])
        .pushed("c", &[]);
    let (free, held, reason) = approved(&groups, &limits, &Context::default());
    assert_eq!((free.len(), held), (0, vec!["empty a -ada".into(), "empty b".into()]));
    assert!(reason.starts_with("2 of 3 groups would be emptied"), "{reason}");
}

#[test]
fn exactly_what_was_held_can_be_released() {
    let limits = GroupLimits {
        max_member_removals: 0,
        ..GroupLimits::default()
    };
    let world = world(&[group("a", &[])]).pushed("a", &["ada"]);
    let hold = |context: &Context<'_>| approve(&world.plan(), &limits, OnExceeded::Hold, context);
    let id = hold(&Context::default()).hold.unwrap().plan_id;
    let released = hold(&Context {
        approved: Some(&id),
        ..Context::default()
    });
    assert!(released.approval_used && released.hold.is_none());
    assert_eq!(told(&released.operations), ["members a -ada"]);
    let other = hold(&Context {
        approved: Some("ffffffffffff"),
        ..Context::default()
    });
    assert_eq!(other.hold.unwrap().plan_id, id);
}

#[test]
fn lost_read_rights_take_nothing_away() {
    let world = world(&[]).pushed("a", &["ada"]);
    let (free, held, reason) = approved(&world, &GroupLimits::default(), &Context::default());
    assert_eq!((free.len(), held.len()), (0, 1));
    assert!(reason.contains("without a single group"), "{reason}");
}

#[test]
fn an_incomplete_read_adds_at_most() {
    let mut world = world(&[group("a", &[A]), group("b", &[C])]).pushed("a", &["bob"]);
    world.absence = Absence::Unknown("cut".into());
    let allowed = |on_incomplete| {
        let context = Context {
            on_incomplete,
            ..Context::default()
        };
        approved(&world, &GroupLimits::default(), &context).0
    };
    assert_eq!(allowed(OnIncomplete::Abort), [""; 0]);
    assert_eq!(allowed(OnIncomplete::NoRemovals), ["create b +cyd", "members a +ada"]);
}

#[test]
fn a_share_is_in_force_from_a_size_on() {
    let people: Vec<String> = (0..10).map(|at| format!("p{at}")).collect();
    let accounts: Vec<Account> = people.iter().map(|name| account(name, false)).collect();
    let check = |size: usize, held: bool| {
        let names: Vec<&str> = people[..size].iter().map(String::as_str).collect();
        let mut world = world(&[group("a", &[])]).pushed("a", &names);
        world.roster = Roster::new(&accounts, Sightings::default());
        let (_, found, _) = approved(&world, &GroupLimits::default(), &Context::default());
        assert_eq!(!found.is_empty(), held, "{size}");
    };
    check(9, false);
    check(10, true);
}

#[test]
fn attributes_besides_the_name_count() {
    let mut wanted = group("a", &[]);
    let mut described: Resource = resource("a");
    described
        .attributes
        .insert(AttributePath::new("externalId"), Value::Text("x".into()));
    wanted.resource = Ok(described);
    check(&world(&[wanted]).pushed("a", &[]), &["update a"]);
}

#[test]
fn one_group_of_a_swap_steps_aside() {
    let named = |anchor: &str, name: &str| {
        let mut group = group(anchor, &[]);
        group.resource = Ok(resource(name));
        group
    };
    let swap = world(&[named("a", "b"), named("b", "a"), named("c", "d")])
        .pushed("a", &[])
        .pushed("b", &[])
        .pushed("c", &[]);
    let aside: Vec<_> = swap.plan().operations.into_iter().map(|it| it.aside).collect();
    let names: Vec<_> = aside
        .iter()
        .flatten()
        .map(|it| it.text("displayName").unwrap())
        .collect();
    assert_eq!((aside.len(), names.len()), (3, 1));
    assert!(names[0].starts_with("a-") || names[0].starts_with("b-"), "{names:?}");
}
