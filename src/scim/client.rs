//! The client: pace, token, repetition. What an answer means for an account is said in `account`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    SetupError,
    rate::RateLimiter,
    request::PlannedRequest,
    retry::{self, Decision, Idempotency, Outcome, Progress, RetryLimits},
    settings::{Adopt, ScimSettings},
    token::{Bearer, Token, TokenVerdict},
    transport::{Answer, Exchange, Transport},
    wire::{explain, is_web_page},
};
use crate::{
    ports::{Event, ProviderError, SharedObserver},
    profile::Profile,
};

/// Ceiling of the first pause between tries.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Ceiling of every pause that the provider did not ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How an answer is called that is a success and no SCIM.
pub(super) const WEB_PAGE: &str = "with a web page";

/// A SCIM service provider (RFC 7644), spoken to over HTTPS.
pub struct ScimClient {
    pub(super) profile: Arc<Profile>,
    pub(super) adopt: Adopt,
    pub(super) limits: RetryLimits,
    pub(super) transport: Transport,
    token: Token,
    rate: RateLimiter,
    pub(super) observer: SharedObserver,
    /// The run's, or ours alone once the service provider has refused us.
    pub(super) stop: CancellationToken,
    sent: AtomicU64,
}

/// How far one request, or several that count as one, has got.
pub(super) struct Budget {
    tries: u32,
    started: Option<Instant>,
    token_renewed: bool,
    /// A try before the last one may have taken effect.
    perhaps_done: bool,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            tries: 0,
            started: None,
            token_renewed: false,
            perhaps_done: false,
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            tries: self.tries,
            elapsed: self.started.map_or(Duration::ZERO, |started| started.elapsed()),
        }
    }

    /// `error`, or that it is in doubt when an earlier try may have taken effect: who says no to this one
    /// has said nothing of that.
    pub(super) fn in_doubt(&self, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Refused { .. } if self.perhaps_done => ProviderError::InDoubt { cause: Box::new(error) },
            error => error,
        }
    }

    /// The error for trouble that outlasted this budget.
    pub(super) fn unavailable(&self, reason: String) -> ProviderError {
        ProviderError::Unavailable {
            reason,
            tries: self.tries,
        }
    }
}

/// The end of a request's tries.
pub(super) enum Sent {
    /// An answer that stands.
    Answered(Answer),
    /// It may have taken effect: look before anything else.
    InDoubt(InDoubt),
}

/// A POST of which nobody knows whether it created something.
pub(super) struct InDoubt {
    pub after: Duration,
    pub may_repeat: bool,
    pub reason: String,
}

impl ScimClient {
    /// Prepares everything but sends nothing.
    ///
    /// # Errors
    /// When endpoint, CA file or token cannot be used; the message says which and why.
    pub fn new(
        settings: ScimSettings,
        profile: Arc<Profile>,
        observer: SharedObserver,
        stop: CancellationToken,
    ) -> Result<Self, SetupError> {
        let token = Token::new(settings.token.clone())?;
        Self::with_token(&settings, profile, token, observer, stop)
    }

    pub(super) fn with_token(
        settings: &ScimSettings,
        profile: Arc<Profile>,
        token: Token,
        observer: SharedObserver,
        stop: CancellationToken,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            transport: Transport::new(settings, &profile.content_type)?,
            token,
            rate: RateLimiter::new(settings.rate_per_s),
            observer,
            stop: stop.child_token(),
            sent: AtomicU64::new(0),
            adopt: settings.adopt,
            limits: RetryLimits {
                max_tries: settings.max_tries.max(1),
                max_elapsed: settings.max_elapsed,
                first_pause: FIRST_PAUSE,
                longest_pause: LONGEST_PAUSE,
            },
            profile,
        })
    }

    /// HTTP requests sent since the start, repetitions and look-ups included.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// What was said of the token, if anything was yet.
    #[must_use]
    pub fn token_verdict(&self) -> Option<TokenVerdict> {
        self.token.verdict()
    }

    /// Sends a request that may reach the provider more than once without harm.
    pub(super) async fn send(&self, request: &PlannedRequest) -> Result<Answer, ProviderError> {
        let mut budget = Budget::new();
        match self.attempt(request, Idempotency::Idempotent, &mut budget).await? {
            Sent::Answered(answer) => Ok(answer),
            Sent::InDoubt(doubt) => Err(budget.unavailable(doubt.reason)),
        }
    }

    /// Tries until an answer stands, the request is in doubt, or the budget is spent.
    pub(super) async fn attempt(
        &self,
        request: &PlannedRequest,
        idempotency: Idempotency,
        budget: &mut Budget,
    ) -> Result<Sent, ProviderError> {
        loop {
            let exchange = self.try_once(request, budget).await?;
            let exchange = believed(request, idempotency, exchange);
            self.slow_down(&exchange);
            let outcome = match &exchange {
                Exchange::Unaddressable => return Err(ProviderError::Gone),
                Exchange::NotSent(why) => Outcome::NotSent { why },
                Exchange::Lost(why) => Outcome::Lost { why },
                Exchange::Answered(answer) => Outcome::Answered {
                    status: answer.status,
                    detail: &answer.detail,
                    retry_after: answer.retry_after,
                },
            };
            match retry::decide(outcome, idempotency, budget.progress(), &self.limits, fastrand::f64()) {
                Decision::Retry { after, reason } => {
                    budget.perhaps_done |= retry::may_have_taken_effect(outcome);
                    tracing::debug!(method = request.method, path = request.path, after = ?after, reason, "trying again");
                    self.rest(after).await?;
                }
                Decision::LookUpFirst {
                    after,
                    may_repeat,
                    reason,
                } => {
                    return Ok(Sent::InDoubt(InDoubt {
                        after,
                        may_repeat,
                        reason,
                    }));
                }
                Decision::GiveUp { reason } => return Err(budget.unavailable(reason)),
                Decision::Stands => match exchange {
                    Exchange::Answered(answer) => return self.judge_run(answer).map(Sent::Answered),
                    Exchange::NotSent(why) | Exchange::Lost(why) => return Err(budget.unavailable(why)),
                    Exchange::Unaddressable => return Err(ProviderError::Gone),
                },
            }
        }
    }

    /// One try, or two when the token was rotated meanwhile (a 401 is a refusal, so that is safe).
    async fn try_once(&self, request: &PlannedRequest, budget: &mut Budget) -> Result<Exchange, ProviderError> {
        loop {
            self.rate.turn(&self.stop).await.map_err(|_| ProviderError::Cancelled)?;
            budget.started.get_or_insert_with(Instant::now);
            budget.tries += 1;
            let bearer = self.token.current();
            let exchange = self.exchange(request, &bearer, budget.tries).await;
            match &exchange {
                Exchange::Answered(answer)
                    if answer.status == 401 && !budget.token_renewed && self.token.renewed_since(&bearer) =>
                {
                    budget.token_renewed = true;
                    tracing::info!("the token was refused and has changed at its source; trying the new one");
                }
                Exchange::Answered(answer) => {
                    self.token.judge(&bearer, answer.status, &answer.detail);
                    return Ok(exchange);
                }
                _ => return Ok(exchange),
            }
        }
    }

    async fn exchange(&self, request: &PlannedRequest, bearer: &Bearer, tries: u32) -> Exchange {
        let started = Instant::now();
        if let Some(body) = &request.body {
            tracing::trace!(body = bearer.redact(body.to_string()), "request");
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let exchange = self.transport.exchange(request, bearer).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (method, path) = (request.method, request.path.as_str());
        match &exchange {
            Exchange::Answered(answer) => {
                tracing::debug!(method, path, status = answer.status, ms, r#try = tries, "answered");
                if let Ok(body) = &answer.body {
                    tracing::trace!(
                        body = bearer.redact(String::from_utf8_lossy(body).into_owned()),
                        "answer"
                    );
                }
            }
            Exchange::NotSent(why) => tracing::debug!(method, path, ms, r#try = tries, why, "not sent"),
            Exchange::Lost(why) => tracing::debug!(method, path, ms, r#try = tries, why, "answer lost"),
            Exchange::Unaddressable => tracing::debug!(method, path, "this id cannot be addressed"),
        }
        exchange
    }

    /// The lane as a whole takes a refusal to heart, not only the request that met it.
    fn slow_down(&self, exchange: &Exchange) {
        let Exchange::Answered(answer) = exchange else { return };
        if answer.status == 429 {
            self.rate.too_many();
        }
        if let (429 | 503, Some(delay)) = (answer.status, answer.retry_after)
            && !delay.is_zero()
            && self.rate.pause(delay)
        {
            tracing::info!(
                status = answer.status,
                pause_s = delay.as_secs(),
                "the service provider asked for a pause"
            );
            self.observer.event(&Event::Paused { delay });
        }
    }

    /// Waits, unless the run is stopped first.
    pub(super) async fn rest(&self, pause: Duration) -> Result<(), ProviderError> {
        tokio::select! {
            () = self.stop.cancelled() => Err(ProviderError::Cancelled),
            () = sleep(pause) => Ok(()),
        }
    }

    /// Answers that say something about the whole run: the token or the endpoint is wrong.
    fn judge_run(&self, answer: Answer) -> Result<Answer, ProviderError> {
        let detail = match answer.status {
            401 => format!(
                "{}; check the token, its expiry and the endpoint's tenant",
                answer.detail
            ),
            403 => format!(
                "{}; check what the token may do and whether provisioning is switched on",
                answer.detail
            ),
            300..=399 => format!(
                "a redirect to {}, which is not followed because the token must not leave the configured host; \
                 correct the endpoint",
                answer.location.as_deref().unwrap_or("nowhere")
            ),
            _ => return Ok(answer),
        };
        Err(ProviderError::Unauthorized {
            status: answer.status,
            detail,
        })
    }
}

/// A success whose body we need but cannot read counts as a lost answer, and so does a web page: whoever
/// made it stands in front of the service provider and may have kept the request to himself.
fn believed(request: &PlannedRequest, idempotency: Idempotency, exchange: Exchange) -> Exchange {
    let needs_body = request.method == "GET" || idempotency == Idempotency::Creates;
    match exchange {
        Exchange::Answered(Answer {
            status: 200..=299,
            body: Err(why),
            ..
        }) if needs_body => Exchange::Lost(why),
        Exchange::Answered(Answer {
            status: status @ 200..=299,
            body: Ok(body),
            ..
        }) if is_web_page(&body) => Exchange::Lost(format!(
            "something in front of the service provider answered {status} {WEB_PAGE}: {}",
            explain(&body, None)
        )),
        other => other,
    }
}
