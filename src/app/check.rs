//! `scimward check`: the configuration is good already when this runs; now the directory and the
//! cloud are asked, and every finding is reported at once.

use std::{io::Write, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{Failure, engine::chain, setup::Setup};
use crate::{
    ldap::{self, Verdict},
    outcome::exit,
    ports::{SharedObserver, Unwatched},
    scim::{ScimClient, Severity},
};

/// One line of the result.
struct Finding {
    mark: &'static str,
    what: String,
    text: String,
}

/// Asks both sides, and says what was found.
///
/// # Errors
/// When nobody reads the output.
pub async fn run(setup: &Arc<Setup>, out: &mut impl Write) -> Result<u8, Failure> {
    let mut findings = vec![configuration(setup)];
    let (directory, directory_ok) = directory(setup).await;
    findings.extend(directory);
    let (cloud, cloud_ok) = cloud(setup).await;
    findings.extend(cloud);
    let width = findings
        .iter()
        .map(|finding| finding.what.chars().count())
        .max()
        .unwrap_or(0);
    for Finding { mark, what, text } in &findings {
        writeln!(out, "{mark:<5} {what:<width$}  {text}").map_err(|error| Failure::other(&error))?;
    }
    Ok(match (directory_ok, cloud_ok) {
        (true, true) => exit::DONE,
        (false, _) => exit::DIRECTORY,
        (true, false) => exit::PROVIDER,
    })
}

fn configuration(setup: &Setup) -> Finding {
    let config = &setup.config;
    let schedule = match &config.schedule {
        Some(schedule) => format!("schedule {:?} in {}", schedule.cron, schedule.timezone),
        None => "no schedule: single cycles only".to_owned(),
    };
    Finding {
        mark: "ok",
        what: "configuration".into(),
        text: format!(
            "{}; profile {}, {} attributes requested, {schedule}",
            config.path.display(),
            setup.policy.profile.name,
            setup.search.attributes.len()
        ),
    }
}

async fn directory(setup: &Arc<Setup>) -> (Vec<Finding>, bool) {
    let asked = Arc::clone(setup);
    let probed = tokio::task::spawn_blocking(move || {
        ldap::probe(
            &asked.config.ldap,
            &asked.search,
            asked.policy.mapper.anchor_attribute(),
        )
    });
    let findings = match probed.await {
        Ok(findings) => findings,
        Err(error) => {
            let text = format!("the check broke off: {error}");
            return (
                vec![Finding {
                    mark: "FAIL",
                    what: "directory".into(),
                    text,
                }],
                false,
            );
        }
    };
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    let line = |finding: ldap::ProbeFinding| Finding {
        mark: match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Note => "note",
            Verdict::Bad => "FAIL",
        },
        what: format!("{} {}", finding.server, finding.subject),
        text: finding.text,
    };
    (findings.into_iter().map(line).collect(), ok)
}

async fn cloud(setup: &Setup) -> (Vec<Finding>, bool) {
    let endpoint = setup.config.scim.endpoint.clone();
    let observer: SharedObserver = Arc::new(Unwatched);
    let (scim, profile) = (setup.config.scim.clone(), Arc::clone(&setup.policy.profile));
    let client = match ScimClient::new(scim, profile, observer, CancellationToken::new()) {
        Ok(client) => client,
        Err(error) => {
            return (
                vec![Finding {
                    mark: "FAIL",
                    what: endpoint,
                    text: chain(&error),
                }],
                false,
            );
        }
    };
    let findings = client.check().await;
    let ok = findings.iter().all(|finding| finding.severity != Severity::Error);
    let line = |finding: crate::scim::Finding| Finding {
        mark: match finding.severity {
            Severity::Fine => "ok",
            Severity::Warning => "note",
            Severity::Error => "FAIL",
        },
        what: endpoint.clone(),
        text: finding.text,
    };
    (findings.into_iter().map(line).collect(), ok)
}
