//! Golden files: `tests/golden/`. `INSTA_UPDATE=always cargo test` writes them anew.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{samples::*, *};
use crate::{
    ports::{CycleRecord, ProviderError},
    survey::audit::Audited,
};

const PLAIN: TextStyle = TextStyle {
    colour: false,
    width: 100,
    brief: None,
};

fn report(format: Format, style: TextStyle, lines: &[Line], summary: &Summary) -> String {
    as_text(|out| {
        let mut report = Report::new(out, format, style);
        lines.iter().try_for_each(|line| report.line(line))?;
        report.finish(summary)
    })
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn text_of_every_kind_of_line() {
    let text = report(Format::Text, PLAIN, &every_line(), &full_summary());
    golden("dry_run_text", &text);
    for line in text.lines() {
        assert!(!line.ends_with(' '), "space at the end of {line:?}");
    }
}

#[test]
fn text_in_colour() {
    let style = TextStyle { colour: true, ..PLAIN };
    let text = report(Format::Text, style, &every_line(), &full_summary());
    golden("dry_run_text_colour", &text.replace('\u{1b}', "␛"));
}

#[test]
fn text_in_a_narrow_terminal() {
    let style = TextStyle { width: 10, ..PLAIN };
    let text = report(Format::Text, style, &every_line(), &full_summary());
    golden("dry_run_text_narrow", &text);
    let operations = text.split("Rejected").next().unwrap_or_default();
    for line in operations.lines().filter(|line| !line.contains("in the cloud")) {
        assert!(width::columns(line) <= 60, "{line:?} is too wide");
    }
}

#[test]
fn text_of_a_long_report_on_a_terminal() {
    let style = TextStyle {
        brief: Some(Brief {
            whole_creates: 1,
            people: 2,
        }),
        ..PLAIN
    };
    let text = report(Format::Text, style, &every_line(), &full_summary());
    golden("dry_run_text_brief", &text);
    let style = TextStyle {
        brief: Some(Brief {
            whole_creates: 1,
            people: 100,
        }),
        ..PLAIN
    };
    let text = report(Format::Text, style, &every_line(), &full_summary());
    for line in every_line() {
        assert!(text.contains(&line.operation.dn), "{text}");
    }
    assert!(text.contains("the others without their attributes"), "{text}");
}

fn report_with_groups(format: Format, style: TextStyle) -> String {
    as_text(|out| {
        let mut report = Report::new(out, format, style);
        every_line().iter().try_for_each(|line| report.line(line))?;
        every_group_line().iter().try_for_each(|line| report.group(line))?;
        report.finish(&Summary {
            groups: Some(group_summary()),
            ..full_summary()
        })
    })
}

#[test]
fn groups_of_every_kind_of_line() {
    let only = |style: TextStyle| {
        as_text(|out| {
            let mut report = Report::new(out, Format::Text, style);
            every_group_line().iter().try_for_each(|line| report.group(line))?;
            report.finish(&Summary {
                groups: Some(group_summary()),
                ..quiet_summary()
            })
        })
    };
    let text = only(PLAIN);
    golden("dry_run_text_groups", &text);
    for line in text.lines() {
        assert!(!line.ends_with(' '), "space at the end of {line:?}");
    }
    let style = TextStyle {
        brief: Some(Brief {
            whole_creates: 1,
            people: 2,
        }),
        ..PLAIN
    };
    golden("dry_run_text_groups_brief", &only(style));
    let json = report_with_groups(Format::Json, PLAIN);
    golden("dry_run_json_groups", &json);
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["groups"].as_array().unwrap().len(), every_group_line().len());
    assert_eq!(
        document["summary"]["rejected"],
        document["rejects"].as_array().unwrap().len()
    );
}

#[test]
fn groups_with_nothing_to_do_and_after_an_incomplete_read() {
    let quiet = Summary {
        groups: Some(GroupSummary {
            entries: 1,
            unchanged: 1,
            ..GroupSummary::default()
        }),
        ..quiet_summary()
    };
    golden("dry_run_text_groups_nothing", &report(Format::Text, PLAIN, &[], &quiet));
    let document: Value = serde_json::from_str(&report(Format::Json, PLAIN, &[], &quiet)).unwrap();
    assert_eq!(document["groups"], serde_json::json!([]));
    let incomplete = Summary {
        groups: Some(GroupSummary {
            incomplete: Some("ou=groups: size limit exceeded (4)".into()),
            ..GroupSummary::default()
        }),
        ..quiet_summary()
    };
    golden(
        "dry_run_text_groups_incomplete",
        &report(Format::Text, PLAIN, &[], &incomplete),
    );
}

#[test]
fn text_with_nothing_to_do() {
    golden(
        "dry_run_text_nothing",
        &report(Format::Text, PLAIN, &[], &quiet_summary()),
    );
}

#[test]
fn text_after_an_incomplete_read() {
    let summary = Summary {
        incomplete: Some("ou=people: size limit exceeded (4)".into()),
        ..quiet_summary()
    };
    golden("dry_run_text_incomplete", &report(Format::Text, PLAIN, &[], &summary));
}

#[test]
fn text_with_nothing_but_held_removals() {
    let lines: Vec<Line> = every_line().into_iter().filter(|line| line.held).collect();
    let summary = Summary {
        held: Some(held()),
        ..quiet_summary()
    };
    golden("dry_run_text_held", &report(Format::Text, PLAIN, &lines, &summary));
}

#[test]
fn audits() {
    let summary = Summary {
        audit: Some(audited("King")),
        ..quiet_summary()
    };
    golden("dry_run_text_audit", &report(Format::Text, PLAIN, &[], &summary));
    golden("dry_run_json_audit", &report(Format::Json, PLAIN, &[], &summary));
    let quiet = Summary {
        audit: Some(Audited {
            people: 300,
            compared: 300,
            requests: 3,
            ..Audited::default()
        }),
        ..quiet_summary()
    };
    golden("dry_run_text_audit_quiet", &report(Format::Text, PLAIN, &[], &quiet));
}

#[test]
fn text_never_commands_the_terminal() {
    let evil = "\u{1b}]0;owned\u{7}\r\n\u{202e}\u{9b}2J";
    let person = pushed(&[("userName", evil), ("title", evil)]);
    let mut line = line(Action::Create, evil, None, Some(managed_by(person, evil)));
    line.probe = Some(Probe::Foreign {
        id: crate::model::ResourceId(evil.into()),
        user_name: evil.into(),
        because: evil.into(),
    });
    let summary = Summary {
        source: evil.into(),
        target: evil.into(),
        profile: evil.into(),
        plan_id: evil.into(),
        incomplete: Some(evil.into()),
        warnings: vec![evil.into()],
        rejects: vec![reject(evil, crate::ports::RejectKind::Entry, &[(evil, evil, evil)])],
        held: Some(Held {
            plan_id: evil.into(),
            reason: evil.into(),
            ..held()
        }),
        operations: [(Action::Create, 1)].into(),
        audit: Some(Audited {
            stopped: Some(ProviderError::Conflict { detail: evil.into() }),
            ..audited(evil)
        }),
        ..quiet_summary()
    };
    let group = hostile_group(evil);
    for format in [Format::Text, Format::Json] {
        let text = as_text(|out| {
            let mut report = Report::new(out, format, PLAIN);
            report.line(&line)?;
            report.group(&group)?;
            report.finish(&summary)
        });
        let hostile: Vec<char> = text
            .chars()
            .filter(|c| *c != '\n' && crate::model::is_hostile(*c))
            .collect();
        assert_eq!(hostile, Vec::<char>::new(), "{format:?}");
    }
    let text = report(Format::Json, PLAIN, &[line], &summary);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["operations"][0]["userName"], evil, "JSON means the same");
}

#[test]
fn json_of_every_kind_of_line() {
    let text = report(Format::Json, PLAIN, &every_line(), &full_summary());
    golden("dry_run_json", &text);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["operations"].as_array().unwrap().len(), every_line().len());
}

#[test]
fn json_with_nothing_to_do() {
    let text = report(Format::Json, PLAIN, &[], &quiet_summary());
    golden("dry_run_json_nothing", &text);
    serde_json::from_str::<Value>(&text).unwrap();
}

#[test]
fn every_field_is_documented() {
    let dry_run = serde_json::from_str(&report_with_groups(Format::Json, PLAIN)).unwrap();
    let status = status_json(&full_status());
    for (page, document) in [
        (include_str!("../../docs/dry-run-json.md"), dry_run),
        (include_str!("../../docs/status-json.md"), status),
    ] {
        let mut keys = BTreeSet::new();
        collect_keys(&document, &mut keys);
        let missing: Vec<_> = keys.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "not documented: {missing:?}");
    }
}

/// Keys of our own; what a SCIM body or an attribute's value holds is the RFC's.
fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.insert(key.clone());
                if !matches!(key.as_str(), "body" | "before" | "after") {
                    collect_keys(value, keys);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

fn full_status() -> Status {
    Status {
        approved: Some(held().plan_id),
        groups_approved: None,
        records: vec![CycleRecord {
            groups: Some(group_record()),
            ..cycle(0, "done", &[("create", 2)])
        }],
        held: Some(held()),
        groups_held: Some(groups_held()),
        rejects: every_reject(),
        group_rejects: every_group_reject(),
        daemon: Some(daemon()),
    }
}

fn cycle(exit_code: u8, outcome: &str, done: &[(&str, u64)]) -> CycleRecord {
    CycleRecord {
        started: NOW,
        ended: NOW + 72,
        exit_code,
        outcome: outcome.into(),
        entries: 1_300,
        done: done
            .iter()
            .map(|(action, number)| ((*action).to_owned(), *number))
            .collect(),
        failed: u64::from(exit_code == 1) * 2,
        rejected: u64::from(exit_code == 1),
        requests: done.iter().map(|(_, number)| number).sum(),
        groups: None,
    }
}

#[test]
fn a_cycle_in_one_sentence() {
    for (record, expected) in [
        (
            cycle(0, "2 created, 1,000 updated", &[("update", 1_000), ("create", 2)]),
            "2 created, 1,000 updated; 1,300 entries read, 1,002 requests sent in 1 min 12 s",
        ),
        (
            cycle(1, "", &[]),
            "done, but not for everybody; 1,300 entries read, 0 requests sent in 1 min 12 s",
        ),
        (
            CycleRecord {
                entries: 1,
                ended: NOW - 5,
                ..cycle(3, "cannot reach the directory: refused.", &[])
            },
            "cannot reach the directory: refused; 1 entry read, 0 requests sent in less than 1 s",
        ),
    ] {
        assert_eq!(cycle_line(&record), expected);
    }
}

fn daemon() -> DaemonView {
    DaemonView {
        next_run: Some((NOW, "2026-01-02 04:04:05 CET".into())),
        now: "2 skipped".into(),
    }
}

#[test]
fn status_for_people() {
    let records = [
        cycle(
            5,
            "31 removals held (31 removals are more than max_removals = 10); release them with: scimward approve 1f3a90c2; \
             3 updated",
            &[("update", 3)],
        ),
        cycle(
            1,
            "2 created, 1 deactivated, 2 failed, 1 rejected",
            &[("create", 2), ("deactivate", 1)],
        ),
        cycle(3, "ou=people: size limit exceeded", &[]),
    ];
    let daemon = daemon();
    let status = Status {
        records: records.to_vec(),
        held: Some(held()),
        rejects: every_reject(),
        daemon: Some(daemon),
        ..Status::default()
    };
    golden("status_text", &status_text(&status));
    golden("status_text_new", &status_text(&Status::default()));
    golden("status_text_groups", &status_text(&full_status()));
    let approved = status_text(&Status {
        held: Some(held()),
        approved: Some(held().plan_id),
        ..Status::default()
    });
    assert!(
        approved.contains("Approved: ")
            && approved.contains("The next run carries them out")
            && !approved.contains("scimward approve"),
        "{approved}"
    );
}

#[test]
fn status_for_programs() {
    let value = status_json(&full_status());
    golden("status_json", &serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn rejects_for_people() {
    golden("rejects_text", &rejects_text(&every_reject(), &every_group_reject()));
    assert_eq!(rejects_text(&[], &[]), "Nobody is rejected.\n");
}

#[test]
fn a_status_counts_what_it_does_not_show() {
    let reject = |at: u8| {
        reject(
            &format!("u{at}"),
            crate::ports::RejectKind::Entry,
            &[("sn", "missing", "")],
        )
    };
    let status = Status {
        rejects: (0..8).map(reject).collect(),
        ..Status::default()
    };
    let text = status_text(&status);
    assert!(text.contains("… and 3 more: scimward rejects"), "{text}");
    assert_eq!(text.matches("missing").count(), 5, "{text}");
}

#[test]
fn a_summary_without_a_rate_has_no_time() {
    for rate_per_s in [0.0, f64::NAN, -1.0, 1e-320] {
        let summary = Summary {
            rate_per_s,
            requests: u64::MAX,
            ..quiet_summary()
        };
        assert_eq!(summary.seconds(), None, "{rate_per_s}");
        report(Format::Json, PLAIN, &[], &summary);
    }
}
