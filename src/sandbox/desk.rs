//! The one place where requests meet faults and the cloud, and are remembered.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::Utc;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    Cloud, FaultPlan, Reply, Request,
    cloud::Kind,
    delivery::{Delivery, deliver},
    record::Record,
};

/// Requests remembered for the page and for [`Desk::records`]; the count goes on beyond. Each may hold two
/// bodies of 64 KiB.
const RECORDS_MAX: usize = 1_000;

/// Told of each request, in their order and before its answer goes out.
pub type Observer = Box<dyn Fn(&Record) + Send + Sync>;

pub(super) struct Desk {
    inner: Mutex<Inner>,
    observer: Observer,
    /// The number of the last effect.
    effects: watch::Sender<u64>,
}

struct Inner {
    cloud: Cloud,
    faults: FaultPlan,
    count: u64,
    records: VecDeque<Record>,
}

impl Desk {
    pub(super) fn new(cloud: Cloud, faults: FaultPlan, observer: Observer) -> Self {
        let effects = watch::Sender::new(last_effect(&cloud));
        let inner = Inner {
            cloud,
            faults,
            count: 0,
            records: VecDeque::new(),
        };
        Self {
            inner: Mutex::new(inner),
            observer,
            effects,
        }
    }

    /// One request: its fault, its effect, its record.
    pub(super) fn answer(&self, request: &Request) -> Delivery {
        let mut inner = self.lock();
        let now = Utc::now();
        let fault = inner.faults.next(request);
        let who = who(&inner.cloud, request);
        let delivery = deliver(&mut inner.cloud, request, fault.as_ref(), now);
        inner.count += 1;
        let record = Record::new((inner.count, now), request, who, fault, &delivery);
        self.keep(&mut inner, record);
        delivery
    }

    /// Refuses a request that never gets to the cloud, in the cloud's words.
    pub(super) fn refuse(&self, request: &Request, status: u16, detail: &str) -> Reply {
        let mut inner = self.lock();
        let now = Utc::now();
        let reply = inner.cloud.refusal(status, detail, now);
        inner.count += 1;
        let delivery = Delivery::Whole(reply.clone());
        let record = Record::new((inner.count, now), request, String::new(), None, &delivery);
        self.keep(&mut inner, record);
        reply
    }

    fn keep(&self, inner: &mut Inner, record: Record) {
        (self.observer)(&record);
        if inner.records.len() == RECORDS_MAX {
            inner.records.pop_front();
        }
        inner.records.push_back(record);
        let last = last_effect(&inner.cloud);
        self.effects
            .send_if_modified(|effects| std::mem::replace(effects, last) != last);
    }

    /// Says when there was an effect.
    pub(super) fn effects(&self) -> watch::Receiver<u64> {
        self.effects.subscribe()
    }

    /// Requests so far.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// The last requests, oldest first.
    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().records.iter().cloned().collect()
    }

    /// Everything the cloud holds, to be restored later.
    pub(super) fn state(&self) -> Value {
        self.lock().cloud.state()
    }

    /// Looks at the cloud and at the last requests, which wait meanwhile.
    pub(super) fn look<T>(&self, with: impl FnOnce(&Cloud, &VecDeque<Record>) -> T) -> T {
        let inner = self.lock();
        with(&inner.cloud, &inner.records)
    }

    /// Also after another holder panicked: what it left is looked at by people only.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_effect(cloud: &Cloud) -> u64 {
    cloud.history().last().map_or(0, |change| change.number)
}

/// Whom a request is about: by the name in its body, else by the id in its path.
fn who(cloud: &Cloud, request: &Request) -> String {
    let mut segments = request.path.split('/');
    let kind = match segments.next() {
        Some("Users") => Kind::User,
        Some("Groups") => Kind::Group,
        _ => return String::new(),
    };
    let attribute = match kind {
        Kind::User => "userName",
        Kind::Group => "displayName",
    };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if let Some(name) = body.get(attribute).and_then(Value::as_str) {
        return name.to_owned();
    }
    let id = segments.next().unwrap_or_default();
    let stored = cloud.get(kind, id);
    stored.map_or_else(String::new, |stored| stored.name().to_owned())
}
