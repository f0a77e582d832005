//! Audits: what the cloud holds against what was pushed, for a report or to be pushed right.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    engine::{Engine, chain, unix_now},
    order::{OrderError, Surroundings},
    setup::Setup,
};
use crate::{
    outcome::exit,
    plan::settings::Nesting,
    ports::{
        AccountReader, Audit, AuditPosition, AuditRecord, AuditStage, CycleRecord, GroupAuditRecord, Meta,
        ProviderError, SharedObserver, StateStore, StoreError,
    },
    report::{self, grouped},
    scim::ScimClient,
    survey::{
        Lens,
        audit::{
            self, Audited, Drift, Means,
            groups::{self, GroupDrift},
        },
    },
};

/// A change of everybody would fill the log.
const LOGGED_MAX: usize = 100;

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client cannot be made.
    #[error("{0}")]
    Usage(String),
}

impl Engine {
    /// Compares from where the last audit stopped. Changes neither cloud nor state.
    ///
    /// # Errors
    /// When the state cannot be read, or there is no client to ask with.
    pub async fn compare(
        &self,
        setup: &Setup,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<Audited, AuditError> {
        let (scim, profile) = (setup.config.scim.clone(), Arc::clone(&setup.policy.profile));
        let client = ScimClient::new(scim, profile, Arc::clone(observer), stop.clone())
            .map_err(|error| AuditError::Usage(chain(&error)))?;
        let client = Arc::new(client);
        let lens = Lens::new(&setup.policy.mapper, &setup.policy.profile);
        let position = self.store.meta()?.audit.map(|audit| audit.position).unwrap_or_default();
        let (max_requests, concurrency) = (setup.config.audit.max_requests, setup.config.scim.concurrency);
        let of_people = position.stage == AuditStage::People || setup.policy.groups.is_none();
        let mut audited = if of_people {
            let means = Means {
                reader: &client,
                store: &self.store,
                lens: &lens,
                // Whoever has stopped to push groups begins with the people.
                position: match position.stage {
                    AuditStage::People => position,
                    AuditStage::Groups | AuditStage::Memberships => AuditPosition::default(),
                },
                max_requests,
                concurrency,
                observer,
                stop,
            };
            audit::audit(means).await?
        } else {
            Audited {
                people: self.store.marks()?.len() as u64,
                ..Audited::default()
            }
        };
        if let Some(policy) = setup.policy.groups.as_ref().filter(|_| audited.round_complete()) {
            let before = client.requests();
            let means = Means {
                reader: &client,
                store: &self.store,
                lens: &lens,
                position: if of_people { AuditPosition::default() } else { position },
                max_requests: max_requests.saturating_sub(audited.requests),
                concurrency,
                observer,
                stop,
            };
            let of_groups = groups::audit(means, policy.nesting == Nesting::Push).await?;
            audited.add_groups(of_groups, client.requests() - before);
        }
        Ok(audited)
    }

    /// Compares, remembers where to go on, and with `repair` has the next plan push right what was found.
    ///
    /// # Errors
    /// See [`Engine::compare`]; also when the state cannot be written.
    pub(super) async fn audit(
        &self,
        setup: &Setup,
        repair: bool,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<AuditRecord, AuditError> {
        let started = unix_now();
        let audited = self.compare(setup, observer, stop).await?;
        log_drifts(&audited.drifts);
        let of_groups = audited.groups.as_ref().map_or(&[][..], |groups| &groups.drifts);
        log_group_drifts(of_groups);
        let repaired = repair && audited.has_drifts();
        if repaired {
            audit::repair(&*self.store, &audited.drifts)?;
            audit::repair_groups(&*self.store, of_groups)?;
        }
        let record = record(&audited, repaired, started);
        let meta = self.store.meta()?;
        let last = record.clone();
        let audit = Some(Audit {
            position: audited.next,
            last,
        });
        self.store.save_meta(&Meta { audit, ..meta })?;
        log_audit(&record);
        Ok(record)
    }
}

/// For the report of a dry run. Blocking. Waits for a cycle in progress, which would be seen half done.
///
/// # Errors
/// When the state cannot be read, or there is no client to ask with.
pub fn for_report(engine: &Engine, setup: &Setup, around: &Surroundings) -> Result<Audited, OrderError> {
    let _single_flight = engine.busy.blocking_lock();
    let runtime = tokio::runtime::Handle::current();
    let audited = runtime.block_on(engine.compare(setup, &around.observer, &around.stop));
    audited.map_err(|error| match error {
        AuditError::Store(error) => error.into(),
        AuditError::Usage(words) => OrderError::Words(words, exit::USAGE),
    })
}

/// The record of a run that was an audit and nothing more.
pub(super) fn as_cycle(record: AuditRecord) -> CycleRecord {
    CycleRecord {
        started: record.started,
        ended: record.ended,
        exit_code: record.exit_code,
        outcome: record.outcome,
        requests: record.requests,
        ..CycleRecord::default()
    }
}

fn record(audited: &Audited, repaired: bool, started: i64) -> AuditRecord {
    AuditRecord {
        started,
        ended: unix_now(),
        exit_code: exit_code(audited),
        outcome: outcome(audited),
        people: audited.people,
        compared: audited.compared,
        differing: audited.differing(),
        missing: audited.missing(),
        repaired,
        round_complete: audited.round_complete(),
        requests: audited.requests,
        groups: audited.groups.as_ref().map(|groups| GroupAuditRecord {
            groups: groups.groups,
            compared: groups.compared,
            people_asked: groups.people_asked,
            differing: groups.differing(),
            missing: groups.missing(),
        }),
    }
}

/// The exit code that an audit by itself ends with: drift is a finding, not a failure.
pub(super) fn exit_code(audited: &Audited) -> u8 {
    match &audited.stopped {
        Some(ProviderError::Cancelled) => exit::OBJECTS,
        Some(_) => exit::PROVIDER,
        None if unanswered(audited) > 0 => exit::OBJECTS,
        None => exit::DONE,
    }
}

fn unanswered(audited: &Audited) -> u64 {
    audited.unanswered + audited.groups.as_ref().map_or(0, |groups| groups.unanswered)
}

fn outcome(audited: &Audited) -> String {
    let mut words = format!(
        "audit: {} of {} compared, {} changed by hand, {} gone",
        grouped(audited.compared),
        report::count(audited.people, "account"),
        grouped(audited.differing()),
        grouped(audited.missing())
    );
    if let Some(groups) = &audited.groups {
        words += &format!(
            "; {} of {} compared, {} changed by hand, {} gone",
            grouped(groups.compared),
            report::count(groups.groups, "group"),
            grouped(groups.differing()),
            grouped(groups.missing())
        );
        if groups.people_asked > 0 {
            words += &format!(", the groups of {} asked for", report::people(groups.people_asked));
        }
    }
    if unanswered(audited) > 0 {
        words += &format!(", {} without a usable answer", grouped(unanswered(audited)));
    }
    match &audited.stopped {
        Some(error) => words += &format!("; stopped: {error}"),
        None if !audited.round_complete() => words += "; the next audit goes on from here",
        None => {}
    }
    words
}

/// Points to those whose accounts are not as they were pushed. Who they are stays below info.
fn log_drifts(drifts: &[Drift]) {
    for drift in drifts.iter().take(LOGGED_MAX) {
        let anchor = drift.anchor.as_str();
        tracing::debug!(anchor, dn = drift.dn, user = drift.told.resource.user_name(), "drifted");
        match &drift.held {
            None => tracing::warn!(anchor, "the account is gone; scimward --dry-run --audit says more"),
            Some(held) => {
                let changes = report::changes(Some(&drift.told), Some(held));
                let attributes: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
                tracing::warn!(
                    anchor,
                    attributes = attributes.join(", "),
                    "the account was changed by hand; scimward --dry-run --audit says more"
                );
            }
        }
    }
    let more = drifts.len().saturating_sub(LOGGED_MAX);
    if more > 0 {
        tracing::warn!(more, "further accounts were changed by hand or are gone");
    }
}

/// The same for groups.
fn log_group_drifts(drifts: &[GroupDrift]) {
    for GroupDrift { anchor, dn, held, .. } in drifts.iter().take(LOGGED_MAX) {
        let anchor = anchor.as_str();
        tracing::debug!(anchor, dn, "drifted");
        match held {
            None => tracing::warn!(anchor, "the group is gone; scimward --dry-run --audit says more"),
            Some(held) => tracing::warn!(
                anchor,
                taken_out = held.missing.len(),
                put_in = held.extra.len(),
                "the group was changed by hand; scimward --dry-run --audit says more"
            ),
        }
    }
    let more = drifts.len().saturating_sub(LOGGED_MAX);
    if more > 0 {
        tracing::warn!(more, "further groups were changed by hand or are gone");
    }
}

fn log_audit(record: &AuditRecord) {
    let (code, outcome) = (record.exit_code, &record.outcome);
    let of_groups = record
        .groups
        .as_ref()
        .map_or(0, |groups| groups.differing + groups.missing);
    match record.exit_code {
        exit::DONE if record.differing + record.missing + of_groups == 0 => {
            tracing::info!(code, outcome, "audit ended")
        }
        exit::DONE | exit::OBJECTS => tracing::warn!(code, outcome, "audit ended"),
        _ => tracing::error!(code, outcome, "audit ended"),
    }
}
