//! The memory between cycles: lost, moved, shared, damaged.
#![cfg(test)]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use support::{
    config::text,
    people::person,
    recorder::{Fault, Recorder, Rule, Which},
    stage::Stage,
};

/// Nothing that takes access away was sent.
fn nothing_taken_away(stage: &Stage) {
    for request in stage.cloud.requests() {
        let body = request.body.to_string();
        assert!(request.method != "DELETE" && !body.contains("false"), "{request:#?}");
    }
}

#[test]
fn a_lost_state_adopts_what_is_ours_and_removes_nothing() {
    let stage = Stage::with_people(6)
        .set("limits", "max_removals_percent", "100")
        .synced();
    let before = stage.accounts();
    fs::remove_dir_all(stage.config.state()).unwrap();
    stage.slapd.delete(&person(6).dn());
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.sync().expect(0).says("adopted");
    nothing_taken_away(&stage);
    assert_eq!(
        stage.accounts(),
        before,
        "the leaver's account is nobody's now, and stays"
    );
    assert_eq!(stage.scim.user("u00002").unwrap()["title"], "Director");
    stage.is_in_step();
    // Those who were adopted are ours again.
    stage.slapd.delete(&person(5).dn());
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH");
    assert_eq!(stage.names_in_use().len(), 5);
}

/// An address that was wrong from the start: nobody was linked there, so the correction is simply followed,
/// and nobody waits for what went wrong there.
#[test]
fn a_state_without_links_follows_the_endpoint() {
    let mut stage = Stage::with_people(4).set("scim", "max_tries", "1");
    let right = stage.cloud.url().to_owned();
    stage.cloud.rule(Rule::new("POST", Which::From(1), Fault::Answer(503)));
    let _ = stage.sync().says_not("(after 1 tries)");
    let moved = Recorder::start(&stage.scim.url());
    stage.change("scim", "endpoint", &text(moved.url()));
    let _ = stage.run(&["--dry-run"]).expect(0).says("create              4");
    let _ = stage.run(&["--sync-now"]).expect(0).says(&right).says("4 created");
    assert_eq!(moved.count_of("POST"), 4);
    let _ = stage.run(&["rejects"]).expect(0).says("Nobody");
    stage.change("scim", "endpoint", &text(&right));
    let _ = stage.run(&["--sync-now"]).expect(2).says("was made for");
}

/// A folder that holds other things is no place for a state, and its mode is nothing to change.
#[test]
fn a_folder_of_others_is_left_alone() {
    let mut stage = Stage::with_people(1);
    let folder = stage.config.folder().join("lib");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("dpkg"), "").unwrap();
    stage.change("state", "path", &text(&folder.display().to_string()));
    for mode in [0o755, 0o700] {
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        for (arguments, code) in [(&["--sync-now"][..], 1), (&["check"], 2), (&["status"], 1)] {
            let run = stage.run(arguments).expect(code);
            let run = run.says("no state folder").says("dpkg").says("a folder of its own");
            let _ = run.says_not("chmod").says_not("is empty");
        }
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(stage.cloud.count_of("POST"), 0);
}

#[test]
fn a_state_for_another_endpoint_is_refused_with_the_way_out() {
    let mut stage = Stage::with_people(4).synced();
    let moved = Recorder::start(&stage.scim.url());
    let old = stage.cloud.url().to_owned();
    stage.change("scim", "endpoint", &text(moved.url()));
    for arguments in [&["--sync-now"][..], &["--dry-run"]] {
        let _ = stage
            .run(arguments)
            .expect(2)
            .says("was made for")
            .says(&old)
            .says(moved.url())
            .says("scimward state accept-endpoint");
    }
    assert_eq!((stage.cloud.count(), moved.count()), (0, 0));
    stage.run(&["state", "accept-endpoint"]).expect(0).says(moved.url());
    stage.run(&["--sync-now"]).expect(0);
    assert_eq!(moved.count(), 0, "the same accounts, the same ids");
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.run(&["--sync-now"]).expect(0);
    assert_eq!((moved.count_of("PATCH"), moved.count()), (1, 1));
    assert_eq!(stage.cloud.count(), 0);
    // And back is another endpoint again.
    stage.change("scim", "endpoint", &text(&old));
    stage.run(&["--sync-now"]).expect(2);
}

#[test]
fn an_exported_state_goes_on_in_another_folder() {
    let mut stage = Stage::with_people(6).synced();
    stage.cloud.rule(Rule::new("POST", Which::From(1), Fault::Answer(400)));
    stage.slapd.modify(&person(20).ldif());
    stage.sync().expect(1);
    let backup = stage.config.folder().join("backup.jsonl");
    let backup_text = backup.display().to_string();
    stage.run(&["state", "export", &backup_text]).expect(0);
    let to_stdout = stage.run(&["state", "export"]).expect(0).stdout;
    assert_eq!(to_stdout, fs::read_to_string(&backup).unwrap());
    // Over a state that is there it is refused.
    stage
        .run(&["state", "import", &backup_text])
        .expect(1)
        .says("not empty");

    let elsewhere = stage.config.folder().join("elsewhere");
    stage.change("state", "path", &text(&elsewhere.display().to_string()));
    stage.run(&["state", "import", &backup_text]).expect(0);
    stage.sync().expect(1);
    assert_eq!(stage.cloud.log(), "", "the refused person is remembered too");
    stage.cloud.clear_rules();
    stage.run(&["rejects", "retry", "u00020"]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST");
    stage.is_in_step();
}

#[test]
fn a_backup_that_is_cut_off_loads_nothing() {
    let mut stage = Stage::with_people(6).synced();
    let whole = stage.run(&["state", "export"]).expect(0).stdout;
    let lines: Vec<_> = whole.lines().collect();
    let elsewhere = stage.config.folder().join("elsewhere");
    stage.change("state", "path", &text(&elsewhere.display().to_string()));
    let backup = stage.config.folder().join("cut.jsonl");
    let path = backup.display().to_string();
    for cut in [
        whole[..whole.len() / 2].to_owned(),
        lines[..lines.len() - 1].join("\n") + "\n",
        lines[1..].join("\n") + "\n",
        String::new(),
    ] {
        fs::write(&backup, &cut).unwrap();
        stage
            .run(&["state", "import", &path])
            .expect(1)
            .says("nothing was loaded");
    }
    fs::write(&backup, &whole).unwrap();
    stage.run(&["state", "import", &path]).expect(0);
    stage.is_in_step();
}

#[test]
fn a_second_process_gets_a_clear_answer() {
    let stage = Stage::with_people(3);
    stage.cloud.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let first = stage.start_sync();
    stage
        .cloud
        .wait_until("the first request", |requests| !requests.is_empty());
    for arguments in [
        &["--sync-now"][..],
        &["--dry-run"],
        &["status"],
        &["state", "export"],
        &["state", "accept-endpoint"],
    ] {
        stage
            .run(arguments)
            .expect(1)
            .says("in use by another scimward process")
            .says(&format!("pid {}", first.id()));
    }
    assert_eq!(stage.cloud.count(), 1);
    stage.cloud.release();
    first.wait().expect(0);
    stage.is_in_step();
}

#[test]
fn a_folder_that_others_can_enter_is_refused() {
    let stage = Stage::with_people(3).synced();
    fs::set_permissions(stage.config.state(), Permissions::from_mode(0o755)).unwrap();
    let mend = format!("chmod 0700 {}", stage.config.state().display());
    let run = stage.sync().says(&mend);
    assert!(matches!(run.code, Some(1 | 2)), "{}", run.everything());
    assert_eq!(stage.cloud.log(), "");
    fs::set_permissions(stage.config.state(), Permissions::from_mode(0o700)).unwrap();
    stage.is_in_step();
}

/// Every file below the folder, smallest path first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.metadata().unwrap().is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for file in files(from) {
        let place = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&file, &place).unwrap();
    }
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_damaged_state_is_an_error_and_never_a_removal() {
    let stage = Stage::with_people(40)
        .set("limits", "max_removals_percent", "100")
        .set("limits", "max_removals", "1000")
        .synced();
    let (state, good) = (stage.config.state(), stage.config.folder().join("good"));
    copy(&state, &good);
    stage.slapd.delete(&person(40).dn());
    let before = stage.accounts();
    let log = files(&good.join("db"))
        .into_iter()
        .max_by_key(|file| file.metadata().unwrap().len())
        .unwrap();
    let log = log.strip_prefix(&good).unwrap().to_owned();
    let whole = fs::read(good.join(&log)).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for (damage, bytes) in [
        ("emptied", Vec::new()),
        ("cut to half", whole[..used / 2].to_vec()),
        ("cut to a quarter", whole[..used / 4].to_vec()),
        ("a hole", {
            let mut holed = whole.clone();
            holed[used / 4..used * 3 / 4].fill(0);
            holed
        }),
        ("noise", {
            let mut noisy = whole.clone();
            let mut random = 1_u32;
            for byte in &mut noisy[used / 4..used * 3 / 4] {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte ^= random.to_be_bytes()[0];
            }
            noisy
        }),
    ] {
        copy(&good, &state);
        fs::write(state.join(&log), &bytes).unwrap();
        for arguments in [&["--sync-now"][..], &["--dry-run"], &["status"]] {
            stage
                .run(arguments)
                .expect(1)
                .says("damaged")
                .says("move the state folder aside");
        }
        assert_eq!(stage.cloud.log(), "", "{damage}");
        // The way out that the message names.
        fs::rename(&state, stage.config.folder().join("aside")).unwrap();
        stage.sync().expect(0);
        nothing_taken_away(&stage);
        assert_eq!(stage.accounts(), before, "{damage}");
        fs::remove_dir_all(stage.config.folder().join("aside")).unwrap();
        stage.cloud.forget();
    }
    // The good state still knows the leaver.
    copy(&good, &state);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH");
    assert_eq!(stage.names_in_use().len(), 39);
}

#[test]
fn a_state_that_cannot_be_written_sends_nothing() {
    let stage = Stage::with_people(3);
    fs::write(stage.config.state(), "a file where the folder should be").unwrap();
    let run = stage.sync().says(&stage.config.state().display().to_string());
    assert!(matches!(run.code, Some(1 | 2)), "{}", run.everything());
    assert_eq!(stage.cloud.log(), "");
}
