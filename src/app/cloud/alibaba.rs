//! `scimward cloud alibaba …`

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Context, Failure,
    answer::{Answer, Step, columns, pairs, time, time_json},
    consent,
    onward::{Onward, not_written},
    scim_table, settings,
    token_requests::{AlibabaTokens, TRIES, TokenRequests},
    tokens::{Tokens, json_of},
    words::{ALIBABA, Words},
};
use crate::{
    cli::cloud::{AlibabaCommand, AlibabaTask, Consent, CredentialCommand, DirectoryCommand, ScimCommand, Table},
    cloud::{
        Alibaba,
        alibaba::{Directory, Switched, SyncStatus},
        region,
        settings::AlibabaSettings,
    },
};

/// The profile this cloud has.
const PROFILE: &str = "alibaba";

pub(super) async fn run(context: &Context<'_>, task: &AlibabaTask) -> Result<Answer, Failure> {
    let settings = settings::alibaba(context.part, context.options, &task.options)?;
    let alibaba = Alibaba::new(&settings)?;
    if context.is_dry_run() {
        return planned(context, &alibaba, &settings, &task.command);
    }
    match &task.command {
        AlibabaCommand::Scim(command) => scim(context, &alibaba, &settings, command).await,
        AlibabaCommand::Credential(command) => credential(context, &alibaba, &settings, command).await,
        AlibabaCommand::Directory(DirectoryCommand::List) => Ok(directories(&alibaba.directories().await?)),
    }
}

fn planned(
    context: &Context<'_>,
    alibaba: &Alibaba,
    settings: &AlibabaSettings,
    command: &AlibabaCommand,
) -> Result<Answer, Failure> {
    let requests = alibaba.requests();
    let switch = |wanted: SyncStatus, when| -> Result<Vec<Step>, Failure> {
        Ok(vec![
            Step::always(requests.status()?),
            Step::when(when, requests.set_status(wanted)?),
            Step::when(when, requests.status()?),
        ])
    };
    let steps = match command {
        AlibabaCommand::Scim(ScimCommand::Status) => vec![Step::always(requests.status()?)],
        AlibabaCommand::Scim(ScimCommand::Enable(Table { write_config })) => {
            if let Some(path) = write_config {
                scim_table::try_out(path)?;
                endpoint_to_write(context, settings)?;
            }
            let answer = Answer::of_steps(&switch(SyncStatus::Enabled, "it is off")?);
            return Ok(answer.with_remark(not_written(write_config.as_deref())));
        }
        AlibabaCommand::Scim(ScimCommand::Disable { .. }) => switch(SyncStatus::Disabled, "it is on")?,
        AlibabaCommand::Directory(DirectoryCommand::List) => vec![Step::always(requests.directories())],
        AlibabaCommand::Credential(command) => return planned_credential(context, alibaba, settings, command),
    };
    Ok(Answer::of_steps(&steps))
}

/// What is refused before anything is sent is refused here too.
fn planned_credential(
    context: &Context<'_>,
    alibaba: &Alibaba,
    settings: &AlibabaSettings,
    command: &CredentialCommand,
) -> Result<Answer, Failure> {
    let (requests, tokens) = (AlibabaTokens(alibaba.requests()), tokens(context));
    let set = |id: &str, enabled| -> Result<Vec<Step>, Failure> {
        let mut steps = requests.list()?;
        steps.push(Step::always(alibaba.requests().set_credential(id, enabled)?));
        Ok(steps)
    };
    let steps = match command {
        CredentialCommand::List => requests.list()?,
        CredentialCommand::Create(destination) => {
            tokens.prepare(destination)?;
            requests.create()?
        }
        CredentialCommand::Delete { id, .. } => requests.delete(id)?,
        CredentialCommand::Rotate(rotation) => {
            tokens.file_of(rotation)?;
            context.probe(PROFILE, rotation, usual_endpoint(settings).as_deref())?;
            return Ok(Answer::of_steps(&requests.rotate()?).with_remark(Some(TRIES)));
        }
        CredentialCommand::Enable { id } => set(id, true)?,
        CredentialCommand::Disable { id, .. } => set(id, false)?,
    };
    Ok(Answer::of_steps(&steps))
}

// --- the switch -----------------------------------------------------------------------------------

async fn scim(
    context: &Context<'_>,
    alibaba: &Alibaba,
    settings: &AlibabaSettings,
    command: &ScimCommand,
) -> Result<Answer, Failure> {
    match command {
        ScimCommand::Status => {
            let status = alibaba.status().await?;
            Ok(Answer::new(
                format!("SCIM synchronisation is {}.", on_off(status)),
                json!({ "status": status.as_str() }),
            ))
        }
        ScimCommand::Enable(Table { write_config }) => {
            enable(context, alibaba, settings, write_config.as_deref()).await
        }
        ScimCommand::Disable { consent } => {
            if alibaba.status().await? == SyncStatus::Enabled {
                may_disable(*consent)?;
            }
            switch(alibaba, SyncStatus::Disabled).await
        }
    }
}

/// The endpoint is not in any answer: the region tells it, or the configuration.
async fn enable(
    context: &Context<'_>,
    alibaba: &Alibaba,
    settings: &AlibabaSettings,
    write_config: Option<&Path>,
) -> Result<Answer, Failure> {
    write_config.map(scim_table::try_out).transpose()?;
    let endpoint = match write_config {
        Some(_) => Some(endpoint_to_write(context, settings)?),
        None => endpoint(context, settings),
    };
    let mut answer = switch(alibaba, SyncStatus::Enabled).await?;
    answer.json["endpoint"] = json!(endpoint);
    answer.json["config"] = json!(write_config.map(|path| path.display().to_string()));
    let Some(endpoint) = endpoint else {
        answer
            .text
            .push_str("The console shows the SCIM endpoint, for [scim] endpoint.\n");
        return Ok(answer);
    };
    answer.text.push_str(&pairs(&[("endpoint", endpoint.clone())]));
    let onward = Onward {
        profile: PROFILE,
        endpoint: &endpoint,
        words: &words(context),
        // Credentials outlive the switch.
        is_bare: false,
    };
    let said = onward.say(context, write_config);
    answer
        .text
        .push_str(&said.map_err(|failure| failure.after(&answer.text))?);
    Ok(answer)
}

fn endpoint(context: &Context<'_>, settings: &AlibabaSettings) -> Option<String> {
    usual_endpoint(settings).or_else(|| context.scim_endpoint(PROFILE).map(str::to_owned))
}

fn endpoint_to_write(context: &Context<'_>, settings: &AlibabaSettings) -> Result<String, Failure> {
    let begun = || context.unclaimed_endpoint().map(str::to_owned);
    endpoint(context, settings).or_else(begun).ok_or_else(|| {
        Failure::usage(
            "the SCIM endpoint behind a host of your own is not known here, so --write-config has nothing to write: the \
             console shows it; put it into [scim] endpoint",
        )
    })
}

fn may_disable(consent: Consent) -> Result<(), Failure> {
    let follows = "With SCIM synchronisation off nothing can be pushed, and the people and groups that came by SCIM can be \
                   edited by hand; when it is switched on again, such edits may be rolled back and deleted people may come \
                   back. Credentials stay.";
    consent::ask(consent, follows, "disable")
}

async fn switch(alibaba: &Alibaba, wanted: SyncStatus) -> Result<Answer, Failure> {
    let Switched { before, after } = alibaba.set_status(wanted).await?;
    let text = match before == after {
        true => format!("SCIM synchronisation was {} already.", on_off(after)),
        false => format!("SCIM synchronisation is {}; it was {}.", on_off(after), on_off(before)),
    };
    Ok(Answer::new(
        text,
        json!({ "status": after.as_str(), "before": before.as_str() }),
    ))
}

fn on_off(status: SyncStatus) -> &'static str {
    match status {
        SyncStatus::Enabled => "on",
        SyncStatus::Disabled => "off",
    }
}

/// Where SCIM is spoken in a region; not to be told of a host of the operator's own.
fn usual_endpoint(settings: &AlibabaSettings) -> Option<String> {
    let region = settings.region.as_ref().filter(|_| settings.endpoint.is_none())?;
    Some(region::alibaba_scim(region))
}

fn words(context: &Context<'_>) -> Words {
    Words::of(ALIBABA, context.config)
}

// --- credentials ----------------------------------------------------------------------------------

fn tokens<'a>(context: &'a Context<'_>) -> Tokens<'a> {
    Tokens {
        words: words(context),
        configured: context.token_file(PROFILE),
    }
}

async fn credential(
    context: &Context<'_>,
    alibaba: &Alibaba,
    settings: &AlibabaSettings,
    command: &CredentialCommand,
) -> Result<Answer, Failure> {
    let tokens = tokens(context);
    match command {
        CredentialCommand::List => tokens.list(alibaba).await,
        CredentialCommand::Create(destination) => tokens.create(alibaba, &tokens.prepare(destination)?).await,
        CredentialCommand::Delete { id, consent } => tokens.delete(alibaba, id, *consent).await,
        CredentialCommand::Enable { id } => set(alibaba, &tokens, id, true).await,
        CredentialCommand::Disable { id, consent } => {
            let follows = format!("Whoever uses credential {id} is refused until it is enabled again.");
            consent::ask(*consent, &follows, id)?;
            set(alibaba, &tokens, id, false).await
        }
        CredentialCommand::Rotate(rotation) => {
            let path = tokens.file_of(rotation)?;
            let probe = context.probe(PROFILE, rotation, usual_endpoint(settings).as_deref())?;
            tokens.rotate(alibaba, &probe, &path, rotation.keep.as_deref()).await
        }
    }
}

async fn set(alibaba: &Alibaba, tokens: &Tokens<'_>, id: &str, enabled: bool) -> Result<Answer, Failure> {
    tokens.find(alibaba, id).await?;
    let token = alibaba.set_credential(id, enabled).await?;
    let words = if token.enabled { "enabled" } else { "disabled" };
    Ok(Answer::new(
        format!("Credential {id} is {words}."),
        json!({ "credential": json_of(&token, None) }),
    ))
}

// --- directories ----------------------------------------------------------------------------------

fn directories(directories: &[Directory]) -> Answer {
    let row = |directory: &Directory| {
        vec![
            directory.id.clone(),
            directory.name.clone().unwrap_or_default(),
            directory.region.clone().unwrap_or_default(),
            directory.created.map(time).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = directories.iter().map(row).collect();
    let text = match rows.as_slice() {
        [] => "There is no directory in this region: an account has one, in one region.".to_owned(),
        rows => columns(&["directory_id", "name", "region", "made"], rows),
    };
    let json: Vec<Value> = directories.iter().map(directory_json).collect();
    Answer::new(text, json!({ "directories": json }))
}

fn directory_json(directory: &Directory) -> Value {
    json!({
        "directory_id": directory.id,
        "name": directory.name,
        "region": directory.region,
        "created": time_json(directory.created),
    })
}
