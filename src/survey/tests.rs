//! Groups in a lost state and in audits, against a cloud in memory: whatever is there and whatever is wanted,
//! what can be known is known again, and the plans that follow bring it about.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Lens,
    audit::{self, groups::GroupsAudited},
    rebuild::groups::{self as rebuild, GroupsRebuilt, Knowledge},
};
use crate::{
    executor::{Pace, execute_groups},
    mapping::{
        Mapper,
        spec::{MappingSpec, Preset},
    },
    model::{Absence, Anchor, DnKey, GroupAction, GroupOperation, MappedGroup, MemberSum, ResourceId},
    plan::{
        groups::{
            Account, Inputs, Roster, Sightings, plan,
            testing::{group, key},
        },
        settings::{GoneAction, GoneGroups, Nesting},
    },
    ports::{
        AuditPosition, Created, GroupPayload, GroupProvider, GroupStore, MemberChange, Meta, RebuildStage,
        SharedObserver, StateStore, Unwatched,
    },
    profile::Profile,
    testing::{MemoryCloud, MemoryStore, give_account, groups::ByPerson, world},
};

const PEOPLE: [&str; 5] = ["a", "b", "c", "d", "e"];
const GROUPS: [&str; 2] = ["vpn", "staff"];

/// Who is in which group.
type Membership = Vec<Vec<bool>>;

/// How the cloud tells members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    WithTheGroup,
    ByPerson(ByPerson),
    Never,
}

struct Town {
    store: Arc<MemoryStore>,
    cloud: Arc<MemoryCloud>,
    lens: Lens,
}

impl Town {
    /// Everybody has an account that the state knows, and the cloud has these groups.
    async fn new(tells: Tells, there: &Membership) -> Self {
        let (store, cloud) = world();
        match tells {
            Tells::WithTheGroup => cloud.tell_members(),
            Tells::ByPerson(how) => cloud.tell_by_person(how),
            Tells::Never => {}
        }
        let spec = MappingSpec {
            preset: Some(Preset::InetOrgPerson),
            ..MappingSpec::default()
        };
        let lens = Lens::new(&Mapper::compile(&spec).unwrap(), &Profile::named("generic").unwrap());
        let town = Self { store, cloud, lens };
        for name in PEOPLE {
            let attributes = json!({"userName": name, "externalId": name});
            give_account(&town.cloud, &town.store, name, attributes).await;
        }
        for (name, members) in GROUPS.iter().zip(there) {
            town.make_group(name, members).await;
        }
        town
    }

    async fn make_group(&self, name: &str, members: &[bool]) {
        let payload = GroupPayload {
            external_id: name.to_owned(),
            resource: mapped(name, &[]).resource.unwrap(),
        };
        let Created::New(id) = self.cloud.create_group(&payload, false, &|_| false).await.unwrap() else {
            panic!("{name} was there");
        };
        let add: Vec<ResourceId> = names(members).iter().map(|name| self.id(name)).collect();
        if !add.is_empty() {
            let change = MemberChange {
                add,
                remove: Vec::new(),
            };
            self.cloud.change_members(&id, &change).await.unwrap();
        }
    }

    fn id(&self, name: &str) -> ResourceId {
        self.store.link(key(name)).unwrap().unwrap().id
    }

    /// What the cloud holds, whatever it tells.
    fn there(&self) -> Membership {
        let groups = self.cloud.groups();
        let of = |name: &&str| {
            let group = groups.values().find(|group| group.external_id == **name).unwrap();
            PEOPLE
                .iter()
                .map(|name| group.members.contains(&self.id(name).0))
                .collect()
        };
        GROUPS.iter().map(of).collect()
    }

    /// What the state remembers.
    fn remembered(&self) -> Membership {
        let of = |name: &&str| {
            let groups = self.store.groups().unwrap();
            let link = &groups.iter().find(|(group, _)| *group == key(name)).unwrap().1;
            let members = self.store.members(key(name), link.members).unwrap();
            PEOPLE.iter().map(|name| members.contains(&key(name))).collect()
        };
        GROUPS.iter().map(of).collect()
    }

    async fn rebuild(&self, wanted: &Membership, max_questions: u64) -> GroupsRebuilt {
        let operations: Vec<GroupOperation> = GROUPS
            .iter()
            .zip(wanted)
            .map(|(name, members)| create(name, members))
            .collect();
        self.store
            .save_meta(&Meta {
                rebuild: Some(RebuildStage::LookingUp),
                ..Meta::default()
            })
            .unwrap();
        let (observer, stop): (SharedObserver, _) = (Arc::new(Unwatched), CancellationToken::new());
        let means = rebuild::Means {
            operations: &operations.iter().collect::<Vec<_>>(),
            nested: false,
            reader: &self.cloud,
            store: &self.store,
            lens: &self.lens,
            max_questions,
            concurrency: 2,
            observer: &observer,
            stop: &stop,
        };
        rebuild::rebuild(means).await.unwrap()
    }

    async fn audit(&self, position: AuditPosition, max_requests: u64) -> GroupsAudited {
        let (observer, stop): (SharedObserver, _) = (Arc::new(Unwatched), CancellationToken::new());
        let means = audit::Means {
            reader: &self.cloud,
            store: &self.store,
            lens: &self.lens,
            position,
            max_requests,
            concurrency: 2,
            observer: &observer,
            stop: &stop,
        };
        audit::groups::audit(means, false).await.unwrap()
    }

    /// One cycle; returns how many groups it had to do with.
    async fn cycle(&self, wanted: &Membership) -> usize {
        let account = |name: &&str| Account {
            key: key(name),
            dn: DnKey::of(&format!("uid={name}")),
            is_new: false,
            is_seen: true,
            may_be_here: false,
        };
        let accounts: Vec<Account> = PEOPLE.iter().map(account).collect();
        let groups: Vec<MappedGroup> = GROUPS
            .iter()
            .zip(wanted)
            .map(|(name, members)| mapped(name, members))
            .collect();
        let plan = plan(Inputs {
            groups: &groups,
            links: self.store.groups().unwrap(),
            rejects: self.store.group_rejects().unwrap(),
            roster: &Roster::new(&accounts, Sightings::default()),
            in_doubt: BTreeMap::new(),
            absence: Absence::AllButPresent,
            nesting: Nesting::Flatten,
            gone: GoneGroups {
                action: GoneAction::Delete,
                delete_after_days: 0,
            },
            confirm_cycles: 1,
            pushed: &|group, sum| self.store.members(group, sum),
            now: 1_000,
        });
        let operations = plan.unwrap().operations;
        let done = operations.len();
        let pace = Pace {
            concurrency: 2,
            now: 1_000,
        };
        let (observer, stop): (SharedObserver, _) = (Arc::new(Unwatched), CancellationToken::new());
        let run = execute_groups(operations, &self.cloud, &self.store, pace, &observer, &stop);
        let run = run.await.unwrap();
        assert_eq!((run.failed, run.skipped), (0, 0));
        done
    }
}

fn names(members: &[bool]) -> Vec<&'static str> {
    let all = PEOPLE.iter().zip(members);
    all.filter(|(_, is_in)| **is_in).map(|(name, _)| *name).collect()
}

fn mapped(name: &str, members: &[bool]) -> MappedGroup {
    let dns: Vec<String> = names(members).iter().map(|name| format!("uid={name}")).collect();
    let dns: Vec<&str> = dns.iter().map(String::as_str).collect();
    MappedGroup {
        resource: Ok(serde_json::from_value(json!({"displayName": name, "externalId": name})).unwrap()),
        ..group(name, &dns)
    }
}

fn create(name: &str, members: &[bool]) -> GroupOperation {
    let group = mapped(name, members);
    let mut add: Vec<_> = names(members).iter().map(|name| key(name)).collect();
    add.sort_unstable();
    GroupOperation {
        anchor: Anchor::new(name),
        dn: group.dn,
        action: GroupAction::Create,
        link: None,
        aside: None,
        after: group.resource.unwrap(),
        wanted: MemberSum::of(add.iter().copied()).keys,
        add,
        remove: Vec::new(),
        forget: Vec::new(),
        again: Vec::new(),
        takes_over: None,
    }
}

fn both(one: &Membership, other: &Membership) -> Membership {
    let pairs = one.iter().zip(other);
    pairs
        .map(|(one, other)| one.iter().zip(other).map(|(one, other)| *one || *other).collect())
        .collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn memberships() -> impl Strategy<Value = Membership> {
    prop::collection::vec(prop::collection::vec(any::<bool>(), PEOPLE.len()), GROUPS.len())
}

fn tells() -> impl Strategy<Value = Tells> {
    prop_oneof![
        Just(Tells::WithTheGroup),
        Just(Tells::ByPerson(ByPerson::UpTo(2))),
        Just(Tells::ByPerson(ByPerson::UpTo(1))),
        Just(Tells::ByPerson(ByPerson::Ignored)),
        Just(Tells::Never),
    ]
}

/// Who is known to be in a group, and who may be in it without our knowing.
fn knowable(tells: Tells, there: &Membership) -> Membership {
    let known = |person: usize| match tells {
        Tells::WithTheGroup => true,
        Tells::ByPerson(ByPerson::UpTo(most)) => there.iter().filter(|group| group[person]).count() <= most,
        Tells::ByPerson(ByPerson::Ignored) | Tells::Never => false,
    };
    let of = |group: &Vec<bool>| {
        group
            .iter()
            .enumerate()
            .map(|(at, is_in)| *is_in && known(at))
            .collect()
    };
    there.iter().map(of).collect()
}

proptest! {
    #[test]
    fn a_rebuild_remembers_what_can_be_known_and_the_next_cycle_does_the_rest(
        tells in tells(), there in memberships(), wanted in memberships(),
    ) {
        block_on(async {
            let town = Town::new(tells, &there).await;
            let rebuilt = town.rebuild(&wanted, 100).await;
            assert_eq!((rebuilt.linked, rebuilt.unclear.count, rebuilt.stopped.clone()), (2, 0, None));
            let known = knowable(tells, &there);
            assert_eq!(town.remembered(), known);
            let unknown = known != there;
            assert!(!unknown || rebuilt.knowledge != Knowledge::Whole);
            town.cycle(&wanted).await;
            // Who cannot be known to be in a group stays; nobody else does, and nobody is missing.
            let stays: Membership = there.iter().zip(&known)
                .map(|(there, known)| there.iter().zip(known).map(|(there, known)| *there && !known).collect())
                .collect();
            assert_eq!(town.there(), both(&wanted, &stays));
            assert_eq!(town.cycle(&wanted).await, 0);
        });
    }

    #[test]
    fn an_audit_comes_round_and_undoes_what_was_done_by_hand(
        by_person in any::<bool>(), wanted in memberships(), edited in memberships(), most in 1_u64..9,
    ) {
        block_on(async {
            let tells = if by_person { Tells::ByPerson(ByPerson::UpTo(2)) } else { Tells::WithTheGroup };
            let town = Town::new(tells, &wanted).await;
            town.rebuild(&wanted, 100).await;
            assert_eq!(town.cycle(&wanted).await, 0);
            for (id, members) in town.cloud.groups().into_keys().zip(&edited) {
                let ids: BTreeSet<String> = names(members).iter().map(|name| town.id(name).0).collect();
                town.cloud.edit_members(&id, |members| *members = ids);
            }
            let mut position = AuditPosition::default();
            for _ in 0..20 {
                let audited = town.audit(position, most).await;
                assert_eq!((audited.stopped.clone(), audited.unanswered), (None, 0));
                audit::repair_groups(&*town.store, &audited.drifts).unwrap();
                position = audited.next;
                if position == AuditPosition::default() {
                    break;
                }
            }
            assert_eq!(position, AuditPosition::default(), "it comes to an end");
            assert_eq!(town.remembered(), edited);
            town.cycle(&wanted).await;
            assert_eq!(town.there(), wanted);
            assert_eq!(town.cycle(&wanted).await, 0);
        });
    }
}

#[test]
fn a_cloud_that_answers_every_question_with_every_group_is_not_believed() {
    block_on(async {
        let there = vec![vec![true, false, false, false, false], vec![false; 5]];
        let town = Town::new(Tells::ByPerson(ByPerson::Ignored), &there).await;
        let rebuilt = town.rebuild(&there, 100).await;
        assert_eq!((rebuilt.knowledge, rebuilt.members), (Knowledge::Nothing, 0));
        town.cycle(&there).await;
        let audited = town.audit(AuditPosition::default(), 100).await;
        assert_eq!(audited.drifts, []);
        assert_eq!(audited.members_told, crate::ports::MembersTold::Never);
    });
}
