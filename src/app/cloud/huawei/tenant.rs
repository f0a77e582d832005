//! `scimward cloud huawei tenant …`: automatic provisioning.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    super::{
        Context, Failure,
        answer::{Answer, Step, pairs, time, time_json},
        consent,
        onward::{Onward, not_written},
        scim_table,
    },
    PROFILE, words,
};
use crate::{
    cli::cloud::{Consent, Table, TenantCommand},
    cloud::{Huawei, huawei::Tenant},
};

pub(super) async fn run(context: &Context<'_>, huawei: &Huawei, command: &TenantCommand) -> Result<Answer, Failure> {
    if context.is_dry_run() {
        return planned(huawei, command);
    }
    match command {
        TenantCommand::Show => show(context, huawei).await,
        TenantCommand::Enable(Table { write_config }) => enable(context, huawei, write_config.as_deref()).await,
        TenantCommand::Disable { consent } => disable(huawei, *consent).await,
    }
}

fn planned(huawei: &Huawei, command: &TenantCommand) -> Result<Answer, Failure> {
    if let TenantCommand::Enable(Table {
        write_config: Some(path),
    }) = command
    {
        scim_table::try_out(path)?;
    }
    let requests = huawei.requests();
    let mut steps = vec![Step::always(requests.tenants()?)];
    steps.extend(match command {
        TenantCommand::Show => None,
        TenantCommand::Enable(_) => Some(Step::when("it is off", requests.create_tenant()?)),
        TenantCommand::Disable { .. } => Some(Step::when("it is on", requests.delete_tenant("{tenant_id}")?)),
    });
    let answer = Answer::of_steps(&steps);
    Ok(match command {
        TenantCommand::Enable(Table { write_config }) => answer.with_remark(not_written(write_config.as_deref())),
        _ => answer,
    })
}

async fn show(context: &Context<'_>, huawei: &Huawei) -> Result<Answer, Failure> {
    let tenants = huawei.tenants().await?;
    let mut text = match tenants.as_slice() {
        [] => format!(
            "Automatic provisioning is off; switch it on: {}\n",
            words(context).switch_on()
        ),
        _ => "Automatic provisioning is on.\n".to_owned(),
    };
    text.extend(tenants.iter().map(described));
    let json: Vec<Value> = tenants.iter().map(tenant_json).collect();
    Ok(Answer::new(text, json!({ "tenants": json })))
}

async fn enable(context: &Context<'_>, huawei: &Huawei, write_config: Option<&Path>) -> Result<Answer, Failure> {
    write_config.map(scim_table::try_out).transpose()?;
    let (tenant, was_enabled) = huawei.enable().await?;
    let mut text = match was_enabled {
        true => "Automatic provisioning was on already.\n".to_owned(),
        false => "Automatic provisioning is on.\n".to_owned(),
    };
    text.push_str(&described(&tenant));
    let onward = Onward {
        profile: PROFILE,
        endpoint: &tenant.scim_endpoint,
        words: &words(context),
        is_bare: !was_enabled,
    };
    // What is on stays on: the words say so when the file cannot be written.
    let said = onward
        .say(context, write_config)
        .map_err(|failure| failure.after(&text))?;
    text.push_str(&said);
    let json = json!({
        "tenant": tenant_json(&tenant),
        "was_enabled": was_enabled,
        "config": write_config.map(|path| path.display().to_string()),
    });
    Ok(Answer::new(text, json))
}

async fn disable(huawei: &Huawei, consent: Consent) -> Result<Answer, Failure> {
    let tenants = huawei.tenants().await?;
    if tenants.is_empty() {
        let json = json!({ "tenant": Value::Null, "disabled": false });
        return Ok(Answer::new("Automatic provisioning was off already.", json));
    }
    let follows = "Switching automatic provisioning off removes all its tokens, and synchronisation stops. After it is \
                   switched on again a new token is needed, and the endpoint may be another.";
    consent::ask(consent, follows, "disable")?;
    for tenant in &tenants {
        huawei.disable(&tenant.tenant_id).await?;
    }
    let json = json!({ "tenant": tenants.first().map(tenant_json), "disabled": true });
    Ok(Answer::new(
        "Automatic provisioning is off; its tokens are removed.",
        json,
    ))
}

fn described(tenant: &Tenant) -> String {
    pairs(&[
        ("tenant", tenant.tenant_id.clone()),
        ("endpoint", tenant.scim_endpoint.clone()),
        ("since", tenant.created.map_or_else(|| "not known".to_owned(), time)),
    ])
}

fn tenant_json(tenant: &Tenant) -> Value {
    json!({
        "tenant_id": tenant.tenant_id,
        "scim_endpoint": tenant.scim_endpoint,
        "created": time_json(tenant.created),
    })
}
