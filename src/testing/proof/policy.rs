//! What the tenants of the proof go by.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;

use super::net::BASE;
use crate::{
    cycle::{Policy, groups::GroupPolicy},
    mapping::{
        Mapper,
        groups::{GroupMapper, RosterRule},
        spec::{GroupMappingSpec, GroupPreset, MappingSpec, Preset, RuleSpec},
    },
    model::Digest,
    plan::settings::{
        GoneAction, GoneGroups, GroupLimits, LeaverAction, Leavers, Limits, Nesting, OnExceeded, OnIncomplete,
    },
    profile::Profile,
    scim::settings::{Adopt, ScimSettings},
    secret::SecretSource,
};

/// Days between deactivation and deletion, of people and of groups.
pub(super) const GRACE_DAYS: u32 = 30;
/// Members in one request: few, so that a small group takes many.
pub(super) const CHUNK: usize = 3;

/// `[scim]` with its defaults.
pub(super) fn settings(profile: &Profile) -> ScimSettings {
    ScimSettings {
        endpoint: BASE.into(),
        token: SecretSource::Env("UNUSED".into()),
        ca_file: None,
        allow_plaintext: false,
        rate_per_s: profile.default_rate_per_s,
        concurrency: profile.default_concurrency,
        adopt: Adopt::Ours,
        request_timeout: Duration::from_secs(30),
        max_tries: 6,
        max_elapsed: Duration::from_secs(300),
    }
}

/// For the cloud of that name.
pub(super) fn policy(profile: &str) -> Arc<Policy> {
    #[derive(Deserialize)]
    struct Lines {
        map: BTreeMap<String, RuleSpec>,
    }
    let lines: Lines =
        toml::from_str(r#"map.active = { attribute = "accountStatus", lookup = { off = false }, default = true }"#)
            .unwrap();
    let mut profile = Profile::named(profile).unwrap();
    profile.groups.member_chunk = Some(CHUNK);
    let spec = MappingSpec {
        preset: Some(Preset::InetOrgPerson),
        map: lines.map,
        ..MappingSpec::default()
    };
    Arc::new(Policy {
        groups: Some(policy_of_groups()),
        mapper: Mapper::compile_for(&spec, &|path| profile.allows(path)).unwrap(),
        profile: Arc::new(profile),
        leavers: Leavers {
            action: LeaverAction::Delete,
            delete_after_days: GRACE_DAYS,
            confirm_cycles: 1,
        },
        limits: Limits {
            max_removals: 5,
            max_removals_percent: 30.0,
            on_exceeded: OnExceeded::Hold,
            protected: Vec::new(),
        },
        on_incomplete: OnIncomplete::NoRemovals,
        scope: Digest::of(b"everybody"),
    })
}

fn policy_of_groups() -> GroupPolicy {
    let spec = GroupMappingSpec {
        preset: Some(GroupPreset::GroupOfNames),
        ..GroupMappingSpec::default()
    };
    GroupPolicy {
        mapper: GroupMapper::compile(&spec).unwrap(),
        roster: RosterRule::compile(&spec).unwrap(),
        nesting: Nesting::Flatten,
        gone: GoneGroups {
            action: GoneAction::Delete,
            delete_after_days: GRACE_DAYS,
        },
        limits: GroupLimits {
            max_removals: 2,
            max_removals_percent: 30.0,
            max_member_removals: 5,
            max_member_removals_percent: 80.0,
            min_group_size: 5,
        },
        member_of: Vec::new(),
        scope: Digest::of(b"every group"),
    }
}
