//! Who a key stands for, in words.

use std::collections::BTreeMap;

use crate::{
    cycle::Planned,
    model::{Action, AnchorKey, GroupLink, MappedGroup, Step},
    ports::{GroupStore, PlanSpool, StateStore, StoreError},
    report::Member,
    store::SledStore,
};

/// Names of members: of everybody the state knows, and of those who are created in a plan. Of each of them
/// it keeps a key and no name.
pub(super) struct Names<'a> {
    store: &'a SledStore,
    spool: &'a dyn PlanSpool,
    planned: &'a Planned,
    created: BTreeMap<AnchorKey, Step>,
    links: BTreeMap<AnchorKey, GroupLink>,
    read: BTreeMap<AnchorKey, &'a MappedGroup>,
}

impl<'a> Names<'a> {
    /// For the members in a plan.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn new(
        store: &'a SledStore,
        planned: &'a Planned,
        spool: &'a dyn PlanSpool,
    ) -> Result<Self, StoreError> {
        let plan = &planned.plan;
        let is_create = |step: &&Step| plan.action(**step).is_some_and(|(action, _)| action == Action::Create);
        let created = plan.steps.iter().filter(is_create);
        let read = planned.groups.iter().flat_map(|groups| &groups.read);
        Ok(Self {
            store,
            spool,
            planned,
            created: created.filter_map(|step| Some((plan.person(*step)?, *step))).collect(),
            links: store.groups()?.into_iter().collect(),
            read: read
                .filter_map(|group| Some((group.anchor.as_ref()?.key(), group)))
                .collect(),
        })
    }

    /// The memory of a group.
    pub(super) fn link(&self, group: AnchorKey) -> Option<&GroupLink> {
        self.links.get(&group)
    }

    /// A person, or a group that is a member; nothing when nobody of that key is known.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn of(&self, key: AnchorKey) -> Result<Option<Member>, StoreError> {
        if let Some(member) = self.group(key) {
            return Ok(Some(member));
        }
        // Whoever is created has another account from then on than the state may remember.
        if let Some(step) = self.created.get(&key) {
            let operation = self.planned.plan.complete(*step, self.spool.operation(step.index)?);
            return Ok(Some(Member {
                is_group: false,
                name: operation.user_name().to_owned(),
                dn: operation.dn,
                id: None,
            }));
        }
        Ok(self.store.link(key)?.map(|link| Member {
            is_group: false,
            name: link.pushed.resource.user_name().to_owned(),
            dn: link.dn,
            id: Some(link.id),
        }))
    }

    fn group(&self, key: AnchorKey) -> Option<Member> {
        let (link, read) = (self.links.get(&key), self.read.get(&key));
        let resource = read.and_then(|group| group.resource.as_ref().ok());
        let resource = resource.or(link.map(|link| &link.resource));
        let dn = read.map(|group| &group.dn).or(link.map(|link| &link.dn))?;
        Some(Member {
            is_group: true,
            name: resource
                .and_then(|it| it.text("displayName"))
                .unwrap_or_default()
                .to_owned(),
            dn: dn.clone(),
            id: link.and_then(|link| link.id.clone()),
        })
    }
}
