//! The one place where requests meet faults and the cloud, and are remembered.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::Utc;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    Cloud, Control, FaultPlan, Reply, Request,
    cloud::Kind,
    control::Message,
    delivery::{Delivery, deliver, deliver_control},
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
    /// The numbers of the last effects, on the cloud and on the control plane.
    effects: watch::Sender<(u64, u64)>,
}

struct Inner {
    cloud: Cloud,
    /// Nothing where the cloud has none here.
    control: Option<Control>,
    faults: FaultPlan,
    count: u64,
    records: VecDeque<Record>,
}

impl Desk {
    pub(super) fn new(cloud: Cloud, control: Option<Control>, faults: FaultPlan, observer: Observer) -> Self {
        let effects = watch::Sender::new(last_effects(&cloud, control.as_ref()));
        let inner = Inner {
            cloud,
            control,
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

    /// The same for a request to the control plane; nothing when there is none.
    pub(super) fn answer_control(&self, message: &Message) -> Option<Delivery> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = Utc::now();
        let control = inner.control.as_mut()?;
        let request = control.shown(message);
        let fault = inner.faults.next_control(&request);
        let delivery = deliver_control((control, &mut inner.cloud), message, fault.as_ref(), now);
        inner.count += 1;
        let shown = Control::shown_delivery(&delivery);
        let record = Record::new((inner.count, now), &request, String::new(), fault, &shown);
        self.keep(inner, record);
        Some(delivery)
    }

    /// Refuses a request that never gets to the control plane, in its words.
    pub(super) fn refuse_control(&self, message: &Message, status: u16) -> Option<Reply> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let control = inner.control.as_mut()?;
        let reply = control.refusal(message, status);
        let request = control.shown(message);
        inner.count += 1;
        let delivery = Delivery::Whole(reply.clone());
        let record = Record::new((inner.count, Utc::now()), &request, String::new(), None, &delivery);
        self.keep(inner, record);
        Some(reply)
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
        let last = last_effects(&inner.cloud, inner.control.as_ref());
        self.effects
            .send_if_modified(|effects| std::mem::replace(effects, last) != last);
    }

    /// Says when there was an effect.
    pub(super) fn effects(&self) -> watch::Receiver<(u64, u64)> {
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

    /// Everything the cloud and its control plane hold, to be restored later.
    pub(super) fn state(&self) -> (Value, Option<Value>) {
        let inner = self.lock();
        (inner.cloud.state(), inner.control.as_ref().map(Control::state))
    }

    /// Looks at the control plane, when there is one.
    pub(super) fn look_at_control<T>(&self, with: impl FnOnce(&Control) -> T) -> Option<T> {
        self.lock().control.as_ref().map(with)
    }

    /// Where the cloud is, with a slash at the end: a control plane may move it.
    pub(super) fn base(&self) -> String {
        self.lock().cloud.base().to_owned()
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

fn last_effects(cloud: &Cloud, control: Option<&Control>) -> (u64, u64) {
    let change = cloud.history().last().map_or(0, |change| change.number);
    (change, control.map_or(0, Control::revision))
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
