//! The seam for groups.

use std::{collections::BTreeMap, future::Future};

use serde::{Deserialize, Serialize};

use super::{AccountReader, Created, ListFrom, ListPage, Match, Probe, ProviderError, StoreError, Taken};
use crate::model::{AnchorKey, GroupLink, MemberSum, Reject, Resource, ResourceId};

/// What a request about a group as such carries; members travel apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPayload {
    /// The anchor, by which our own groups are recognised in `externalId`.
    pub external_id: String,
    /// Attributes as wanted.
    pub resource: Resource,
}

/// People put into a group and taken out of it, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// To be put in; those who are in already do no harm.
    pub add: Vec<ResourceId>,
    /// To be taken out; those who are not in do no harm.
    pub remove: Vec<ResourceId>,
}

impl MemberChange {
    /// Members named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.add.len() + self.remove.len()
    }

    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known of a group at the service provider besides its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundGroup {
    /// Whether and why it may be adopted.
    pub probe: Probe,
    /// Its members, where this service provider tells.
    pub members: Option<Vec<ResourceId>>,
}

/// Groups at the service provider. As with people, what comes back is final for this run; every request
/// about members may be repeated without harm.
pub trait GroupProvider: Send + Sync + 'static {
    /// Most members that one request may name.
    fn member_chunk(&self) -> usize;

    /// Creates the group without members, or adopts the one of its name by the configured policy. With
    /// `look_up_first` an earlier run may have created it already. A group that `taken` says is linked is
    /// never adopted. An adopted group is brought to the attributes wanted.
    fn create_group(
        &self,
        payload: &GroupPayload,
        look_up_first: bool,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<Created, ProviderError>> + Send;

    /// Brings the group's attributes to the wanted state.
    fn update_group(
        &self,
        id: &ResourceId,
        before: &Resource,
        payload: &GroupPayload,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Puts people in and takes people out: at most [`GroupProvider::member_chunk`] together.
    /// [`ProviderError::Gone`] when the group is not there, or one of the people.
    fn change_members(
        &self,
        id: &ResourceId,
        change: &MemberChange,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// The members, where this service provider tells; nothing where it never does.
    fn members(&self, id: &ResourceId) -> impl Future<Output = Result<Option<Vec<ResourceId>>, ProviderError>> + Send;

    /// Deletes the group. [`ProviderError::Gone`] when there is none of that id.
    fn delete_group(&self, id: &ResourceId) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Whether the group is really not there: proved by a look-up that was answered with other groups or
    /// none, not by a 404 of the group's own address alone.
    fn group_is_gone(
        &self,
        id: &ResourceId,
        payload: &GroupPayload,
    ) -> impl Future<Output = Result<bool, ProviderError>> + Send;

    /// The group of this name whose `externalId` proves that it is ours: what an interrupted create has left.
    fn find_own_group(
        &self,
        payload: &GroupPayload,
        taken: super::Taken<'_>,
    ) -> impl Future<Output = Result<Option<ResourceId>, ProviderError>> + Send;

    /// Whether a person's account is there; decides who of a refused chunk is missing.
    fn has_person(&self, id: &ResourceId) -> impl Future<Output = Result<bool, ProviderError>> + Send;

    /// Asks for the group that would stand in the way (the dry run's `--probe`).
    fn probe_group(
        &self,
        payload: &GroupPayload,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<FoundGroup, ProviderError>> + Send;
}

/// A group as the service provider shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudGroup {
    /// Its id; never empty.
    pub id: ResourceId,
    /// Its attributes, as far as they are shown.
    pub resource: Resource,
    /// Its members, where this service provider tells.
    pub members: Option<Vec<ResourceId>>,
}

/// How it can be learned who is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersTold {
    /// A group is shown with its members.
    WithTheGroup,
    /// It can be asked for the groups of a person.
    ByPerson,
    /// Not at all.
    Never,
}

/// The groups of the SCIM side, looked at and not changed: for a rebuild of the state and for audits. In
/// lists and look-ups a group stands in the place of an account.
pub trait GroupReader: AccountReader {
    /// How members can be learned.
    fn members_told(&self) -> MembersTold;

    /// One page of all groups, without their members.
    fn list_groups(&self, from: &ListFrom) -> impl Future<Output = Result<ListPage, ProviderError>> + Send;

    /// The group of that id; nothing when the provider itself says that there is none.
    fn group(&self, id: &ResourceId) -> impl Future<Output = Result<Option<CloudGroup>, ProviderError>> + Send;

    /// Whether there is really no group of that id: proved by a look-up that was answered.
    fn has_no_group(
        &self,
        id: &ResourceId,
        payload: &GroupPayload,
    ) -> impl Future<Output = Result<bool, ProviderError>> + Send;

    /// Looks for this group by what the provider can filter on, and judges it as
    /// [`AccountReader::account_of`] judges accounts. Changes nothing.
    fn group_of(
        &self,
        payload: &GroupPayload,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<Match, ProviderError>> + Send;

    /// The same judgement for a group that is at hand, by the `externalId` it has there.
    ///
    /// # Errors
    /// Why it is left alone, and what to do.
    fn judge_group(&self, external_id: Option<&str>, payload: &GroupPayload) -> Result<(), String>;

    /// The groups that a person is in; nothing when not all of them can be told, or none ever
    /// ([`MembersTold::ByPerson`] says that they can).
    fn groups_of(
        &self,
        person: &ResourceId,
    ) -> impl Future<Output = Result<Option<Vec<ResourceId>>, ProviderError>> + Send;
}

/// What one cycle did to groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Groups read.
    pub entries: u64,
    /// Groups done, by action.
    pub done: BTreeMap<String, u64>,
    /// Of those created, how many were adopted.
    pub adopted: u64,
    /// People put into groups.
    pub added: u64,
    /// People taken out of groups.
    pub removed: u64,
    /// Members who have no account yet.
    pub waiting_members: u64,
    /// Groups that failed.
    pub failed: u64,
    /// Groups rejected by mapping or profile.
    pub rejected: u64,
}

/// A change of what is remembered of groups. Each is applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// Remember a group; its member records stay.
    Put(AnchorKey, Box<GroupLink>),
    /// Remember a group together with members who came and went. The link's sum covers them.
    Members {
        /// The group.
        group: AnchorKey,
        /// Its link after the change.
        link: Box<GroupLink>,
        /// Who is a member now.
        add: Vec<AnchorKey>,
        /// Who is none any more.
        remove: Vec<AnchorKey>,
    },
    /// Remember of whom nobody knows whether they are in the group, in place of those before.
    InDoubt {
        /// The group.
        group: AnchorKey,
        /// The people, in key order.
        people: Vec<AnchorKey>,
    },
    /// Forget the group, its members, and who is in doubt.
    Forget(AnchorKey),
}

/// The memory of groups between cycles.
pub trait GroupStore: Send + Sync + 'static {
    /// Every group, in key order.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn groups(&self) -> Result<Vec<(AnchorKey, GroupLink)>, StoreError>;

    /// The members last pushed, in key order.
    ///
    /// # Errors
    /// When the state cannot be read, or when they are not those that `sum` speaks of: then some of
    /// their records were lost.
    fn members(&self, group: AnchorKey, sum: MemberSum) -> Result<Vec<AnchorKey>, StoreError>;

    /// Whether somebody was pushed as a member of a group.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn is_member(&self, group: AnchorKey, person: AnchorKey) -> Result<bool, StoreError>;

    /// People of whom nobody knows whether they are in a group: requests about them were under way and not
    /// heard of. By group, in key order.
    ///
    /// # Errors
    /// When the state cannot be read, or some of it was lost.
    fn members_in_doubt(&self) -> Result<BTreeMap<AnchorKey, Vec<AnchorKey>>, StoreError>;

    /// Applies changes, in order. Durable after the next [`super::StateStore::flush`].
    ///
    /// # Errors
    /// When the state cannot be written.
    fn apply_groups(&self, changes: &[GroupChange]) -> Result<(), StoreError>;

    /// Every group that could not be pushed, in key order.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn group_rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError>;

    /// Adds or replaces rejects (`Some`), or removes them (`None`).
    ///
    /// # Errors
    /// When the state cannot be written.
    fn save_group_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError>;
}
