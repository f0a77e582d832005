//! Creating an account or a group without ever creating two: a 409 or a lost answer means "look first".

use super::{
    account::refused,
    adopt::{Verdict, judge_in},
    client::{Budget, InDoubt, ScimClient, Sent},
    lookup::{Found, Holder},
    request::PlannedRequest,
    retry::Idempotency,
    settings::Adopt,
    wanted::Wanted,
    wire::{Account, is_uniqueness_error},
};
use crate::{
    model::ResourceId,
    ports::{Created, Match, Probe, ProviderError, Taken},
};

/// What a POST came to.
enum Posted {
    /// A new account.
    New(ResourceId),
    /// Something else holds its place; the provider's words.
    Taken(String),
    /// Nobody knows.
    InDoubt(InDoubt),
}

/// What is not known of the account while it is being created.
struct Doubt {
    /// An account with our externalId is our own half-done work, which no policy forbids.
    own_work: bool,
    /// An account of this person may be there, and nobody has told whose it is.
    open: bool,
}

impl ScimClient {
    /// POST; after a 409 or a lost answer look up, then adopt, post again, or report.
    pub(super) async fn create_or_adopt<W: Wanted>(
        &self,
        wanted: &W,
        look_up_first: bool,
        taken: Taken<'_>,
    ) -> Result<Created, ProviderError> {
        let mut doubt = Doubt {
            own_work: look_up_first,
            open: look_up_first,
        };
        match self.create_or_settle(wanted, &mut doubt, taken).await {
            // Trouble that outlasted the tries says the same of a create.
            Err(cause @ (ProviderError::Unavailable { .. } | ProviderError::InDoubt { .. })) => Err(cause),
            Err(cause) if doubt.open => Err(ProviderError::InDoubt { cause: Box::new(cause) }),
            result => result,
        }
    }

    async fn create_or_settle<W: Wanted>(
        &self,
        wanted: &W,
        doubt: &mut Doubt,
        taken: Taken<'_>,
    ) -> Result<Created, ProviderError> {
        let post = wanted.post(&self.profile);
        let mut budget = Budget::new();
        if doubt.own_work || W::post_is_blind(&self.profile) {
            match self.find(wanted).await? {
                Found::Nothing => doubt.open = false,
                Found::One(holder) => return self.settle(&holder, wanted, doubt, taken).await,
                Found::Unclear(why) => return Err(cannot_tell(wanted, &why)),
                Found::Unanswered(why) => return Err(unanswered(&why)),
            }
        }
        loop {
            match self.post::<W>(&post, &mut budget).await? {
                Posted::New(id) => return Ok(Created::New(id)),
                Posted::Taken(detail) => {
                    // Something on the way may have sent it twice.
                    doubt.open = true;
                    return match self.find(wanted).await? {
                        Found::One(holder) => self.settle(&holder, wanted, doubt, taken).await,
                        Found::Nothing => {
                            doubt.open = doubt.own_work;
                            Err(hidden(wanted, &detail))
                        }
                        Found::Unclear(why) => Err(cannot_tell(wanted, &why)),
                        Found::Unanswered(why) => Err(unanswered(&why)),
                    };
                }
                Posted::InDoubt(lost) => {
                    (doubt.own_work, doubt.open) = (true, true);
                    self.rest(lost.after).await?;
                    match self.find(wanted).await? {
                        Found::One(holder) => return self.settle(&holder, wanted, doubt, taken).await,
                        Found::Nothing if lost.may_repeat => {
                            tracing::debug!(reason = lost.reason, "the lost request created nothing; posting again");
                        }
                        Found::Nothing => return Err(budget.unavailable(lost.reason)),
                        Found::Unclear(why) => return Err(cannot_tell(wanted, &format!("{}; {why}", lost.reason))),
                        Found::Unanswered(why) => return Err(unanswered(&format!("{}; {why}", lost.reason))),
                    }
                }
            }
        }
    }

    async fn post<W: Wanted>(&self, post: &PlannedRequest, budget: &mut Budget) -> Result<Posted, ProviderError> {
        let answer = match self.attempt(post, Idempotency::Creates, budget).await? {
            Sent::Answered(answer) => answer,
            Sent::InDoubt(doubt) => return Ok(Posted::InDoubt(doubt)),
        };
        let body = answer.body.as_deref().unwrap_or_default();
        match answer.status {
            status @ 200..=299 => Ok(match Account::parse(body).id {
                Some(id) => Posted::New(id),
                // The provider has taken it (202, RFC 9967) or forgot the id: never post that twice.
                None => Posted::InDoubt(InDoubt {
                    after: self.limits.first_pause,
                    may_repeat: false,
                    reason: format!(
                        "the service provider answered {status} without an id, and no {} is there yet",
                        W::NOUN
                    ),
                }),
            }),
            409 => Ok(Posted::Taken(answer.detail)),
            400 if is_uniqueness_error(body) => Ok(Posted::Taken(answer.detail)),
            status => Err(refused(status, answer.detail)),
        }
    }

    /// Adopts the holder when the policy allows it.
    async fn settle<W: Wanted>(
        &self,
        holder: &Holder,
        wanted: &W,
        doubt: &mut Doubt,
        taken: Taken<'_>,
    ) -> Result<Created, ProviderError> {
        match self.judge_holder(holder, wanted, doubt.own_work, taken) {
            Verdict::Leave { because } => {
                doubt.open = false;
                Err(ProviderError::Conflict {
                    detail: format!("{:?} is held by {}: {because}", wanted.name(), holder.describe::<W>()),
                })
            }
            Verdict::Adopt { because } => {
                // Until we have heard that it is done.
                doubt.open = true;
                tracing::debug!(id = %holder.id, because, "adopting what is there");
                match wanted.take_over(self, holder).await {
                    Err(ProviderError::Gone) => Err(ProviderError::Conflict {
                        detail: format!("{} went away while it was being adopted", holder.describe::<W>()),
                    }),
                    result => result,
                }
            }
        }
    }

    pub(super) fn judge_holder<W: Wanted>(
        &self,
        holder: &Holder,
        wanted: &W,
        own_work: bool,
        taken: Taken<'_>,
    ) -> Verdict {
        if taken(&holder.id) {
            return Verdict::Leave {
                because: W::WORDS.taken.into(),
            };
        }
        let policy = match self.adopt {
            Adopt::Never if own_work => Adopt::Ours,
            policy => policy,
        };
        let there = holder.account.external_id.as_deref();
        judge_in(W::WORDS, policy, there, wanted.external_id())
    }

    /// What an interrupted create has left, if it has.
    pub(super) async fn own<W: Wanted>(
        &self,
        wanted: &W,
        taken: Taken<'_>,
    ) -> Result<Option<ResourceId>, ProviderError> {
        let holder = match self.find(wanted).await? {
            Found::One(holder) if !taken(&holder.id) => holder,
            Found::One(_) | Found::Nothing => return Ok(None),
            Found::Unclear(why) => return Err(cannot_tell(wanted, &why)),
            Found::Unanswered(why) => return Err(unanswered(&why)),
        };
        let there = holder.account.external_id.as_deref();
        let verdict = judge_in(W::WORDS, Adopt::Ours, there, wanted.external_id());
        Ok(matches!(verdict, Verdict::Adopt { .. }).then_some(holder.id))
    }

    /// Whose account is there for this person, or which group. One with their `externalId` is theirs,
    /// whatever the policy: nobody else gives that.
    pub(super) async fn match_for<W: Wanted>(&self, wanted: &W, taken: Taken<'_>) -> Result<Match, ProviderError> {
        let holder = match self.find(wanted).await? {
            Found::Nothing => return Ok(Match::Nothing),
            Found::Unclear(why) => return Ok(Match::Unclear(why)),
            Found::Unanswered(why) => return Err(unanswered(&why)),
            Found::One(holder) => holder,
        };
        let verdict = self.judge_holder(&holder, wanted, true, taken);
        Ok(match (verdict, holder.account.shown()) {
            (Verdict::Adopt { .. }, Some(account)) => Match::Theirs(Box::new(account)),
            (Verdict::Adopt { .. }, None) => Match::Unclear(format!("the {} found cannot be read", W::NOUN)),
            (Verdict::Leave { because }, _) => Match::Foreign {
                user_name: W::name_of(&holder.account).unwrap_or_default().to_owned(),
                id: holder.id,
                because,
            },
        })
    }

    /// The judgement of a rebuild on an account, or a group, that nobody else has.
    pub(super) fn judge_shown<W: Wanted>(&self, external_id: Option<&str>, wanted: &W) -> Result<(), String> {
        let policy = match self.adopt {
            Adopt::Never => Adopt::Ours,
            policy => policy,
        };
        match judge_in(W::WORDS, policy, external_id, wanted.external_id()) {
            Verdict::Adopt { .. } => Ok(()),
            Verdict::Leave { because } => Err(because),
        }
    }

    /// What a create would meet.
    pub(super) async fn probe_for<W: Wanted>(&self, wanted: &W, taken: Taken<'_>) -> Result<Probe, ProviderError> {
        let holder = match self.find(wanted).await? {
            Found::Nothing => return Ok(Probe::Nothing),
            Found::One(holder) => holder,
            Found::Unclear(why) => return Err(cannot_tell(wanted, &why)),
            Found::Unanswered(why) => return Err(unanswered(&why)),
        };
        let verdict = self.judge_holder(&holder, wanted, false, taken);
        let user_name = W::name_of(&holder.account).unwrap_or_default().to_owned();
        let id = holder.id;
        Ok(match verdict {
            Verdict::Adopt { because } => Probe::Adoptable {
                id,
                user_name,
                because: because.into(),
            },
            Verdict::Leave { because } => Probe::Foreign { id, user_name, because },
        })
    }
}

fn cannot_tell<W: Wanted>(wanted: &W, why: &str) -> ProviderError {
    ProviderError::Conflict {
        detail: format!(
            "cannot tell whether there is {} {:?} already, so none is made: {why}",
            W::A_NOUN,
            wanted.name()
        ),
    }
}

/// Nobody knows yet: what stands in front of the provider, or a whim of it, is asked again later.
fn unanswered(why: &str) -> ProviderError {
    ProviderError::Unavailable {
        reason: why.to_owned(),
        tries: 1,
    }
}

fn hidden<W: Wanted>(wanted: &W, detail: &str) -> ProviderError {
    ProviderError::Conflict {
        detail: format!(
            "the service provider says that {:?} is taken ({detail}), but the look-up finds no such {}: it may be \
             hidden from this token, {}or be on its way out",
            wanted.name(),
            W::NOUN,
            W::ELSE
        ),
    }
}
