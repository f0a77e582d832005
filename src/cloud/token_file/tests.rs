//! The token file on a real disk.

use std::{
    fmt,
    ops::Deref,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    sync::Arc,
};

use chrono::DateTime;
use tempfile::TempDir;

use super::*;

type Strike = dyn Fn(&Path) -> Result<()> + Send + Sync;

/// Asked before and after each write of a test.
#[derive(Clone)]
pub(in crate::cloud) struct Fault(pub(in crate::cloud) Arc<Strike>);

impl Deref for Fault {
    type Target = Strike;

    fn deref(&self) -> &Strike {
        &*self.0
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fault")
    }
}

fn token(id: &str) -> IssuedToken {
    IssuedToken {
        id: id.to_owned(),
        created: None,
        expires: DateTime::from_timestamp(1_785_814_569, 0),
        enabled: true,
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn held(file: &TokenFile) -> Option<String> {
    file.token().unwrap().map(|text| text.expose_secret().to_owned())
}

fn in_use(file: &TokenFile) -> Option<String> {
    file.in_use().unwrap().map(|token| token.id)
}

#[test]
fn the_note_tells_which_token_is_in_use() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    assert_eq!((held(&file), in_use(&file)), (None, None));
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    assert_eq!(
        (held(&file).as_deref(), in_use(&file).as_deref()),
        (Some("hunter2"), Some("a"))
    );
    assert_eq!(file.in_use().unwrap(), Some(token("a")));

    file.replace(&token("b"), &secret("hunter3")).unwrap();
    assert_eq!(
        (held(&file).as_deref(), in_use(&file).as_deref()),
        (Some("hunter3"), Some("b"))
    );
    assert_eq!(file.earlier().unwrap(), ["a"]);
    // As if the file had not been renamed.
    fs::write(file.path(), "hunter2").unwrap();
    assert_eq!(in_use(&file).as_deref(), Some("a"));
    assert!(file.earlier().unwrap().is_empty());

    file.forget("a").unwrap();
    assert_eq!(in_use(&file), None);
    let presumed = |file: &TokenFile| file.presumed().unwrap().map(|token| token.id);
    for id in ["c", "d"] {
        file.presume(&token(id)).unwrap();
        assert_eq!((in_use(&file), presumed(&file).as_deref()), (None, Some(id)));
    }
    file.replace(&token("e"), &secret("hunter4")).unwrap();
    assert_eq!((in_use(&file).as_deref(), presumed(&file)), (Some("e"), None));
    assert_eq!(file.earlier().unwrap(), ["d"]);
    // A presumption does not take the place of what is known.
    file.presume(&token("f")).unwrap();
    assert_eq!(
        (in_use(&file).as_deref(), presumed(&file).as_deref()),
        (Some("e"), Some("f"))
    );
}

#[test]
fn nobody_else_can_read_it_and_the_note_gives_nothing_away() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token");
    fs::write(folder.path().join("token.new"), "left over").unwrap();
    fs::write(&path, "by hand").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let file = TokenFile::open(&link).unwrap();
    assert!(file.token().unwrap_err().to_string().contains("chmod 600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let names: Vec<_> = ["token", "token.json"].map(|name| folder.path().join(name)).into();
    for name in &names {
        assert_eq!(fs::metadata(name).unwrap().mode() & 0o777, 0o600, "{}", name.display());
    }
    assert!(!fs::read_to_string(&names[1]).unwrap().contains("hunter2"));
    assert!(!folder.path().join("token.new").exists());
}

#[test]
fn one_at_a_time() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    let lock = file.lock().unwrap();
    assert!(lock.is_some() && file.lock().unwrap().is_none());
    assert!(folder.path().join("token.lock").exists());
    drop(lock);
    // Nothing is left that another user could not open.
    assert!(!folder.path().join("token.lock").exists());
    assert!(file.lock().unwrap().is_some());
}

#[test]
fn trying_it_out_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    let names = || {
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (names(), fs::metadata(file.path()).unwrap().ino());
    file.try_out().unwrap();
    let lock = file.lock().unwrap();
    file.try_out().unwrap();
    drop(lock);
    assert_eq!((names(), fs::metadata(file.path()).unwrap().ino()), before);
    let nowhere = TokenFile::open(&folder.path().join("none/token")).unwrap();
    assert!(nowhere.try_out().unwrap_err().to_string().contains("ReadWritePaths"));
}

/// Where this machine has such a file; in a container `/etc/hosts` is one.
#[test]
fn a_file_that_is_mounted_by_itself_is_told_from_others() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    assert!(!file.is_mounted());
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    assert!(!file.is_mounted());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut places = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    if let Some(mounted) = places.find(|place| place.is_file()) {
        let file = TokenFile::open(mounted).unwrap();
        assert!(file.is_mounted(), "{}", mounted.display());
        assert!(file.lock().err().unwrap().to_string().contains("mount its folder"));
    }
}

/// Only root can give a file away.
#[test]
fn the_lock_belongs_to_whom_the_token_belongs() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    if std::os::unix::fs::chown(file.path(), Some(12345), Some(12345)).is_err() {
        return;
    }
    let lock = file.lock().unwrap();
    assert_eq!(fs::metadata(folder.path().join("token.lock")).unwrap().uid(), 12345);
    drop(lock);
}

/// Whoever owns the folder may plant one, and root may come along.
#[test]
fn a_link_beside_the_token_is_not_followed() {
    for (name, content) in [("token.lock", ""), ("token.json", "{\"tokens\": []}")] {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let target = elsewhere.path().join("shadow");
        fs::write(&target, content).unwrap();
        let file = TokenFile::open(&folder.path().join("token")).unwrap();
        file.replace(&token("a"), &secret("hunter2")).unwrap();
        let is_given = std::os::unix::fs::chown(file.path(), Some(12345), Some(12345)).is_ok();
        let before = fs::metadata(&target).unwrap();
        let planted = folder.path().join(name);
        let _ = fs::remove_file(&planted);
        symlink(&target, &planted).unwrap();
        let error = match name {
            "token.lock" => file.lock().err().unwrap(),
            _ => file.in_use().unwrap_err(),
        };
        assert!(error.to_string().contains("is in the way: it is no file"), "{error}");
        assert!(file.has_room().is_err(), "{name}");
        let after = fs::metadata(&target).unwrap();
        assert_eq!(
            (before.uid(), before.ino()),
            (after.uid(), after.ino()),
            "{name}, {is_given}"
        );
        assert_eq!(fs::read_to_string(&target).unwrap(), content);
        assert!(fs::symlink_metadata(&planted).unwrap().is_symlink());
    }
    // One that shows nowhere makes nothing there.
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    symlink(folder.path().join("made"), folder.path().join("token.lock")).unwrap();
    assert!(file.lock().is_err() && !folder.path().join("made").exists());
    // A draft that is one is taken away, and not written through.
    let target = folder.path().join("target");
    fs::write(&target, "theirs").unwrap();
    symlink(&target, folder.path().join("token.new")).unwrap();
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
}

/// A lock that a killed rotation left belongs to whom it belonged.
#[test]
fn a_lock_that_is_there_is_taken_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    file.replace(&token("a"), &secret("hunter2")).unwrap();
    let left = folder.path().join("token.lock");
    fs::write(&left, "").unwrap();
    let before = fs::metadata(&left).unwrap();
    let _ = std::os::unix::fs::chown(file.path(), Some(12345), Some(12345));
    let lock = file.lock().unwrap();
    assert!(lock.is_some());
    let after = fs::metadata(&left).unwrap();
    assert_eq!((before.uid(), before.ino()), (after.uid(), after.ino()));
}

#[test]
fn an_unreadable_token_or_note_does_not_cost_the_new_one() {
    let check = |text: &str, mode: u32, note: Option<&str>| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if let Some(note) = note {
            fs::write(folder.path().join("token.json"), note).unwrap();
        }
        let file = TokenFile::open(&path).unwrap();
        file.replace(&token("a"), &secret("hunter2")).unwrap();
        assert_eq!(
            (held(&file).as_deref(), in_use(&file).as_deref()),
            (Some("hunter2"), Some("a"))
        );
    };
    check("", 0o600, None);
    check("by hand", 0o644, None);
    check("by hand", 0o600, Some("{\"tokens\": 5}"));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = TempDir::new().unwrap();
    let check = |error: TokenFileError, expected: &str| {
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(TokenFile::open(folder.path()).unwrap_err(), "is a folder");
    check(TokenFile::open(Path::new("/")).unwrap_err(), "is a folder");
    let file = TokenFile::open(&folder.path().join("none/token")).unwrap();
    check(
        file.replace(&token("a"), &secret("hunter2")).unwrap_err(),
        "cannot be written",
    );
    check(file.lock().err().unwrap(), "ReadWritePaths");
    let file = TokenFile::open(&folder.path().join("token")).unwrap();
    fs::write(folder.path().join("token.json"), "{\"tokens\": 5}").unwrap();
    check(file.forget("a").unwrap_err(), "--keep ID");
}
