//! A strict cloud on this machine: SCIM 2.0 as the real ones speak it, with faults on demand.
//!
//! ```text
//! socket ──▶ server ──Request──▶ fault ──▶ cloud (state, rules of the profile) ──Reply──▶ fault ──▶ server ──▶ socket
//!                                  └────────────── record ◀─────────────┘
//! ```
//!
//! [`cloud`] is a state machine without I/O and without a clock: tests put it in place of the network; so is
//! [`control`], which switches it on and off and hands out its tokens. [`fault`] decides, [`delivery`] joins the two, and only [`Sandbox`] knows sockets. Deliberately absent:
//! anything lenient. What the real cloud refuses, this one refuses, in its words.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use chrono::Utc;
use secrecy::SecretString;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub mod cloud;
pub mod control;
pub mod delivery;
mod desk;
pub mod exchange;
pub mod fault;
pub mod folder;
mod page;
mod record;
mod seed;
mod server;
mod service;

pub use cloud::{Change, Cloud, Kind, Stored, What};
pub use control::{Control, ControlOptions};
pub use delivery::{Delivery, deliver};
pub use desk::Observer;
pub use exchange::{Reply, Request};
pub use fault::{Fault, FaultPlan};
pub use folder::Folder;
pub use record::Record;
pub use seed::read_people;

use control::Plane;
use desk::Desk;
use service::Shared;

use crate::profile::Profile;

/// The first tenant in the path of those clouds that have one there. Always the same, so that a configuration
/// fits the sandbox after a restart.
const TENANT: &str = "7d0c1f5e-2b7a-4c1e-9f43-5a6e8b0d2c91";
/// How long requests in hand may take when the sandbox stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What a sandbox is started with.
pub struct Options {
    /// A built-in profile.
    pub profile: String,
    /// Where to listen; port 0 is any that is free.
    pub listen: SocketAddr,
    /// What clients have to show; with a control plane, its first bearer token.
    pub token: SecretString,
    /// The control plane; nothing for a cloud that is always on. Left aside for profiles that have none.
    pub control: Option<ControlOptions>,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// What an earlier run left, as [`Sandbox::state`] gave it.
    pub state: Option<Value>,
    /// Users who are there before, made by hand in the console, as they are sent in a POST.
    pub people: Vec<Value>,
    /// Is told of each request.
    pub observer: Observer,
}

impl Options {
    /// An empty cloud on a free loopback port, without faults.
    #[must_use]
    pub fn new(profile: &str, token: SecretString) -> Self {
        Self {
            profile: profile.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token,
            control: None,
            faults: FaultPlan::default(),
            state: None,
            people: Vec::new(),
            observer: Box::new(|_| ()),
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The profile is not built in.
    #[error("{0:?} is not a profile of the sandbox; it is one of huawei, alibaba, aws, generic")]
    Profile(String),
    /// The address cannot be had.
    #[error("cannot listen on {0}; another address: --listen 127.0.0.1:0")]
    Listen(SocketAddr, #[source] io::Error),
    /// The state of an earlier run does not fit.
    #[error("the state of the earlier run cannot be used: {0}")]
    State(String),
    /// The cloud refuses somebody who should be there before.
    #[error("user number {number} of those to be there before: {problem}")]
    Person {
        /// From 1.
        number: usize,
        /// The cloud's words.
        problem: String,
    },
}

/// A running sandbox; it stops when dropped.
pub struct Sandbox {
    /// Where it listens.
    pub addr: SocketAddr,
    url: String,
    desk: Arc<Desk>,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts serving. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had, or the state or the people do not fit the profile.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let unknown = || StartError::Profile(options.profile.clone());
        let profile = Profile::named(&options.profile).ok_or_else(unknown)?;
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|error| StartError::Listen(options.listen, error))?;
        let addr = listener
            .local_addr()
            .map_err(|error| StartError::Listen(options.listen, error))?;
        let base_path = base_path(&options.profile);
        let url = format!("http://{addr}{base_path}");
        let mut cloud = Cloud::new(&options.profile, &url)
            .ok_or_else(unknown)?
            .with_token(&options.token);
        if let Some(state) = options.state {
            cloud.restore(state).map_err(StartError::State)?;
        }
        let now = Utc::now();
        for (number, person) in (1..).zip(options.people) {
            cloud
                .seed(Kind::User, person, true, now)
                .map_err(|problem| StartError::Person { number, problem })?;
        }
        let plane = Plane::of(&options.profile);
        let control = options.control.zip(plane).map(|(control, plane)| {
            Control::new(plane, control, &options.token, &mut cloud, now).map_err(StartError::State)
        });
        let desk = Desk::new(cloud, control.transpose()?, options.faults, options.observer);
        let desk = Arc::new(desk);
        let stop = CancellationToken::new();
        let shared = Shared {
            desk: Arc::clone(&desk),
            plane: desk.look_at_control(Control::plane),
            has_tenant: base_path.contains(TENANT),
            title: profile.title.as_str().into(),
            stop: stop.clone(),
        };
        let serving = tokio::spawn(server::serve(listener, service::router(shared), stop.clone()));
        Ok(Self {
            addr,
            url: desk.base(),
            desk,
            stop,
            serving: Some(serving),
        })
    }

    /// The endpoint at the start, with a slash at its end. A control plane may move it later on.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether SCIM is switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.desk.look_at_control(Control::is_enabled).unwrap_or(true)
    }

    /// Whether the SCIM side knows this bearer token, good or expired.
    #[must_use]
    pub fn knows(&self, token: &SecretString) -> bool {
        self.desk
            .look_at_control(|control| control.knows(token))
            .unwrap_or(true)
    }

    /// The address of the control plane, with a slash at its end; nothing when there is none.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.desk.look_at_control(|control| control.url().to_owned())
    }

    /// Requests answered so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.desk.count()
    }

    /// The last requests, oldest first, up to a fixed number.
    #[must_use]
    pub fn log(&self) -> Vec<Record> {
        self.desk.records()
    }

    /// Everything the cloud holds, for [`Options::state`], and its control plane, for
    /// [`ControlOptions::state`].
    #[must_use]
    pub fn state(&self) -> (Value, Option<Value>) {
        self.desk.state()
    }

    /// Changes whenever [`Sandbox::state`] does.
    #[must_use]
    pub fn effects(&self) -> watch::Receiver<(u64, u64)> {
        self.desk.effects()
    }

    /// Looks at the cloud itself. Requests wait meanwhile.
    pub fn look<T>(&self, with: impl FnOnce(&Cloud) -> T) -> T {
        self.desk.look(|cloud, _| with(cloud))
    }

    /// Takes no more requests, and waits a moment for those in hand.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(mut serving) = self.serving.take()
            && tokio::time::timeout(DRAIN, &mut serving).await.is_err()
        {
            serving.abort();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Where the real cloud has its endpoint on its host.
fn base_path(profile: &str) -> String {
    match profile {
        "huawei" | "aws" => format!("/{TENANT}/scim/v2/"),
        _ => "/scim/v2/".to_owned(),
    }
}
