//! The state folder: private to one user, held by one process at a time.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::geteuid,
};

use super::{durable, error::OpenError};

const LOCK: &str = "lock";
/// Of these, one at least is in a folder in which we ever made a state.
const OURS: [&str; 4] = [LOCK, "db", "db.creating", "plan"];
/// What the system puts into the top folder of a disk.
const OF_A_DISK: &str = "lost+found";
/// The user ids that systemd gives to dynamic users (systemd.exec(5), `DynamicUser=`).
const DYNAMIC_UIDS: std::ops::RangeInclusive<u32> = 61_184..=65_519;
/// [`inspect_lock`] holds the lock for some microseconds; a start in just that moment must not fail.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The right to work on a state folder, until dropped or until the process ends in any way.
pub(super) struct FolderLock(File);

/// Creates the folder when it is missing and makes sure that nobody else can read or change it.
pub(super) fn prepare(folder: &Path) -> Result<(), OpenError> {
    // To make it would fail as well, but with "File exists".
    if fs::metadata(folder).is_ok_and(|there| !there.is_dir()) {
        return Err(OpenError::io(folder)(io::ErrorKind::NotADirectory.into()));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(OpenError::io(folder))?;
    check_ours(folder)
}

/// Refuses a folder of others: neither is a state made among their files, nor are they to change its mode.
fn check_ours(folder: &Path) -> Result<(), OpenError> {
    if !OURS.iter().any(|name| folder.join(name).exists())
        // One that may not be read is told of below.
        && let Ok(files) = fs::read_dir(folder)
    {
        let mut names: Vec<_> = files.flatten().map(|file| file.file_name()).collect();
        names.retain(|name| name != OF_A_DISK);
        if let Some(example) = names.iter().min() {
            return Err(OpenError::Foreign {
                path: folder.to_path_buf(),
                example: example.to_string_lossy().into_owned(),
            });
        }
    }
    check_private(folder)
}

/// Whether the folder is ours and nobody else's.
fn check_private(folder: &Path) -> Result<(), OpenError> {
    // Follows links: systemd's StateDirectory= with DynamicUser= is one.
    let metadata = fs::metadata(folder).map_err(OpenError::io(folder))?;
    let refuse = |problem: String, mend: String| OpenError::Permission {
        path: folder.to_path_buf(),
        problem,
        mend,
    };
    let (owner, us) = (metadata.uid(), geteuid().as_raw());
    if owner != us {
        let mend = if DYNAMIC_UIDS.contains(&owner) {
            // That user is there only while a unit with its name runs, and has no rights anywhere else.
            "that is the service's dynamic user: start the service, which then answers this command, or run it as that \
             user: systemd-run --pipe --wait -p DynamicUser=yes -p User=scimward -p StateDirectory=scimward \
             -p StateDirectoryMode=0700 -p LoadCredential=NAME:FILE … scimward …"
                .to_owned()
        } else {
            format!("run scimward as its owner (`sudo -u '#{owner}' scimward …`), or set another [state] path")
        };
        return Err(refuse(
            format!("belongs to uid {owner}, this process runs as uid {us}"),
            mend,
        ));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(refuse(
            format!("is open to other users (mode {mode:04o}) and holds personal data"),
            format!("type `chmod 0700 {}`", folder.display()),
        ));
    }
    Ok(())
}

/// What is at a state's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No such folder.
    Nothing,
    /// A folder in which no state was made yet.
    EmptyFolder,
    /// A state.
    State,
}

/// Looks at a state folder and changes nothing.
///
/// # Errors
/// When it is there but cannot be used: see [`OpenError`].
pub fn inspect(dir: &Path) -> Result<Found, OpenError> {
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(OpenError::io(dir)(error)),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(OpenError::io(dir)(io::ErrorKind::NotADirectory.into()));
        }
        Ok(_) => check_ours(dir)?,
    }
    // Whoever made a state took the lock first.
    Ok(if dir.join(LOCK).exists() {
        Found::State
    } else {
        Found::EmptyFolder
    })
}

impl FolderLock {
    /// Takes the lock and leaves our process id in it.
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(LOCK);
        let mut file = durable::private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(OpenError::io(&path))?;
        for attempt in 1.. {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if attempt < LOCK_TRIES => thread::sleep(LOCK_PAUSE),
                Err(Errno::WOULDBLOCK) => {
                    return Err(OpenError::InUse {
                        path: folder.to_path_buf(),
                        pid: read_pid(&mut file),
                    });
                }
                Err(error) => return Err(OpenError::io(&path)(error.into())),
            }
        }
        write_pid(&mut file).map_err(OpenError::io(&path))?;
        Ok(Self(file))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A stale id would only be looked at while somebody holds the lock; this is for people.
        let _ = self.0.set_len(0);
    }
}

/// The process that holds the state folder `dir`; nothing when it is free, or when the holder cannot
/// be told. Takes nothing away from the holder and creates nothing.
#[must_use]
pub fn inspect_lock(dir: &Path) -> Option<u32> {
    let path: PathBuf = dir.join(LOCK);
    let mut file = File::open(path).ok()?;
    let pid = read_pid(&mut file)?;
    // After a crash the id is still there but the lock is not.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Some(pid),
        _ => None,
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_created_private() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a/b");
        prepare(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, 0o700);
        prepare(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused_with_the_command_that_mends_it() {
        for mode in [0o750, 0o705, 0o770, 0o711, 0o720] {
            let base = tempfile::tempdir().unwrap();
            fs::set_permissions(base.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = prepare(base.path()).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, OpenError::Permission { .. }), "{mode:o}");
            assert!(
                text.contains(&format!("chmod 0700 {}", base.path().display())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_folder_of_others_is_refused_and_no_change_of_its_mode_is_advised() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("lost+found")).unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o700)).unwrap();
        prepare(base.path()).unwrap();
        fs::write(base.path().join("dpkg"), "").unwrap();
        for mode in [0o700, 0o755, 0o777] {
            fs::set_permissions(base.path(), fs::Permissions::from_mode(mode)).unwrap();
            for error in [prepare(base.path()).unwrap_err(), inspect(base.path()).unwrap_err()] {
                let text = error.to_string();
                assert!(
                    text.contains("dpkg") && text.contains("a folder of its own") && !text.contains("chmod"),
                    "{text}"
                );
            }
        }
        // In a folder of ours, more files do no harm.
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(base.path().join(LOCK), "").unwrap();
        prepare(base.path()).unwrap();
        assert_eq!(inspect(base.path()).unwrap(), Found::State);
    }

    /// Nobody but root can give a folder away.
    #[test]
    fn a_folder_of_a_dynamic_user_names_the_ways_in() {
        let base = tempfile::tempdir().unwrap();
        let check = |owner: u32, part: &str| {
            if std::os::unix::fs::chown(base.path(), Some(owner), None).is_err() {
                assert!(!geteuid().is_root());
                return;
            }
            let text = prepare(base.path()).unwrap_err().to_string();
            assert!(
                text.contains(&format!("belongs to uid {owner}")) && text.contains(part),
                "{text}"
            );
        };
        check(61_184, "start the service");
        check(61_184, "LoadCredential=");
        check(1234, "sudo -u '#1234'");
    }

    #[test]
    fn what_is_there_is_told_without_making_anything() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("state");
        assert_eq!(inspect(&folder).unwrap(), Found::Nothing);
        assert!(!folder.exists());
        prepare(&folder).unwrap();
        assert_eq!(inspect(&folder).unwrap(), Found::EmptyFolder);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        drop(FolderLock::take(&folder).unwrap());
        assert_eq!(inspect(&folder).unwrap(), Found::State);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(inspect(&folder), Err(OpenError::Permission { .. })));
        assert!(matches!(inspect(&folder.join("lock")), Err(OpenError::Io { .. })));
    }

    #[test]
    fn one_holder_at_a_time_and_its_pid_is_told() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(inspect_lock(base.path()), None);
        let held = FolderLock::take(base.path()).unwrap();
        let us = Some(std::process::id());
        assert_eq!(inspect_lock(base.path()), us);
        match FolderLock::take(base.path()) {
            Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, us),
            _ => panic!("taken twice"),
        }
        drop(held);
        assert_eq!(inspect_lock(base.path()), None);
        fs::write(base.path().join(LOCK), "1\n").unwrap();
        assert_eq!(inspect_lock(base.path()), None, "an id left by a crash");
        FolderLock::take(base.path()).unwrap();
    }
}
