//! The cloud's own switch: provisioning on, and a token, without the console.

use std::path::PathBuf;

use secrecy::SecretString;
use tokio::runtime::Handle;

use super::{
    Failure,
    answers::{Control, Secret, quoted, quoted_path},
    ask::{Question, Stop, usage},
    talk::Talk,
    trial,
};
use crate::{
    app::chain,
    cloud::{
        self, Alibaba, CloudError, Huawei, IssuedToken, TOKENS_MAX, TokenAuthority,
        alibaba::SyncStatus,
        region::{self, Region},
        settings::{AlibabaSettings, HuaweiEndpoints, HuaweiSettings, KeySources},
    },
    outcome::exit,
    secret::SecretSource,
};

/// A cloud whose switch is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Huawei,
    Alibaba,
}

impl Provider {
    fn named(name: &str) -> Option<Self> {
        match name {
            "huawei" => Some(Self::Huawei),
            "alibaba" => Some(Self::Alibaba),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Huawei => "huawei",
            Self::Alibaba => "alibaba",
        }
    }

    fn regions(self) -> &'static [Region] {
        match self {
            Self::Huawei => &region::HUAWEI,
            Self::Alibaba => &region::ALIBABA,
        }
    }

    /// Access key and secret, as the cloud's own tools look for them.
    fn variables(self) -> [&'static str; 2] {
        match self {
            Self::Huawei => ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"],
            Self::Alibaba => ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        }
    }

    /// What goes with a temporary key in [`Self::variables`].
    fn token_variable(self) -> &'static str {
        match self {
            Self::Huawei => "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            Self::Alibaba => "ALIBABA_CLOUD_SECURITY_TOKEN",
        }
    }

    /// How people call what people and groups are in.
    fn instance(self) -> &'static str {
        match self {
            Self::Huawei => "identity store",
            Self::Alibaba => "directory",
        }
    }
}

/// Whether this cloud's switch is known.
pub(super) fn is_known(provider: &str) -> bool {
    Provider::named(provider).is_some()
}

/// What is to be done at the end.
pub(super) struct Switch {
    client: Client,
    /// Alibaba Cloud does not tell it.
    endpoint: Option<String>,
    is_on: bool,
}

enum Client {
    Huawei(Huawei),
    Alibaba(Alibaba),
}

/// What came of it.
pub(super) struct Made {
    pub(super) endpoint: String,
    pub(super) token: IssuedToken,
    pub(super) text: SecretString,
}

/// What came of it when there is no token.
pub(super) struct Unfinished {
    /// Why.
    pub(super) error: CloudError,
    /// Provisioning was switched on before that.
    pub(super) is_on_now: bool,
}

/// Asks for the access key and what goes with it, and looks whether it fits. Changes nothing there.
pub(super) fn ask(talk: &mut Talk<'_>) -> Result<Switch, Stop> {
    let provider = Provider::named(&talk.answers.provider)
        .ok_or_else(|| usage(format!("{} has no switch that is known here", talk.answers.provider)))?;
    let region = ask_region(talk, provider)?;
    let endpoint = scim_endpoint(talk, provider, region.as_deref())?;
    let mut given = true;
    let (access, client, is_on) = loop {
        let (keys, security_token) = ask_keys(talk, provider, given)?;
        let access = Access {
            provider,
            region: region.clone(),
            instance: None,
            endpoint: talk.options.control_endpoint.clone(),
            ca_file: talk.answers.ca_file.clone(),
            keys,
            security_token,
        };
        match access.look(talk)? {
            Ok((access, client, is_on)) => break (access, client, is_on),
            Err(error) => talk.desk.refused(
                "--access-key-file, --secret-key-file",
                &chain(&error),
                error.exit_code(),
            )?,
        }
        given = false;
    };
    ask_renewal(talk, &access)?;
    Ok(Switch {
        client,
        endpoint,
        is_on,
    })
}

fn ask_region(talk: &mut Talk<'_>, provider: Provider) -> Result<Option<String>, Stop> {
    let (options, regions) = (talk.options, provider.regions());
    let elsewhere = options.control_endpoint.is_some();
    if elsewhere && options.region.is_none() {
        return Ok(None);
    }
    if talk.desk.is_attended() && options.region.is_none() {
        let lines = regions.iter().map(|(id, title)| format!("  {id:<16} {title}\n"));
        talk.desk.say(lines.collect::<String>().trim_end())?;
    }
    let question = Question {
        flag: "--region",
        words: "In which region?",
        default: None,
    };
    let chosen = talk
        .desk
        .ask(&question, options.region.clone(), |text| match region::is_id(text) {
            true => Ok(text.to_owned()),
            false => Err(format!("{text:?} cannot be a region; they look like {}", regions[0].0)),
        })?;
    if !elsewhere && !region::is_known(&chosen, regions) {
        talk.desk.say(&format!(
            "  {chosen} is not among the regions known here; it is taken as it is."
        ))?;
    }
    Ok(Some(chosen))
}

/// Where people go, for a cloud that does not tell.
fn scim_endpoint(talk: &mut Talk<'_>, provider: Provider, region: Option<&str>) -> Result<Option<String>, Stop> {
    if provider == Provider::Huawei {
        return match talk.options.endpoint {
            Some(_) => Err(usage(
                "--endpoint: Huawei Cloud tells it by itself; leave it out".to_owned(),
            )),
            None => Ok(None),
        };
    }
    let question = Question {
        flag: "--endpoint",
        words: "The SCIM endpoint:",
        default: region.map(|region| format!("https://cloudsso-scim-{region}.aliyun.com/scim/v2/")),
    };
    let given = talk.options.endpoint.clone();
    let given = given.or_else(|| question.default.clone().filter(|_| !talk.desk.is_attended()));
    talk.answer(question, given, "[scim] endpoint", |answers, text| {
        answers.endpoint = text.to_owned();
    })?;
    Ok(Some(talk.answers.endpoint.clone()))
}

/// Access key and secret.
type KeyPair = (Secret, Secret);

/// From files, else from the environment, else from the person. The security token of a temporary key comes
/// from where the key does; what is typed is no temporary key.
fn ask_keys(talk: &mut Talk<'_>, provider: Provider, given: bool) -> Result<(KeyPair, Option<Secret>), Stop> {
    let options = talk.options;
    let (access, secret) = (options.access_key_file.clone(), options.secret_key_file.clone());
    if given && access.is_none() && secret.is_none() {
        let values = provider
            .variables()
            .map(|name| SecretSource::Env(name.to_owned()).read().ok());
        if let [Some(access), Some(secret)] = values {
            let [name, _] = provider.variables();
            talk.desk.say(&format!("The access key is that of ${name}."))?;
            let token = std::env::var_os(provider.token_variable()).filter(|value| !value.is_empty());
            let token = token.map(|_| SecretSource::Env(provider.token_variable().to_owned()).read());
            let token = token.transpose().map_err(|error| usage(error.to_string()))?;
            return Ok(((Secret::Text(access), Secret::Text(secret)), token.map(Secret::Text)));
        }
    }
    let token = options.security_token_file.as_deref().filter(|_| given);
    let token = token.map(trial::absolute).transpose().map_err(usage)?;
    let (access, secret) = if given { (access, secret) } else { (None, None) };
    if !talk.desk.is_attended() && (access.is_none() || secret.is_none()) {
        let [id, value] = provider.variables();
        return Err(usage(format!(
            "--access-key-file and --secret-key-file are missing (or the environment variables {id} and {value})"
        )));
    }
    let access = talk.secret("--access-key-file", "The id of the access key (not shown):", access)?;
    let secret = talk.secret("--secret-key-file", "Its secret (not shown):", secret)?;
    Ok(((access, secret), token.map(Secret::File)))
}

/// The daemon's part, for those who want it.
fn ask_renewal(talk: &mut Talk<'_>, access: &Access) -> Result<(), Stop> {
    let question = Question {
        flag: "--rotate-before-days",
        words: "How many days before it expires does the daemon renew the token (0: never; else it keeps the access key)?",
        default: Some("0".to_owned()),
    };
    let given = talk.options.rotate_before_days.clone();
    if access.security_token.is_some() {
        if given.is_some_and(|days| days != "0") {
            let words = "--rotate-before-days: a temporary access key is dead long before the daemon needs it; give \
                         a permanent one, or leave the option out";
            return Err(usage(words.to_owned()));
        }
        return Ok(());
    }
    if talk.systemd {
        if given.is_some_and(|days| days != "0") {
            let words = "--rotate-before-days: with --systemd the token is a credential, which the service cannot \
                         write; leave one of the two out";
            return Err(usage(words.to_owned()));
        }
        return Ok(());
    }
    talk.answer(question, given, "[scim] rotate_before_days", |answers, text| {
        // What is no number is refused by the checks of the configuration, in their words.
        answers.control = (text != "0").then(|| access.control(text));
    })
}

/// An access key, and what it is used on.
struct Access {
    provider: Provider,
    region: Option<String>,
    instance: Option<String>,
    endpoint: Option<String>,
    ca_file: Option<PathBuf>,
    keys: KeyPair,
    /// With a temporary key only.
    security_token: Option<Secret>,
}

impl Access {
    fn client(&self, keys: KeySources) -> cloud::Result<Client> {
        let (region, keys, ca_file) = (self.region.clone(), Some(keys), self.ca_file.clone());
        match self.provider {
            Provider::Huawei => Huawei::new(&HuaweiSettings {
                region,
                identity_store_id: self.instance.clone(),
                keys,
                endpoints: HuaweiEndpoints {
                    identitystore: self.endpoint.clone(),
                    identitycenter: self.endpoint.clone(),
                    iam: None,
                },
                ca_file,
                ..HuaweiSettings::default()
            })
            .map(Client::Huawei),
            Provider::Alibaba => Alibaba::new(&AlibabaSettings {
                region,
                directory_id: self.instance.clone(),
                keys,
                endpoint: self.endpoint.clone(),
                ca_file,
                ..AlibabaSettings::default()
            })
            .map(Client::Alibaba),
        }
    }

    /// Asks the cloud what there is. The inner error is one that another key may mend.
    fn look(mut self, talk: &mut Talk<'_>) -> Result<Result<(Self, Client, bool), CloudError>, Stop> {
        let keys = talk
            .trial
            .key_sources(&self.keys, self.security_token.as_ref())
            .map_err(usage)?;
        let runtime = talk.trial.runtime().clone();
        let found = self
            .client(keys.clone())
            .and_then(|client| match &talk.options.instance {
                Some(id) => Ok(vec![(id.clone(), String::new())]),
                None => runtime.block_on(client.instances()),
            });
        let found = match found {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        self.instance = Some(choose(talk, self.provider, found)?);
        let seen = self.client(keys).and_then(|client| {
            let (is_on, tokens) = runtime.block_on(client.look())?;
            Ok((client, is_on, tokens))
        });
        let (client, is_on, tokens) = match seen {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error)),
        };
        if tokens.len() >= TOKENS_MAX {
            let ids = tokens.into_iter().map(|token| token.id).collect();
            let error = CloudError::TooManyTokens { ids };
            return Err(Stop::Failure(Failure {
                words: chain(&error),
                code: exit::PROVIDER,
            }));
        }
        Ok(Ok((self, client, is_on)))
    }

    /// The table of the configuration.
    fn control(&self, rotate_before_days: &str) -> Control {
        let (instance, endpoint) = match self.provider {
            Provider::Huawei => ("identity_store_id", "endpoints"),
            Provider::Alibaba => ("directory_id", "endpoint"),
        };
        let text = |text: &Option<String>| text.as_deref().map(quoted);
        let address = text(&self.endpoint).map(|url| match self.provider {
            Provider::Huawei => format!("{{ identitystore = {url}, identitycenter = {url} }}"),
            Provider::Alibaba => url,
        });
        let lines = [
            ("region", text(&self.region)),
            (instance, text(&self.instance)),
            (endpoint, address),
            ("ca_file", self.ca_file.as_deref().map(quoted_path)),
        ];
        let lines = lines.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Control {
            provider: self.provider.name().to_owned(),
            lines: lines.collect(),
            keys: self.keys.clone(),
            rotate_before_days: rotate_before_days.to_owned(),
        }
    }
}

/// The one there is, or the one that is meant.
fn choose(talk: &mut Talk<'_>, provider: Provider, found: Vec<(String, String)>) -> Result<String, Stop> {
    let what = provider.instance();
    match found.as_slice() {
        [] => Err(Stop::Failure(Failure {
            words: format!("the cloud has no {what} for this access key; name it with --instance"),
            code: exit::PROVIDER,
        })),
        [(only, _)] => Ok(only.clone()),
        several => {
            let lines = several.iter().map(|(id, name)| format!("  {id}  {name}\n"));
            talk.desk.say(lines.collect::<String>().trim_end())?;
            let question = Question {
                flag: "--instance",
                words: &format!("Which {what}?"),
                default: None,
            };
            talk.desk
                .ask(&question, None, |text| match several.iter().any(|(id, _)| id == text) {
                    true => Ok(text.to_owned()),
                    false => Err(format!("{text:?} is none of them")),
                })
        }
    }
}

impl Client {
    /// What there is, by id and name.
    async fn instances(&self) -> cloud::Result<Vec<(String, String)>> {
        Ok(match self {
            Self::Huawei(huawei) => {
                let instances = huawei.instances().await?.into_iter();
                instances
                    .map(|one| (one.identity_store_id, one.alias.unwrap_or_default()))
                    .collect()
            }
            Self::Alibaba(alibaba) => {
                let directories = alibaba.directories().await?.into_iter();
                directories.map(|one| (one.id, one.name.unwrap_or_default())).collect()
            }
        })
    }

    /// Whether provisioning is on, and the tokens that are there.
    async fn look(&self) -> cloud::Result<(bool, Vec<IssuedToken>)> {
        match self {
            Self::Huawei(huawei) => match huawei.tenants().await?.first() {
                Some(tenant) => Ok((true, huawei.tokens_of(&tenant.tenant_id).list().await?)),
                None => Ok((false, Vec::new())),
            },
            Self::Alibaba(alibaba) => {
                let is_on = alibaba.status().await? == SyncStatus::Enabled;
                Ok((is_on, alibaba.list().await?))
            }
        }
    }
}

impl Switch {
    /// What it is going to do, for a list.
    pub(super) fn words(&self) -> &'static str {
        match self.is_on {
            true => "provisioning is on already; a new token is made",
            false => "provisioning is switched on, and a token is made",
        }
    }

    /// Whether provisioning was off before.
    pub(super) fn turns_on(&self) -> bool {
        !self.is_on
    }

    /// Does it.
    pub(super) fn flip(&self, runtime: &Handle) -> Result<Made, Unfinished> {
        let before = |error| Unfinished {
            error,
            is_on_now: false,
        };
        let after = |error| Unfinished {
            error,
            is_on_now: self.turns_on(),
        };
        runtime.block_on(async {
            let (endpoint, (token, text)) = match &self.client {
                Client::Huawei(huawei) => {
                    let (tenant, _) = huawei.enable().await.map_err(before)?;
                    let made = huawei.tokens_of(&tenant.tenant_id).create().await;
                    (tenant.scim_endpoint, made.map_err(after)?)
                }
                Client::Alibaba(alibaba) => {
                    alibaba.set_status(SyncStatus::Enabled).await.map_err(before)?;
                    let made = alibaba.create().await.map_err(after)?;
                    (self.endpoint.clone().unwrap_or_default(), made)
                }
            };
            Ok(Made { endpoint, token, text })
        })
    }

    /// Deletes a token that has no place.
    pub(super) fn take_back(&self, token: &IssuedToken, runtime: &Handle) -> cloud::Result<()> {
        runtime.block_on(async {
            match &self.client {
                Client::Huawei(huawei) => huawei.tokens().await?.delete(&token.id).await,
                Client::Alibaba(alibaba) => alibaba.delete(&token.id).await,
            }
        })
    }
}
