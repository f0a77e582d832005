//! The port, and what each answer means for one account.

use super::{
    client::{Budget, ScimClient, Sent},
    lookup::Found,
    request::{self, PlannedRequest},
    retry::Idempotency,
    transport::Answer,
    wanted::Wanted,
    wire::is_scim_answer,
};
use crate::{
    model::{Pushed, ResourceId},
    ports::{Created, Payload, Probe, ProviderError, ServiceProvider, Taken},
};

impl ServiceProvider for ScimClient {
    async fn create(&self, payload: &Payload, look_up_first: bool, taken: Taken<'_>) -> Result<Created, ProviderError> {
        self.heed(self.create_or_adopt(payload, look_up_first, taken).await)
    }

    async fn update(&self, id: &ResourceId, before: &Pushed, payload: &Payload) -> Result<(), ProviderError> {
        self.heed(self.bring_up_to_date(id, before, payload).await)
    }

    async fn deactivate(&self, id: &ResourceId, payload: &Payload) -> Result<(), ProviderError> {
        self.heed(self.change(&request::deactivate(&self.profile, id, payload)).await)
    }

    async fn delete(&self, id: &ResourceId) -> Result<(), ProviderError> {
        self.heed(self.change(&request::delete(id)).await)
    }

    async fn is_gone(&self, id: &ResourceId, payload: &Payload) -> Result<bool, ProviderError> {
        self.heed(self.proves_absence(id, payload).await)
    }

    async fn find_own(&self, payload: &Payload, taken: Taken<'_>) -> Result<Option<ResourceId>, ProviderError> {
        self.own(payload, taken).await
    }

    async fn probe(&self, payload: &Payload, taken: Taken<'_>) -> Result<Probe, ProviderError> {
        self.heed(self.probe_for(payload, taken).await)
    }
}

impl ScimClient {
    /// One refusal of the token speaks for all: requests that wait for their turn are not sent any more.
    pub(super) fn heed<T>(&self, result: Result<T, ProviderError>) -> Result<T, ProviderError> {
        let cause = match &result {
            Err(ProviderError::InDoubt { cause }) => Some(&**cause),
            Err(error) => Some(error),
            Ok(_) => None,
        };
        if matches!(cause, Some(ProviderError::Unauthorized { .. })) {
            self.stop.cancel();
        }
        result
    }

    /// PUT or PATCH. A conflict may be two changes at the same instant, so it is tried once more.
    pub(super) async fn bring_up_to_date(
        &self,
        id: &ResourceId,
        before: &Pushed,
        payload: &Payload,
    ) -> Result<(), ProviderError> {
        let request = request::update(&self.profile, id, before, payload);
        match self.change_twice(&request).await {
            Err(ProviderError::Conflict { detail }) => Err(self.name_holder(id, payload, detail).await),
            result => result,
        }
    }

    /// A change that is tried once more after a conflict.
    pub(super) async fn change_twice(&self, request: &PlannedRequest) -> Result<(), ProviderError> {
        match self.change(request).await {
            Err(ProviderError::Conflict { .. }) => {}
            result => return result,
        }
        self.rest(self.limits.first_pause).await?;
        self.change(request).await
    }

    pub(super) async fn change(&self, request: &PlannedRequest) -> Result<(), ProviderError> {
        let mut budget = Budget::new();
        match self.attempt(request, Idempotency::Idempotent, &mut budget).await? {
            Sent::Answered(answer) => judge(answer).map_err(|error| budget.in_doubt(error)),
            Sent::InDoubt(doubt) => Err(budget.unavailable(doubt.reason)),
        }
    }

    /// A conflict that says who is in the way, where that can be found out.
    pub(super) async fn name_holder<W: Wanted>(&self, id: &ResourceId, wanted: &W, detail: String) -> ProviderError {
        let detail = match self.find_by_name(wanted).await {
            Ok(Found::One(holder)) if holder.id != *id => {
                format!("{:?} is held by {}: {detail}", wanted.name(), holder.describe::<W>())
            }
            _ => detail,
        };
        ProviderError::Conflict { detail }
    }
}

/// What the answer to a change means. Any 2xx is a success, with or without a body;
/// 202 is a promise (RFC 9967).
pub(super) fn judge(answer: Answer) -> Result<(), ProviderError> {
    let Answer {
        status, detail, body, ..
    } = answer;
    match status {
        200..=299 => Ok(()),
        404 if body.is_ok_and(|body| is_scim_answer(&body)) => Err(ProviderError::Gone),
        // Believing it would forget an account, or report a deletion that did not happen.
        404 => Err(ProviderError::Unavailable {
            reason: format!("something in front of the service provider answered 404: {detail}"),
            tries: 1,
        }),
        409 | 412 => Err(ProviderError::Conflict {
            detail: format!("the service provider answered {status}: {detail}"),
        }),
        status => Err(refused(status, detail)),
    }
}

/// A refusal is about the person, but for these: they say that nobody there knows the request at all,
/// which a wrong address or a gateway does to everybody.
pub(super) fn refused(status: u16, detail: String) -> ProviderError {
    match status {
        404 | 405 | 410 | 501 => ProviderError::Unavailable {
            reason: format!("answered {status}: {detail}; is [scim] endpoint right?"),
            tries: 1,
        },
        _ => ProviderError::Refused { status, detail },
    }
}
