//! A small cloud on a loopback socket, with faults, and the values that tests are made of.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    ScimClient,
    groups::testing::Groups,
    retry::RetryLimits,
    settings::{Adopt, ScimSettings},
    token::Token,
};
use crate::{
    model::{AnchorKey, ManagerRef, Pushed, Resource},
    ports::{Payload, Unwatched},
    profile::{Paging, Profile, UpdateVerb},
    secret::SecretSource,
};

/// The anchor of everybody in these tests.
pub(super) const ANCHOR: &str = "anchor-1";
pub(super) const TOKEN: &str = "s3cr3t-t0ken";

pub(super) fn profile(update: UpdateVerb) -> Profile {
    let mut profile = Profile::named("generic").unwrap();
    profile.update = update;
    profile.paging = Paging::None;
    profile.page_cap = 50;
    profile.default_rate_per_s = 0.0;
    profile
}

/// What flat JSON (`{"name.familyName": "x"}`) says.
pub(super) fn pushed(flat: &Json) -> Pushed {
    let resource: Resource = serde_json::from_value(flat.clone()).unwrap();
    Pushed {
        resource,
        manager: None,
    }
}

pub(super) fn with_manager(mut pushed: Pushed) -> Pushed {
    pushed.manager = Some(ManagerRef {
        key: AnchorKey([7; 16]),
        dn: "uid=boss".into(),
    });
    pushed
}

pub(super) fn payload(pushed: Pushed) -> Payload {
    Payload {
        external_id: ANCHOR.into(),
        pushed,
        manager_id: None,
    }
}

/// The person most tests push.
pub(super) fn ada() -> Payload {
    payload(pushed(
        &json!({"userName": "ada", "externalId": ANCHOR, "active": true}),
    ))
}

/// One request as the cloud saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `POST Users`.
    pub line: String,
    pub authorization: String,
    pub headers: String,
    pub body: Json,
}

/// What goes wrong with one request.
#[derive(Clone)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// This status with these header lines and body; no effect.
    Answer(u16, &'static str, &'static str),
    /// It takes effect, but this is answered.
    EffectThen(u16, &'static str),
    /// The connection is closed; no effect.
    Drop,
    /// It takes effect, then the connection is closed.
    EffectThenDrop,
    /// It takes effect; the answer breaks off in the middle of its body.
    EffectThenCut,
    /// It takes effect; the answer is longer than anybody would send.
    EffectThenFlood,
    /// It takes effect; no answer ever comes.
    EffectThenSilence,
}

/// The accounts, the faults to come, and what was seen.
pub(super) struct Cloud {
    pub accounts: BTreeMap<String, Json>,
    pub groups: Groups,
    pub faults: VecDeque<Fault>,
    pub seen: Vec<Seen>,
    pub ignores_filters: bool,
    /// Accounts that look-ups do not show.
    pub hides: bool,
    pub token: String,
    next_id: u32,
}

pub(super) type SharedCloud = Arc<Mutex<Cloud>>;

/// A running cloud and a client of it.
pub(super) struct Bench {
    pub cloud: SharedCloud,
    pub client: ScimClient,
    /// The token file, so to speak.
    pub token: Arc<Mutex<String>>,
    pub stop: CancellationToken,
    pub settings: ScimSettings,
}

impl Bench {
    pub(super) async fn new(adopt: Adopt, profile: Profile) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/scim/v2/", listener.local_addr().unwrap());
        let cloud = Arc::new(Mutex::new(Cloud {
            accounts: BTreeMap::new(),
            groups: Groups::new(&profile),
            faults: VecDeque::new(),
            seen: Vec::new(),
            ignores_filters: false,
            hides: false,
            token: TOKEN.into(),
            next_id: 100,
        }));
        tokio::spawn(serve(listener, cloud.clone()));
        let settings = ScimSettings {
            endpoint,
            token: SecretSource::Env("UNUSED".into()),
            ca_file: None,
            allow_plaintext: false,
            rate_per_s: 0.0,
            concurrency: 1,
            adopt,
            request_timeout: Duration::from_secs(30),
            max_tries: 3,
            max_elapsed: Duration::from_secs(20),
        };
        let token = Arc::new(Mutex::new(TOKEN.to_owned()));
        let stop = CancellationToken::new();
        let client = client(&settings, profile, &token, &stop);
        Self {
            cloud,
            client,
            token,
            stop,
            settings,
        }
    }

    /// With the policy `adopt` and PUT.
    pub(super) async fn with(adopt: Adopt) -> Self {
        Self::new(adopt, profile(UpdateVerb::Put)).await
    }

    /// Faults for the requests to come, in order.
    pub(super) fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults: Vec<_> = faults.into_iter().collect();
        if faults.iter().any(|fault| matches!(fault, Fault::EffectThenSilence)) {
            // Only here a time-out is waited for; elsewhere a short one would be a race.
            self.settings.request_timeout = Duration::from_secs(1);
            let profile = (*self.client.profile).clone();
            self.client = client(&self.settings, profile, &self.token, &self.stop);
        }
        self.cloud.lock().unwrap().faults.extend(faults);
        self
    }

    /// An account that is there already; its id is returned.
    pub(super) fn holds(&self, account: Json) -> String {
        self.cloud.lock().unwrap().add(account)
    }

    /// What was seen, as `POST Users`, with the filters decoded.
    pub(super) fn lines(&self) -> Vec<String> {
        let cloud = self.cloud.lock().unwrap();
        cloud.seen.iter().map(|seen| seen.line.clone()).collect()
    }

    /// A group that is there already; its id is returned.
    pub(super) fn has_group(&self, mut group: Json, members: &[&str]) -> String {
        let mut cloud = self.cloud.lock().unwrap();
        cloud.next_id += 1;
        let id = cloud.next_id.to_string();
        group["id"] = json!(id);
        group["members"] = members.iter().map(|id| json!({"value": id})).collect();
        cloud.groups.all.insert(id.clone(), group);
        id
    }

    pub(super) fn members(&self, id: &str) -> Vec<String> {
        self.cloud.lock().unwrap().groups.members(id)
    }

    pub(super) fn account(&self, id: &str) -> Json {
        self.cloud.lock().unwrap().accounts.get(id).cloned().unwrap_or_default()
    }

    pub(super) fn accounts(&self) -> usize {
        self.cloud.lock().unwrap().accounts.len()
    }
}

/// A client whose pauses are too short to notice.
pub(super) fn client(
    settings: &ScimSettings,
    profile: Profile,
    token: &Arc<Mutex<String>>,
    stop: &CancellationToken,
) -> ScimClient {
    let source = token.clone();
    let token = Token::from_reader(Box::new(move || Ok(SecretString::from(source.lock().unwrap().clone())))).unwrap();
    let mut client =
        ScimClient::with_token(settings, Arc::new(profile), token, Arc::new(Unwatched), stop.clone()).unwrap();
    client.limits = RetryLimits {
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
        ..client.limits
    };
    client
}

async fn serve(listener: TcpListener, cloud: SharedCloud) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(one_request(stream, cloud.clone()));
    }
}

/// Reads one HTTP/1.1 request and answers it; the connection is closed afterwards.
async fn one_request(mut stream: TcpStream, cloud: SharedCloud) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let headers = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let line = headers.lines().find(|line| line.to_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = headers
        .lines()
        .next()?
        .replace(" /scim/v2/", " ")
        .replace(" HTTP/1.1", "");
    let seen = Seen {
        line: percent_encoding::percent_decode_str(&line)
            .decode_utf8()
            .ok()?
            .into_owned(),
        authorization: header("authorization").unwrap_or_default(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let (fault, answer) = {
        let mut cloud = cloud.lock().unwrap();
        let fault = cloud.faults.pop_front().unwrap_or(Fault::None);
        cloud.seen.push(seen.clone());
        let takes_effect = !matches!(fault, Fault::Answer(..) | Fault::Drop);
        let answer = takes_effect.then(|| cloud.answer(&seen));
        (fault, answer.unwrap_or((500, Json::Null)))
    };
    let text = if answer.1.is_null() {
        String::new()
    } else {
        answer.1.to_string()
    };
    let response = match fault {
        Fault::None => http(answer.0, "content-type: application/scim+json\r\n", &text),
        Fault::Answer(status, headers, body) => http(status, headers, body),
        Fault::EffectThen(status, body) => http(status, "", body),
        Fault::Drop | Fault::EffectThenDrop => return None,
        Fault::EffectThenCut => {
            let whole = http(answer.0, "", &text);
            whole[..whole.len() - 5].to_owned()
        }
        Fault::EffectThenFlood => http(answer.0, "", &"x".repeat(super::transport::BODY_BYTES_MAX + 1)),
        Fault::EffectThenSilence => {
            std::future::pending::<()>().await;
            return None;
        }
    };
    stream.write_all(response.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

impl Cloud {
    fn add(&mut self, mut account: Json) -> String {
        self.next_id += 1;
        let id = self.next_id.to_string();
        account["id"] = json!(id);
        self.accounts.insert(id.clone(), account);
        id
    }

    fn answer(&mut self, seen: &Seen) -> (u16, Json) {
        if seen.authorization != format!("Bearer {}", self.token) {
            return (401, json!({"detail": "who are you"}));
        }
        let (method, path) = seen.line.split_once(' ').unwrap();
        if path.starts_with("Groups") {
            self.next_id += u32::from(method == "POST");
            return self.groups.answer(method, path, &seen.body, &self.next_id.to_string());
        }
        let id = path.strip_prefix("Users/").unwrap_or_default().to_owned();
        let name = seen.body["userName"].as_str().unwrap_or_default().to_lowercase();
        let taken = self.accounts.iter().any(|(other, account)| {
            *other != id
                && account["userName"]
                    .as_str()
                    .is_some_and(|there| there.to_lowercase() == name)
        });
        match method {
            "GET" if self.accounts.contains_key(&id) => (200, self.accounts[&id].clone()),
            "GET" if id.is_empty() => (
                200,
                self.list(path.split_once("filter=").map_or("", |(_, filter)| filter)),
            ),
            "POST" | "PUT" if taken => (
                409,
                json!({"scimType": "uniqueness", "detail": "taken", "status": "409"}),
            ),
            "POST" => {
                let id = self.add(seen.body.clone());
                (201, self.accounts[&id].clone())
            }
            _ if !self.accounts.contains_key(&id) => (404, json!({"detail": "no such user"})),
            "DELETE" => {
                self.accounts.remove(&id);
                (204, Json::Null)
            }
            "PUT" => {
                let mut account = seen.body.clone();
                account["id"] = json!(id);
                self.accounts.insert(id, account.clone());
                (200, account)
            }
            _ => (204, Json::Null),
        }
    }

    fn list(&self, filter: &str) -> Json {
        let (attribute, value) = filter.split_once(" eq ").unwrap_or_default();
        let value: String = serde_json::from_str(value).unwrap_or_default();
        let matches = |account: &&Json| {
            self.ignores_filters
                || account[attribute]
                    .as_str()
                    .is_some_and(|there| there.to_lowercase() == value.to_lowercase())
        };
        let found: Vec<_> = self
            .accounts
            .values()
            .filter(matches)
            .filter(|_| !self.hides)
            .take(50)
            .collect();
        json!({"totalResults": found.len(), "Resources": found})
    }
}
