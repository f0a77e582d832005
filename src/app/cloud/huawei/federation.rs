//! `scimward cloud huawei idp protocol …` and `… mapping …`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::{Value, json};

use super::{
    super::{
        Context, Failure,
        answer::{Answer, Step, columns, pairs},
    },
    idp::{deleted, may_delete, outcome},
};
use crate::{
    cli::cloud::{MappingCommand, ProtocolCommand},
    cloud::{
        Huawei,
        huawei::{Mapping, Protocol, Requests, Written},
    },
};

/// Largest file of rules in bytes; a cloud takes some dozens of rules.
const RULES_BYTES_MAX: u64 = 1 << 20;

pub(super) async fn protocol(
    context: &Context<'_>,
    huawei: &Huawei,
    command: &ProtocolCommand,
) -> Result<Answer, Failure> {
    if context.is_dry_run() {
        return Ok(Answer::of_steps(&protocol_steps(huawei.requests(), command)?));
    }
    let idps = huawei.idp();
    match command {
        ProtocolCommand::Create { idp, protocol, mapping } => {
            let (protocol, written) = idps.protocol_create(idp, protocol, mapping.as_deref()).await?;
            Ok(protocol_answer(&protocol, Some(written)))
        }
        ProtocolCommand::Show { idp, protocol } => Ok(protocol_answer(&idps.protocol_show(idp, protocol).await?, None)),
        ProtocolCommand::List { idp } => {
            let protocols = idps.protocol_list(idp).await?;
            let row = |protocol: &Protocol| vec![protocol.id.clone(), protocol.mapping_id.clone().unwrap_or_default()];
            let rows: Vec<Vec<String>> = protocols.iter().map(row).collect();
            let json: Vec<Value> = protocols.iter().map(protocol_json).collect();
            Ok(Answer::new(
                columns(&["protocol", "mapping"], &rows),
                json!({ "protocols": json }),
            ))
        }
        ProtocolCommand::Delete { idp, protocol, consent } => {
            may_delete(*consent, "protocol", protocol)?;
            deleted(idps.protocol_delete(idp, protocol).await?, "protocol", protocol)
        }
    }
}

fn protocol_steps(requests: &Requests, command: &ProtocolCommand) -> Result<Vec<Step>, Failure> {
    Ok(match command {
        ProtocolCommand::Create { idp, protocol, mapping } => {
            let mapping = mapping.as_deref();
            vec![
                Step::always(requests.protocol(idp, protocol)?),
                Step::when("it is not there", requests.create_protocol(idp, protocol, mapping)?),
                Step::when(
                    "it is there and differs",
                    requests.update_protocol(idp, protocol, mapping)?,
                ),
            ]
        }
        ProtocolCommand::Show { idp, protocol } => vec![Step::always(requests.protocol(idp, protocol)?)],
        ProtocolCommand::List { idp } => vec![Step::always(requests.protocols(idp)?)],
        ProtocolCommand::Delete { idp, protocol, .. } => {
            vec![Step::always(requests.delete_protocol(idp, protocol)?)]
        }
    })
}

fn protocol_answer(protocol: &Protocol, written: Option<Written>) -> Answer {
    let text = pairs(&[
        ("protocol", protocol.id.clone()),
        ("mapping", protocol.mapping_id.clone().unwrap_or_default()),
    ]);
    with_outcome(
        text,
        json!({ "protocol": protocol_json(protocol) }),
        written,
        "protocol",
    )
}

fn protocol_json(protocol: &Protocol) -> Value {
    json!({ "id": protocol.id, "mapping_id": protocol.mapping_id })
}

pub(super) async fn mapping(
    context: &Context<'_>,
    huawei: &Huawei,
    command: &MappingCommand,
) -> Result<Answer, Failure> {
    if context.is_dry_run() {
        return Ok(Answer::of_steps(&mapping_steps(huawei.requests(), command)?));
    }
    let idps = huawei.idp();
    match command {
        MappingCommand::Create { id, rules } => {
            let (mapping, written) = idps.mapping_create(id, &read_rules(rules)?).await?;
            Ok(mapping_answer(&mapping, Some(written)))
        }
        MappingCommand::Show { id } => Ok(mapping_answer(&idps.mapping_show(id).await?, None)),
        MappingCommand::List => {
            let mappings = idps.mapping_list().await?;
            let count = |mapping: &Mapping| mapping.rules.as_array().map_or(0, Vec::len).to_string();
            let rows: Vec<Vec<String>> = mappings
                .iter()
                .map(|mapping| vec![mapping.id.clone(), count(mapping)])
                .collect();
            let json: Vec<Value> = mappings.iter().map(mapping_json).collect();
            Ok(Answer::new(
                columns(&["mapping", "rules"], &rows),
                json!({ "mappings": json }),
            ))
        }
        MappingCommand::Delete { id, consent } => {
            may_delete(*consent, "mapping", id)?;
            deleted(idps.mapping_delete(id).await?, "mapping", id)
        }
    }
}

fn mapping_steps(requests: &Requests, command: &MappingCommand) -> Result<Vec<Step>, Failure> {
    Ok(match command {
        MappingCommand::Create { id, rules } => {
            let rules = read_rules(rules)?;
            vec![
                Step::always(requests.mapping(id)?),
                Step::when("it is not there", requests.create_mapping(id, &rules)?),
                Step::when("it is there and differs", requests.update_mapping(id, &rules)?),
            ]
        }
        MappingCommand::Show { id } => vec![Step::always(requests.mapping(id)?)],
        MappingCommand::List => vec![Step::always(requests.mappings()?)],
        MappingCommand::Delete { id, .. } => vec![Step::always(requests.delete_mapping(id)?)],
    })
}

fn mapping_answer(mapping: &Mapping, written: Option<Written>) -> Answer {
    let text = format!("{}{:#}\n", pairs(&[("mapping", mapping.id.clone())]), mapping.rules);
    with_outcome(text, json!({ "mapping": mapping_json(mapping) }), written, "mapping")
}

fn mapping_json(mapping: &Mapping) -> Value {
    json!({ "id": mapping.id, "rules": mapping.rules })
}

fn with_outcome(text: String, mut json: Value, written: Option<Written>, what: &str) -> Answer {
    let Some(written) = written else {
        return Answer::new(text, json);
    };
    let (words, outcome) = outcome(written, what);
    json["outcome"] = outcome.into();
    Answer::new(format!("{words}{text}"), json)
}

fn read_rules(path: &Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(RULES_BYTES_MAX).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(RULES_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    rules_of(&text).map_err(|problem| {
        Failure::usage(format!(
            "{}: {problem}; write a list: [{{\"local\": […], \"remote\": […]}}]",
            path.display()
        ))
    })
}

/// The list, also inside of what the cloud itself shows.
fn rules_of(text: &str) -> Result<Value, String> {
    let mut json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for key in ["mapping", "rules"] {
        if let Some(inside) = json.get_mut(key) {
            json = inside.take();
        }
    }
    let is_rule = |rule: &Value| rule["local"].is_array() && rule["remote"].is_array();
    match json.as_array() {
        Some(rules) if !rules.is_empty() && rules.iter().all(is_rule) => Ok(json),
        Some(_) => Err("a rule has a list \"local\" and a list \"remote\"".to_owned()),
        None => Err("these are no rules".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_a_list_however_they_are_wrapped() {
        let rules = json!([{ "local": [{ "user": { "name": "{0}" } }], "remote": [{ "type": "uid" }] }]);
        for text in [
            rules.clone(),
            json!({ "rules": rules }),
            json!({ "mapping": { "id": "x", "rules": rules } }),
        ] {
            assert_eq!(rules_of(&text.to_string()), Ok(rules.clone()), "{text}");
        }
        let check = |text: &str, expected: &str| {
            let problem = rules_of(text).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        check("[", "EOF");
        check("[]", "a rule has a list");
        check(r#"[{"local": []}]"#, "a rule has a list");
        check("{}", "these are no rules");
        check("7", "these are no rules");
    }
}
