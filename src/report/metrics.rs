//! A status as metrics (<https://prometheus.io/docs/instrumenting/exposition_formats/>), for whoever collects them
//! from a file or a command. What is not known is left out: no sample is better than a wrong one.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};

use super::{Status, TokenView};
use crate::ports::{AuditRecord, CycleRecord, Held, Reject};

/// The lines of all that is known (`docs/metrics.md`).
#[must_use]
pub fn status_metrics(status: &Status, audit: Option<&AuditRecord>, token: &TokenView) -> String {
    let mut metrics = Metrics::default();
    metrics.labelled(
        "build_info",
        "The program, by its version",
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    );
    metrics.one(
        "daemon_up",
        "Whether a daemon answered",
        i64::from(status.daemon.is_some()),
    );
    let next = status.daemon.as_ref().and_then(|daemon| daemon.next_run.as_ref());
    metrics.known(
        "next_run_timestamp_seconds",
        "When the daemon runs next",
        next.map(|(next, _)| *next),
    );
    metrics.runs(&status.records);
    metrics.waiting(status);
    metrics.audit(audit);
    metrics.token(token);
    let mut registry = Registry::with_prefix("scimward");
    registry.register_collector(Box::new(metrics));
    let mut text = String::new();
    // Writing into a text cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// In the order in which they are written: the library's own families have none.
#[derive(Debug, Default)]
struct Metrics(Vec<Metric>);

#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    value: Value,
}

#[derive(Debug)]
enum Value {
    One(i64),
    /// One for each value of a label.
    By(&'static str, Vec<(String, i64)>),
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Metric { name, help, value } in &self.0 {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            match value {
                Value::One(value) => ConstGauge::new(*value).encode(metric)?,
                Value::By(label, values) => {
                    for (of, value) in values {
                        let sample = &[(*label, of.as_str())];
                        ConstGauge::new(*value).encode(metric.encode_family(sample)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Metrics {
    fn one(&mut self, name: &'static str, help: &'static str, value: i64) {
        let value = Value::One(value);
        self.0.push(Metric { name, help, value });
    }

    fn known(&mut self, name: &'static str, help: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.one(name, help, value);
        }
    }

    fn labelled<'a>(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'a str, i64)>,
    ) {
        let values = values.into_iter().map(|(of, value)| (of.to_owned(), value));
        let value = Value::By(label, values.collect());
        self.0.push(Metric { name, help, value });
    }

    /// Newest first.
    fn runs(&mut self, records: &[CycleRecord]) {
        let ended = |record: &&CycleRecord| record.ended != 0;
        let whole = records.iter().filter(ended).find(|record| record.exit_code == 0);
        self.known(
            "last_success_timestamp_seconds",
            "When the last run ended that had nothing to complain of (exit code 0)",
            whole.map(|record| record.ended),
        );
        let Some(last) = records.iter().find(ended) else { return };
        self.one("last_run_timestamp_seconds", "When the last run ended", last.ended);
        self.one(
            "last_run_duration_seconds",
            "How long it took",
            last.ended.saturating_sub(last.started),
        );
        self.one(
            "last_run_exit_code",
            "The exit code it would end the program with",
            last.exit_code.into(),
        );
        self.one("last_run_entries", "Entries read in it", whole_number(last.entries));
        self.one(
            "last_run_requests",
            "SCIM requests sent in it",
            whole_number(last.requests),
        );
        self.one(
            "last_run_failed",
            "Operations that failed in it",
            whole_number(last.failed),
        );
        self.one(
            "last_run_rejected",
            "Entries rejected in it",
            whole_number(last.rejected),
        );
        let done = last
            .done
            .iter()
            .map(|(action, count)| (action.as_str(), whole_number(*count)));
        self.labelled("last_run_done", "Operations carried out in it", "action", done);
    }

    fn waiting(&mut self, status: &Status) {
        let removals = |held: &Option<Held>| held.as_ref().map_or(0, |held| whole_number(held.removals));
        let held = [
            ("User", removals(&status.held)),
            ("Group", removals(&status.groups_held)),
        ];
        self.labelled("held_removals", "Removals that the limits hold back", "resource", held);
        let count = |rejects: &[Reject]| whole_number(rejects.len() as u64);
        let rejects = [
            ("User", count(&status.rejects)),
            ("Group", count(&status.group_rejects)),
        ];
        self.labelled("rejects", "Resources that cannot be pushed", "resource", rejects);
    }

    fn audit(&mut self, audit: Option<&AuditRecord>) {
        let Some(audit) = audit else { return };
        self.one("last_audit_timestamp_seconds", "When the last audit ended", audit.ended);
        self.one(
            "last_audit_differing",
            "Accounts it found changed by hand",
            whole_number(audit.differing),
        );
        self.one(
            "last_audit_missing",
            "Accounts it found gone",
            whole_number(audit.missing),
        );
    }

    fn token(&mut self, token: &TokenView) {
        self.known(
            "token_expires_timestamp_seconds",
            "When the SCIM token stops working",
            token.expires.map(|expires| expires.timestamp()),
        );
        self.one(
            "token_refused",
            "Whether the cloud refused it",
            i64::from(token.refused),
        );
        self.known(
            "token_renewal_failed",
            "Whether the last attempt to renew it failed",
            token.rotation.as_ref().map(|rotation| i64::from(!rotation.done)),
        );
    }
}

fn whole_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::RotationRecord;

    #[test]
    fn what_is_known_is_written_and_nothing_else() {
        let empty = status_metrics(&Status::default(), None, &TokenView::default());
        assert!(empty.contains("scimward_daemon_up 0\n"), "{empty}");
        for unknown in ["_timestamp_", "last_run", "audit", "token_expires", "renewal"] {
            assert!(!empty.contains(unknown), "{unknown}: {empty}");
        }

        let run = |exit_code, ended| CycleRecord {
            started: 1_799_999_000,
            ended,
            exit_code,
            entries: 12,
            done: [("create".to_owned(), 3), ("update".to_owned(), 1)].into(),
            ..CycleRecord::default()
        };
        let status = Status {
            // One that never ended, one that complains, one that does not.
            records: vec![run(0, 0), run(1, 1_799_999_007), run(0, 1_799_990_000)],
            held: Some(Held {
                plan_id: "4f2a".into(),
                removals: 7,
                reason: "too many".into(),
                since: 0,
            }),
            ..Status::default()
        };
        let token = TokenView {
            expires: chrono::DateTime::from_timestamp(1_800_086_400, 0),
            rotation: Some(RotationRecord {
                at: 1_799_990_000,
                done: false,
                outcome: "refused".into(),
                token: None,
            }),
            ..TokenView::default()
        };
        insta::assert_snapshot!(status_metrics(&status, None, &token));
    }
}
