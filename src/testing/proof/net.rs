//! The way to the cloud: faults, kills, and the checker at its end.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use chrono::{DateTime, Utc};
use fastrand::Rng;
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    checker::Checker,
    fault::{Effect, FAULTS, Fault, Lasts, applies},
};
use crate::{
    sandbox::{Cloud, Request, cloud::Kind},
    scim::local::{FarEnd, Incoming, Outgoing},
};

/// Where the cloud is reached; nothing listens there.
pub(super) const BASE: &str = "https://scim.example.org/tenant/scim/v2/";
/// What one request takes when nothing goes wrong.
const LATENCY: Duration = Duration::from_millis(20);

/// Which requests go wrong.
#[derive(Clone, Debug, Default)]
pub(super) enum Weather {
    #[default]
    Fair,
    /// Something happens with the `nth` request of the run, counted from 1.
    At { nth: u64, what: What },
    /// The first requests fail, each in its own way.
    InTurn(&'static [Fault]),
    /// Each request with this probability, and a fault that may last for every try.
    Storm { rng: Rng, probability: f64 },
}

/// What happens with one request.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Fails(Fault, Lasts),
    /// The program dies before it takes effect.
    KillBefore,
    /// The program dies when it has taken effect.
    KillAfter,
    /// The program is asked to stop while it is on its way.
    Stop,
}

/// The far end of the client.
pub(super) struct Net {
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub cloud: Cloud,
    pub checker: Checker,
    /// Requests of this run.
    pub requests: u64,
    /// Faults met so far.
    pub met: BTreeMap<Fault, u64>,
    /// Accounts and groups that strangers made meanwhile, by their paths.
    pub strangers: Vec<String>,
    /// Every request that arrives is printed.
    pub is_told: bool,
    weather: Weather,
    /// A request that fails whenever it comes, and how.
    stuck: Vec<(Signature, Fault)>,
    kill: CancellationToken,
    stop: CancellationToken,
    started: Instant,
    epoch: DateTime<Utc>,
}

type Signature = (String, String, Vec<u8>);

impl Net {
    /// With `cloud` at the end. `epoch` is what the clock shows now.
    pub(super) fn new(cloud: Cloud, epoch: DateTime<Utc>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                cloud,
                checker: Checker::default(),
                requests: 0,
                met: BTreeMap::new(),
                strangers: Vec::new(),
                is_told: false,
                weather: Weather::Fair,
                stuck: Vec::new(),
                kill: CancellationToken::new(),
                stop: CancellationToken::new(),
                started: Instant::now(),
                epoch,
            }),
        }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// A run begins; the first token fires when the program is to die, the second one when it is to stop.
    pub(super) fn begin(&self, weather: Weather) -> (CancellationToken, CancellationToken) {
        let mut inner = self.inner();
        inner.weather = weather;
        inner.requests = 0;
        inner.stuck.clear();
        inner.kill = CancellationToken::new();
        inner.stop = CancellationToken::new();
        (inner.kill.clone(), inner.stop.clone())
    }

    /// The strangers' accounts are taken away by those who made them.
    pub(super) fn send_strangers_home(&self) {
        let inner = &mut *self.inner();
        for path in std::mem::take(&mut inner.strangers) {
            inner.by_hand("DELETE", &path, None);
        }
        inner.checker.accept(&inner.cloud, []);
    }
}

impl Inner {
    /// What the clock shows.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.epoch + self.started.elapsed()
    }

    fn answer(&mut self, outgoing: &Outgoing) -> Incoming {
        let below = outgoing.url.strip_prefix(BASE).unwrap();
        let (path, query) = below
            .split_once('?')
            .map_or((below, None), |(path, query)| (path, Some(query)));
        let request = Request {
            method: outgoing.method.clone(),
            path: path.into(),
            query: query.map(Into::into),
            authorization: outgoing.authorization.clone(),
            content_type: outgoing.content_type.clone(),
            body: outgoing.body.clone(),
        };
        let now = self.now();
        let reply = self.cloud.answer(&request, now);
        self.checker.look(&self.cloud);
        if self.is_told {
            let body = String::from_utf8_lossy(&outgoing.body);
            println!("    {now} {} {below} {body} -> {}", outgoing.method, reply.status);
        }
        Incoming::Answered {
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
            truncated: false,
        }
    }

    fn by_hand(&mut self, method: &str, path: &str, body: Option<Json>) {
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: None,
            authorization: Some("Bearer by-hand".into()),
            content_type: None,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        let now = self.now();
        self.cloud.answer(&request, now);
    }

    fn fault(&mut self, outgoing: &Outgoing) -> Option<Fault> {
        let signature = (outgoing.method.clone(), outgoing.url.clone(), outgoing.body.clone());
        if let Some((_, fault)) = self.stuck.iter().find(|(stuck, _)| *stuck == signature) {
            return Some(*fault);
        }
        match &mut self.weather {
            Weather::At {
                nth,
                what: What::Fails(fault, lasts),
            } => {
                let strikes = match lasts {
                    Lasts::TillTheEnd => self.requests >= *nth,
                    Lasts::Once | Lasts::EveryTry => self.requests == *nth,
                };
                let fault = *fault;
                if strikes && *lasts == Lasts::EveryTry {
                    self.stuck.push((signature, fault));
                }
                strikes.then_some(fault)
            }
            Weather::InTurn(faults) => faults.get(usize::try_from(self.requests).ok()? - 1).copied(),
            Weather::Fair | Weather::At { .. } => None,
            Weather::Storm { rng, probability } => {
                let fault = (rng.f64() < *probability).then(|| FAULTS[rng.usize(..FAULTS.len())])?;
                if !applies(self.cloud.profile(), fault) {
                    return None;
                }
                if rng.u8(..4) == 0 {
                    self.stuck.push((signature, fault));
                }
                Some(fault)
            }
        }
    }

    /// Somebody else makes an account or a group of that name first.
    fn rival(&mut self, outgoing: &Outgoing, is_twin: bool) {
        if outgoing.method != "POST" || (is_twin && self.makes_twins(outgoing)) {
            return;
        }
        let mut resource: Json = serde_json::from_slice(&outgoing.body).unwrap();
        let kind = kind_at(outgoing);
        if !is_twin {
            let object = resource.as_object_mut().unwrap();
            object.remove("externalId");
            if kind == Kind::User {
                object.insert("displayName".into(), json!("A stranger"));
            }
        }
        let now = self.now();
        // Where the name is taken already nobody is faster.
        if let Ok(id) = self.cloud.seed(kind, resource, !is_twin, now)
            && !is_twin
        {
            self.strangers.push(format!("{}/{id}", kind.endpoint()));
            self.checker.accept(&self.cloud, [id]);
        } else {
            self.checker.accept(&self.cloud, []);
        }
    }

    /// Whether this makes a second group beside one of the same name: then of two such requests at the same
    /// instant each has its own, and nobody can help it (RFC 7644 knows no key by which they were one).
    fn makes_twins(&self, outgoing: &Outgoing) -> bool {
        outgoing.method == "POST"
            && kind_at(outgoing) == Kind::Group
            && !self.cloud.profile().groups.display_name_unique
    }

    fn arrive(&mut self, outgoing: &Outgoing) -> (Incoming, Duration) {
        self.requests += 1;
        if let Weather::At { nth, what } = self.weather
            && self.requests >= nth
        {
            match what {
                What::Fails(..) => {}
                What::Stop => self.stop.cancel(),
                What::KillBefore | What::KillAfter => {
                    if matches!(what, What::KillAfter) && self.requests == nth {
                        self.answer(outgoing);
                    }
                    self.kill.cancel();
                    return (Incoming::Lost("dead"), Duration::from_secs(1 << 32));
                }
            }
        }
        let Some(fault) = self.fault(outgoing) else {
            return (self.answer(outgoing), LATENCY);
        };
        *self.met.entry(fault).or_default() += 1;
        if self.is_told {
            println!("    {} {} meets {fault:?}", outgoing.method, outgoing.url);
        }
        if matches!(fault, Fault::Stranger | Fault::Twin) {
            self.rival(outgoing, fault == Fault::Twin);
        }
        let answer = match fault.effect() {
            Effect::None => Incoming::Lost("no effect"),
            Effect::Once => self.answer(outgoing),
            Effect::Twice if self.makes_twins(outgoing) => self.answer(outgoing),
            Effect::Twice => {
                self.answer(outgoing);
                self.answer(outgoing)
            }
        };
        (fault.answer(answer), LATENCY + fault.delay())
    }
}

fn kind_at(outgoing: &Outgoing) -> Kind {
    match outgoing.url.strip_prefix(BASE) {
        Some(path) if path.starts_with("Groups") => Kind::Group,
        _ => Kind::User,
    }
}

impl FarEnd for Net {
    fn carry(&self, request: Outgoing) -> BoxFuture<'_, Incoming> {
        async move {
            let (answer, wait) = self.inner().arrive(&request);
            sleep(wait).await;
            answer
        }
        .boxed()
    }
}
