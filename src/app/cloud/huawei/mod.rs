//! `scimward cloud huawei …`

mod federation;
mod idp;
mod tenant;

use serde_json::json;

use super::{
    Context, Failure,
    answer::{Answer, Step, columns},
    settings,
    token_requests::{HuaweiTokens, TRIES, TokenRequests},
    tokens::Tokens,
    words::{HUAWEI, Words},
};
use crate::{
    cli::cloud::{HuaweiCommand, HuaweiTask, IdpTask, InstanceCommand, Rotation, TokenCommand},
    cloud::{Huawei, ScimProbe, huawei::Instance},
    secret::SecretSource,
};

/// The profile this cloud has.
const PROFILE: &str = "huawei";

pub(super) async fn run(context: &Context<'_>, task: &HuaweiTask) -> Result<Answer, Failure> {
    let mut settings = settings::huawei(context.part, context.options, &task.options)?;
    if let HuaweiCommand::Idp(IdpTask {
        auth_token_file: Some(file),
        ..
    }) = &task.command
    {
        if context.options.access_key_file.is_some() {
            return Err(Failure::usage(
                "--auth-token-file is sent in place of a signature, so --access-key-file has no effect: leave one of them out",
            ));
        }
        settings.auth_token = Some(SecretSource::File(file.clone()));
    }
    let huawei = Huawei::new(&settings)?;
    match &task.command {
        HuaweiCommand::Tenant(command) => tenant::run(context, &huawei, command).await,
        HuaweiCommand::Token(command) if context.is_dry_run() => planned(context, &huawei, command),
        HuaweiCommand::Token(command) => token(context, &huawei, command).await,
        HuaweiCommand::Instance(InstanceCommand::List) => instances(context, &huawei).await,
        HuaweiCommand::Idp(task) => idp::run(context, &huawei, &task.command).await,
    }
}

fn tokens<'a>(context: &'a Context<'_>) -> Tokens<'a> {
    Tokens {
        words: words(context),
        configured: context.token_file(PROFILE),
    }
}

fn words(context: &Context<'_>) -> Words {
    Words::of(HUAWEI, context.config)
}

/// What is refused before anything is sent is refused here too.
fn planned(context: &Context<'_>, huawei: &Huawei, command: &TokenCommand) -> Result<Answer, Failure> {
    let (requests, tokens) = (HuaweiTokens(huawei.requests()), tokens(context));
    let steps = match command {
        TokenCommand::List => requests.list()?,
        TokenCommand::Create(destination) => {
            tokens.prepare(destination)?;
            requests.create()?
        }
        TokenCommand::Delete { id, .. } => requests.delete(id)?,
        TokenCommand::Rotate(rotation) => {
            tokens.file_of(rotation)?;
            let mut steps = Vec::new();
            if knows_endpoint(context, rotation) {
                context.probe(PROFILE, rotation, None)?;
            } else {
                steps.push(Step::always(huawei.requests().tenants()?));
            }
            steps.extend(requests.rotate()?);
            return Ok(Answer::of_steps(&steps).with_remark(Some(TRIES)));
        }
    };
    Ok(Answer::of_steps(&steps))
}

async fn token(context: &Context<'_>, huawei: &Huawei, command: &TokenCommand) -> Result<Answer, Failure> {
    let tokens = tokens(context);
    match command {
        TokenCommand::List => tokens.list(&huawei.tokens().await?).await,
        TokenCommand::Create(destination) => {
            let keeping = tokens.prepare(destination)?;
            tokens.create(&huawei.tokens().await?, &keeping).await
        }
        TokenCommand::Delete { id, consent } => tokens.delete(&huawei.tokens().await?, id, *consent).await,
        TokenCommand::Rotate(rotation) => {
            let path = tokens.file_of(rotation)?;
            let probe = probe(context, huawei, rotation).await?;
            let authority = huawei.tokens().await?;
            tokens.rotate(&authority, &probe, &path, rotation.keep.as_deref()).await
        }
    }
}

fn knows_endpoint(context: &Context<'_>, rotation: &Rotation) -> bool {
    rotation.scim_endpoint.is_some() || context.scim_endpoint(PROFILE).is_some()
}

/// The cloud itself knows its endpoint, when nobody else says.
async fn probe(context: &Context<'_>, huawei: &Huawei, rotation: &Rotation) -> Result<ScimProbe, Failure> {
    if knows_endpoint(context, rotation) {
        return context.probe(PROFILE, rotation, None);
    }
    let tenants = huawei.tenants().await?;
    let endpoint = tenants
        .first()
        .map(|tenant| settings::with_slash(&tenant.scim_endpoint));
    context.probe(PROFILE, rotation, endpoint.as_deref())
}

async fn instances(context: &Context<'_>, huawei: &Huawei) -> Result<Answer, Failure> {
    if context.is_dry_run() {
        return Ok(Answer::of_steps(&[Step::always(huawei.requests().instances(None)?)]));
    }
    let instances = huawei.instances().await?;
    let rows: Vec<Vec<String>> = instances
        .iter()
        .map(|instance| {
            vec![
                instance.identity_store_id.clone(),
                instance.instance_id.clone(),
                instance.alias.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let text = match rows.as_slice() {
        [] => "There is no instance: enable IAM Identity Center in the console of the management account.".to_owned(),
        rows => columns(&["identity_store_id", "instance", "alias"], rows),
    };
    let json: Vec<_> = instances.iter().map(instance_json).collect();
    Ok(Answer::new(text, json!({ "instances": json })))
}

fn instance_json(instance: &Instance) -> serde_json::Value {
    json!({
        "identity_store_id": instance.identity_store_id,
        "instance_id": instance.instance_id,
        "alias": instance.alias,
        "instance_urn": instance.urn,
    })
}
