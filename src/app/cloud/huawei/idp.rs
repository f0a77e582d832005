//! `scimward cloud huawei idp …`: the identity providers of IAM.

use serde_json::{Value, json};

use super::{
    super::{
        Context, Failure,
        answer::{Answer, Step, columns, pairs},
        consent,
    },
    federation,
};
use crate::{
    cli::cloud::{Consent, IdpChange, IdpCommand, SsoType},
    cloud::{
        Huawei,
        huawei::{IdentityProviders, Provider, ProviderFields, Written},
    },
    outcome::exit,
};

pub(super) async fn run(context: &Context<'_>, huawei: &Huawei, command: &IdpCommand) -> Result<Answer, Failure> {
    match command {
        IdpCommand::Protocol(command) => federation::protocol(context, huawei, command).await,
        IdpCommand::Mapping(command) => federation::mapping(context, huawei, command).await,
        command if context.is_dry_run() => planned(huawei, command),
        command => provider(&huawei.idp(), command).await,
    }
}

fn planned(huawei: &Huawei, command: &IdpCommand) -> Result<Answer, Failure> {
    let requests = huawei.requests();
    let steps = match command {
        IdpCommand::Create { id, sso_type, change } => {
            let fields = fields(*sso_type, change);
            vec![
                Step::always(requests.provider(id)?),
                Step::when("it is not there", requests.create_provider(id, &fields)?),
                Step::when("it is there and differs", requests.update_provider(id, &fields)?),
            ]
        }
        IdpCommand::Show { id } => vec![Step::always(requests.provider(id)?)],
        IdpCommand::List => vec![Step::always(requests.providers()?)],
        IdpCommand::Update { id, change } => vec![
            Step::always(requests.provider(id)?),
            Step::when("it differs", requests.update_provider(id, &something(change)?)?),
        ],
        IdpCommand::Delete { id, .. } => vec![Step::always(requests.delete_provider(id)?)],
        // They are planned where they are done.
        IdpCommand::Protocol(_) | IdpCommand::Mapping(_) => Vec::new(),
    };
    Ok(Answer::of_steps(&steps))
}

async fn provider(idp: &IdentityProviders, command: &IdpCommand) -> Result<Answer, Failure> {
    match command {
        IdpCommand::Create { id, sso_type, change } => {
            let (provider, written) = idp.create_or_update(id, &fields(*sso_type, change)).await?;
            Ok(answer(&provider, Some(written)))
        }
        IdpCommand::Show { id } => Ok(answer(&idp.show(id).await?, None)),
        IdpCommand::List => Ok(list(&idp.list().await?)),
        IdpCommand::Update { id, change } => {
            let (provider, written) = idp.update(id, &something(change)?).await?;
            Ok(answer(&provider, Some(written)))
        }
        IdpCommand::Delete { id, consent } => {
            may_delete(*consent, "identity provider", id)?;
            deleted(idp.delete(id).await?, "identity provider", id)
        }
        IdpCommand::Protocol(_) | IdpCommand::Mapping(_) => Err(Failure::usage("not a command for a provider")),
    }
}

fn fields(sso_type: Option<SsoType>, change: &IdpChange) -> ProviderFields {
    use crate::cloud::huawei::SsoType as Theirs;
    ProviderFields {
        sso_type: sso_type.map(|sso_type| match sso_type {
            SsoType::VirtualUserSso => Theirs::VirtualUser,
            SsoType::IamUserSso => Theirs::IamUser,
        }),
        description: change.description.clone(),
        enabled: change.enabled,
    }
}

fn something(change: &IdpChange) -> Result<ProviderFields, Failure> {
    if change.description.is_none() && change.enabled.is_none() {
        return Err(Failure::usage(
            "say what changes: --description TEXT, --enabled, --enabled=false",
        ));
    }
    Ok(fields(None, change))
}

/// Asks, for anything below `idp`.
pub(super) fn may_delete(consent: Consent, what: &str, id: &str) -> Result<(), Failure> {
    let follows = format!("Nobody logs in by way of {what} {id} once it is deleted.");
    consent::ask(consent, &follows, id)
}

/// A name that is not there is a slip of the finger.
pub(super) fn deleted(was_there: bool, what: &str, id: &str) -> Result<Answer, Failure> {
    if was_there {
        return Ok(Answer::new(format!("Deleted {what} {id}."), json!({ "deleted": id })));
    }
    Err(Failure {
        words: format!("there is no {what} {id}"),
        code: exit::PROVIDER,
    })
}

/// What writing came to, as a heading and for programs.
pub(super) fn outcome(written: Written, what: &str) -> (String, &'static str) {
    match written {
        Written::Created => (format!("Made the {what}.\n"), "created"),
        Written::Changed => (format!("Changed the {what}.\n"), "changed"),
        Written::Unchanged => (format!("The {what} was so already.\n"), "unchanged"),
    }
}

fn answer(provider: &Provider, written: Option<Written>) -> Answer {
    let mut json = json!({ "identity_provider": provider_json(provider) });
    let mut text = String::new();
    if let Some(written) = written {
        let (words, outcome) = outcome(written, "identity provider");
        text = words;
        json["outcome"] = outcome.into();
    }
    text.push_str(&pairs(&[
        ("name", provider.id.clone()),
        ("type", provider.sso_type.as_str().to_owned()),
        ("description", provider.description.clone().unwrap_or_default()),
        ("enabled", yes_no(provider.enabled).to_owned()),
        ("remote ids", provider.remote_ids.join(", ")),
    ]));
    Answer::new(text, json)
}

fn list(providers: &[Provider]) -> Answer {
    let row = |provider: &Provider| {
        vec![
            provider.id.clone(),
            provider.sso_type.as_str().to_owned(),
            yes_no(provider.enabled).to_owned(),
            provider.description.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = providers.iter().map(row).collect();
    let text = match rows.as_slice() {
        [] => "There is no identity provider.".to_owned(),
        rows => columns(&["name", "type", "enabled", "description"], rows),
    };
    let json: Vec<Value> = providers.iter().map(provider_json).collect();
    Answer::new(text, json!({ "identity_providers": json }))
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn provider_json(provider: &Provider) -> Value {
    json!({
        "id": provider.id,
        "sso_type": provider.sso_type.as_str(),
        "description": provider.description,
        "enabled": provider.enabled,
        "remote_ids": provider.remote_ids,
    })
}
