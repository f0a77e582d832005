//! The daemon's look at the token: at its start, after a change of the configuration, and once a day.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        engine::{Engine, chain},
        setup::Setup,
    },
    advice, control_plane, key,
    known::{ask, known_here, rotation, silent},
    renew::warn_of_short_life,
};
use crate::{
    cloud::Rotated,
    daemon::status::TokenStatus,
    expiry::{self, Judgement, Severity},
    ports::{Meta, StateStore},
};

impl Engine {
    /// See [`crate::daemon::Runner::tend_token`].
    pub(in crate::app) async fn look_after_token(
        self: &Arc<Self>,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> TokenStatus {
        let setup = self.setup();
        let (mut token, mut refused) = self.look(&setup, now, stop).await;
        // The first one may only end what was begun before.
        for _ in 0..2 {
            match self.renew_if_due(&setup, &token, refused.as_deref(), now, stop).await {
                Ok(None) => break,
                Ok(Some(rotated)) => {
                    (token, refused) = self.look(&setup, now, stop).await;
                    if !matches!(rotated, Rotated::Completed { .. }) {
                        warn_of_short_life(&setup, &token, now);
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the state does not say when the token was renewed, so it is left alone");
                    break;
                }
            }
        }
        match self.store.meta() {
            Ok(meta) => log(&setup, &token, &meta, now),
            Err(error) => tracing::error!(%error, "the state cannot be read"),
        }
        token
    }

    /// What is known of the token; and why the access key is to be left alone, if it is.
    async fn look(&self, setup: &Setup, now: DateTime<Utc>, stop: &CancellationToken) -> (TokenStatus, Option<String>) {
        let mut status = known_here(setup);
        let Some(control) = control_plane(setup) else {
            return (status, None);
        };
        let key = key::digest(control);
        let before = match self.store.meta() {
            Ok(meta) => key::refused_today(&meta, &key, now),
            Err(error) => Some(format!("the state cannot be read, so it is not asked: {error}")),
        };
        let refused = match before {
            Some(why) => Some(why),
            None => match ask(setup, control, &mut status).await {
                Ok(_) => None,
                Err(error) => {
                    let why = chain(&error);
                    if error.status() == Some(401) {
                        self.remember_refusal(key, &why, now, stop).await;
                    }
                    status.problem = Some(silent(&why));
                    error.refusal().is_some().then_some(why)
                }
            },
        };
        if let Some(why) = &refused {
            status.problem = Some(silent(why));
        }
        (status, refused)
    }
}

fn log(setup: &Setup, token: &TokenStatus, meta: &Meta, now: DateTime<Utc>) {
    let token = token.clone().with_use(setup, meta, now);
    match &token.problem {
        Some(problem) if token.refused => tracing::error!(%problem, "the token is let in no more"),
        Some(problem) => tracing::warn!(%problem, "when the token expires is not known for certain"),
        None => {}
    }
    let Some(expires) = token.expires else { return };
    let Judgement { severity, words, .. } = expiry::judge(now, expires);
    let failed = rotation(&token, meta).is_some_and(|record| !record.done);
    let advice = advice(setup, expires, now, failed);
    match severity {
        Severity::Quiet => tracing::debug!("the token {words}"),
        Severity::Info => tracing::info!("the token {words}; {advice}"),
        Severity::Warning => tracing::warn!("the token {words}; {advice}"),
        Severity::Error => tracing::error!("the token {words}; {advice}"),
    }
}
