//! The cloud's own switch: what has to be known to provision without the console.
//!
//! `provider` (whose switch is known), `access` (a key, and what it opens), `switch` (what is done at the end).

mod access;
mod provider;
mod switch;

pub(super) use self::switch::{Left, Made, Switch, Unfinished};
use self::{
    access::{Access, Client, KeyPair},
    provider::Provider,
    switch::delete_command,
};
use super::{
    answers::Secret,
    ask::{Question, Stop, heard, usage},
    talk::Talk,
    trial,
};
use crate::{
    app::chain,
    cloud::{CloudError, TOKENS_MAX, keys, region},
    outcome::exit,
};

/// Whether this cloud's switch is known.
pub(super) fn is_known(provider: &str) -> bool {
    Provider::named(provider).is_some()
}

/// Asks for the access key and what goes with it, and looks whether it fits. Changes nothing there.
pub(super) fn ask(talk: &mut Talk<'_>) -> Result<Switch, Stop> {
    let provider = Provider::named(&talk.answers.provider)
        .ok_or_else(|| usage(format!("{} has no switch that is known here", talk.answers.provider)))?;
    let region = heard(ask_region(talk, provider))?;
    let endpoint = heard(ask_endpoint(talk, provider, region.as_ref()))?;
    let mut given = true;
    loop {
        let keys = heard(ask_keys(talk, provider, given))?;
        let is_temporary = matches!(keys, Some((_, Some(_))));
        heard(can_be_renewed(talk, is_temporary))?;
        let (Some(region), Some(endpoint), Some((keys, security_token))) = (&region, &endpoint, keys) else {
            return Err(Stop::Noted);
        };
        let access = Access {
            provider,
            region: region.clone(),
            instance: None,
            endpoint: talk.options.control_endpoint.clone(),
            ca_file: talk.answers.ca_file.clone(),
            keys,
            security_token,
        };
        if let Some(switch) = look(talk, access, endpoint.clone())? {
            return Ok(switch);
        }
        given = false;
    }
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
    let question = Question::new("--region", "In which region?");
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

/// Where people go, for a cloud that does not tell. `region` is nothing when the answer was wrong.
fn ask_endpoint(
    talk: &mut Talk<'_>,
    provider: Provider,
    region: Option<&Option<String>>,
) -> Result<Option<String>, Stop> {
    let mut given = talk.options.endpoint.clone();
    if provider == Provider::Huawei {
        return match given {
            Some(_) => Err(talk.desk.mistake(
                "--endpoint: Huawei Cloud tells it by itself; leave it out".to_owned(),
                exit::USAGE,
            )),
            None => Ok(None),
        };
    }
    // The token of another control plane is nothing for the public host: whoever names the one names the other.
    let (words, usual) = match (&talk.options.control_endpoint, region) {
        (Some(_), _) => ("The SCIM endpoint that belongs to --control-endpoint:", None),
        (None, Some(Some(region))) => ("The SCIM endpoint:", Some(region::alibaba_scim(region))),
        (None, _) if given.is_none() => return Err(Stop::Noted),
        (None, _) => ("The SCIM endpoint:", None),
    };
    let mut question = Question::new("--endpoint", words).or(usual);
    loop {
        talk.answer(&question, given.take(), "[scim] endpoint", |answers, text| {
            answers.endpoint = Some(text.to_owned());
        })?;
        match talk.trial.reach(&talk.answers) {
            Ok(()) => return Ok(talk.answers.endpoint.clone()),
            Err(reason) => talk.desk.refused("--endpoint", &reason, exit::PROVIDER)?,
        }
        question = question.or(talk.answers.endpoint.clone());
    }
}

/// From files, else from the environment, else from the person. The security token of a temporary key comes
/// from where the key does; what is typed is no temporary key.
fn ask_keys(talk: &mut Talk<'_>, provider: Provider, given: bool) -> Result<(KeyPair, Option<Secret>), Stop> {
    let options = talk.options;
    let (access, secret) = (options.access_key_file.clone(), options.secret_key_file.clone());
    let variables = provider.variables();
    if given && access.is_none() && secret.is_none() {
        let sources = keys::sources(None, variables);
        if let (Ok(access), Ok(secret)) = (sources.access_key.read(), sources.secret_key.read()) {
            talk.desk
                .say(&format!("The access key is that of ${}.", variables.access_key))?;
            let token = sources.security_token.map(|source| source.read()).transpose();
            let token = token.map_err(|error| talk.desk.mistake(error.to_string(), exit::USAGE))?;
            return Ok(((Secret::Text(access), Secret::Text(secret)), token.map(Secret::Text)));
        }
    }
    let token = options.security_token_file.as_deref().filter(|_| given);
    let token = token.map(trial::absolute).transpose().map_err(usage)?;
    let (access, secret) = if given { (access, secret) } else { (None, None) };
    if !talk.desk.is_attended() && (access.is_none() || secret.is_none()) {
        let words = format!(
            "--access-key-file and --secret-key-file are missing (or the environment variables {} and {})",
            variables.access_key, variables.secret_key
        );
        return Err(talk.desk.mistake(words, exit::USAGE));
    }
    let access = heard(talk.secret("--access-key-file", "The id of the access key (not shown):", access))?;
    let secret = heard(talk.secret("--secret-key-file", "Its secret (not shown):", secret))?;
    match (access, secret) {
        (Some(access), Some(secret)) => Ok(((access, secret), token.map(Secret::File))),
        _ => Err(Stop::Noted),
    }
}

/// Whether the daemon could have its part, when the command line wants it to.
fn can_be_renewed(talk: &mut Talk<'_>, is_temporary: bool) -> Result<(), Stop> {
    let wanted = talk.options.rotate_before_days.as_deref();
    if wanted.is_none_or(|days| days == "0") {
        return Ok(());
    }
    let why = if is_temporary {
        "a temporary access key is dead long before the daemon needs it; give a permanent one, or leave the option out"
    } else if talk.systemd {
        "with --systemd the token is a credential, which the service cannot write; leave one of the two out"
    } else {
        return Ok(());
    };
    Err(talk.desk.mistake(format!("--rotate-before-days: {why}"), exit::USAGE))
}

/// The daemon's part, for those who want it.
fn ask_renewal(talk: &mut Talk<'_>, access: &Access) -> Result<(), Stop> {
    talk.answers.control = Some(access.control(None));
    if access.security_token.is_some() || talk.systemd {
        return Ok(());
    }
    let question = Question::new(
        "--rotate-before-days",
        "How many days before it expires does the daemon renew the token (0: never; else it keeps the access key)?",
    );
    talk.answer(
        &question.or(Some("0".to_owned())),
        talk.options.rotate_before_days.clone(),
        "[scim] rotate_before_days",
        // What is no number is refused by the checks of the configuration, in their words.
        |answers, text| answers.control = Some(access.control((text != "0").then_some(text))),
    )
}

/// Asks the cloud what there is; nothing when another key is to be tried.
fn look(talk: &mut Talk<'_>, mut access: Access, endpoint: Option<String>) -> Result<Option<Switch>, Stop> {
    let keys = talk
        .trial
        .key_sources(&access.keys, access.security_token.as_ref())
        .map_err(usage)?;
    let runtime = talk.trial.runtime().clone();
    let found = access
        .client(keys.clone())
        .and_then(|client| match &talk.options.instance {
            Some(id) => Ok(vec![(id.clone(), String::new())]),
            None => runtime.block_on(client.instances()),
        });
    let found = match found {
        Ok(found) => found,
        Err(error) => return refused(talk, &error).map(|()| None),
    };
    access.instance = Some(choose(talk, access.provider, found)?);
    let seen = access.client(keys).and_then(|client: Client| {
        let seen = runtime.block_on(client.look())?;
        Ok((client, seen))
    });
    let (client, seen) = match seen {
        Ok(seen) => seen,
        Err(error) => return refused(talk, &error).map(|()| None),
    };
    let earlier: Vec<String> = seen.tokens.into_iter().map(|token| token.id).collect();
    if earlier.len() >= TOKENS_MAX {
        let command = delete_command(&access, "ID");
        let error = CloudError::TooManyTokens { ids: earlier };
        let words = format!("{}; one of them goes by: {command}", chain(&error));
        return Err(talk.desk.mistake(words, error.exit_code()));
    }
    talk.answers.endpoint = endpoint.clone().or(seen.endpoint);
    ask_renewal(talk, &access)?;
    Ok(Some(Switch {
        access,
        client,
        endpoint,
        is_on: seen.is_on,
        earlier,
    }))
}

/// What another key may mend is asked for again.
fn refused(talk: &mut Talk<'_>, error: &CloudError) -> Result<(), Stop> {
    let (words, code) = (chain(error), error.exit_code());
    if error.refusal().is_some() || matches!(error, CloudError::Keys(_)) {
        return talk.desk.refused("--access-key-file, --secret-key-file", &words, code);
    }
    let flag = match talk.options.control_endpoint {
        Some(_) => "--control-endpoint",
        None => "--region",
    };
    Err(talk.desk.mistake(format!("{flag}: {words}"), code))
}

/// The one there is, or the one that is meant.
fn choose(talk: &mut Talk<'_>, provider: Provider, found: Vec<(String, String)>) -> Result<String, Stop> {
    let what = provider.instance();
    match found.as_slice() {
        [] => Err(talk.desk.mistake(
            format!("the cloud has no {what} for this access key; name it with --instance"),
            exit::PROVIDER,
        )),
        [(only, _)] => Ok(only.clone()),
        several => {
            let lines = several.iter().map(|(id, name)| format!("  {id}  {name}\n"));
            talk.desk.say(lines.collect::<String>().trim_end())?;
            let words = format!("Which {what}?");
            let question = Question::new("--instance", &words);
            talk.desk
                .ask(&question, None, |text| match several.iter().any(|(id, _)| id == text) {
                    true => Ok(text.to_owned()),
                    false => Err(format!("{text:?} is none of them")),
                })
        }
    }
}
