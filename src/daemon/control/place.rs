//! Where the control socket is.
//!
//! The daemon's socket is `$RUNTIME_DIRECTORY/control.sock` when systemd gives it such a folder, else
//! `control.sock` in the state folder. In the first case the state folder holds a symbolic link of
//! that name to it. So everyone who knows the configuration looks in one place only, the state
//! folder, and needs no environment for it.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, symlink},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use super::ControlError;

/// The socket's name in its folder.
const NAME: &str = "control.sock";

/// Bytes in a socket's path, without the closing zero (unix(7), `sun_path`).
const PATH_MAX: usize = 107;

/// Under this name a new socket gets its mode before anyone can find it.
const NEW: &str = "new";

/// The control socket of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The socket itself.
    pub socket: PathBuf,
    /// The symbolic link to it in the state folder, when it lies elsewhere.
    pub link: Option<PathBuf>,
}

impl Place {
    /// Where a daemon puts its socket. `runtime_directory` is the value of `$RUNTIME_DIRECTORY`;
    /// of several folders in it the first counts.
    pub fn of_daemon(state: &Path, runtime_directory: Option<&OsStr>) -> Self {
        let in_state = state.join(NAME);
        let first = runtime_directory.and_then(|all| all.as_bytes().split(|&byte| byte == b':').next());
        match first.filter(|first| !first.is_empty()) {
            Some(first) => Self {
                socket: Path::new(OsStr::from_bytes(first)).join(NAME),
                link: Some(in_state),
            },
            None => Self {
                socket: in_state,
                link: None,
            },
        }
    }

    /// Where a client finds the socket of the daemon that holds `state`.
    pub(super) fn for_client(state: &Path) -> PathBuf {
        let path = state.join(NAME);
        // The link is resolved here because its own path may be too long for a socket.
        fs::read_link(&path).unwrap_or(path)
    }

    /// Makes the socket, mode 0600, and the link. A socket file that no daemon answers on is
    /// replaced.
    pub(super) fn listen(&self) -> Result<Listening, ControlError> {
        let socket = &self.socket;
        let new = socket.with_extension(NEW);
        check_length(&new)?;
        let folder = socket.parent().unwrap_or(Path::new("."));
        private_folder(folder).map_err(|error| failed("cannot use the folder", folder, &error))?;
        nobody_answers(socket)?;

        let listener = (|| {
            remove_if_there(&new)?;
            let listener = UnixListener::bind(&new)?;
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
            fs::rename(&new, socket)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })()
        .map_err(|error| failed("cannot make", socket, &error))?;
        if let Some(link) = &self.link {
            point(link, socket).map_err(|error| failed("cannot make the link", link, &error))?;
        }
        let inode = fs::symlink_metadata(socket).map(|data| data.ino()).unwrap_or_default();
        Ok(Listening {
            listener,
            files: Files {
                place: self.clone(),
                inode,
            },
        })
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: UnixListener,
    pub(super) files: Files,
}

/// Takes the files away at the end, if they are still ours.
#[derive(Debug)]
pub(super) struct Files {
    place: Place,
    inode: u64,
}

impl Drop for Files {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.place.socket).is_ok_and(|data| data.ino() == self.inode);
        if ours {
            let _ = fs::remove_file(&self.place.socket);
            if let Some(link) = &self.place.link {
                let _ = fs::remove_file(link);
            }
        }
    }
}

/// Refuses a path that does not fit into a socket's address.
pub(super) fn check_length(path: &Path) -> Result<(), ControlError> {
    let length = path.as_os_str().as_bytes().len();
    if length <= PATH_MAX {
        return Ok(());
    }
    Err(ControlError(format!(
        "the path {} has {length} bytes, but a socket's path may have {PATH_MAX}; set [state] path to a shorter one, or \
         $RUNTIME_DIRECTORY to a short folder (systemd: RuntimeDirectory=)",
        path.display()
    )))
}

/// Makes the folder with mode 0700. One that is there must at least not be writable by others, who
/// could put a socket of their own in the place of ours.
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "others may write to it (mode {:o}); chmod it to 0700",
            mode & 0o7777
        )));
    }
    Ok(())
}

/// Makes sure that what lies at `socket`, if anything, is a socket that nobody listens on.
fn nobody_answers(socket: &Path) -> Result<(), ControlError> {
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("cannot look at", socket, &error)),
        // A link in the state folder of a daemon that had a runtime folder: replaced by the rename.
        Ok(data) if data.is_symlink() => {}
        Ok(data) if !data.file_type().is_socket() => {
            return Err(ControlError(format!(
                "{} is in the way and is not a socket; move it away",
                socket.display()
            )));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(socket) {
        Ok(_) => Err(ControlError(format!(
            "another daemon answers on {}; one state folder serves one daemon",
            socket.display()
        ))),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(failed("cannot tell whether a daemon answers on", socket, &error)),
    }
}

/// Makes `link` point to `target`, in one step.
fn point(link: &Path, target: &Path) -> io::Result<()> {
    let new = link.with_extension(NEW);
    remove_if_there(&new)?;
    symlink(target, &new)?;
    fs::rename(&new, link)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> ControlError {
    ControlError(format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn places() {
        let state = Path::new("/var/lib/scimward");
        let check = |runtime: Option<&str>, socket: &str, link: Option<&str>| {
            let expected = Place {
                socket: socket.into(),
                link: link.map(Into::into),
            };
            assert_eq!(Place::of_daemon(state, runtime.map(OsStr::new)), expected);
        };
        let in_state = "/var/lib/scimward/control.sock";
        check(None, in_state, None);
        check(Some(""), in_state, None);
        check(Some("/run/scimward"), "/run/scimward/control.sock", Some(in_state));
        check(Some("/run/a:/run/b"), "/run/a/control.sock", Some(in_state));
    }

    #[test]
    fn private_and_found_by_clients() {
        let folder = tempfile::tempdir().unwrap();
        let (state, runtime) = (folder.path().join("state"), folder.path().join("run"));
        fs::create_dir(&state).unwrap();
        let place = Place::of_daemon(&state, Some(runtime.as_os_str()));
        let listening = place.listen().unwrap();
        assert_eq!(mode(&runtime), 0o700);
        assert_eq!(mode(&place.socket), 0o600);
        assert_eq!(Place::for_client(&state), place.socket);
        UnixStream::connect(Place::for_client(&state)).unwrap();
        drop(listening);
        assert_eq!(
            fs::read_dir(&state).unwrap().count() + fs::read_dir(&runtime).unwrap().count(),
            0
        );

        // The next daemon has no runtime folder, and a dead link of a crash in its place.
        symlink("/nowhere/control.sock", state.join(NAME)).unwrap();
        let place = Place::of_daemon(&state, None);
        let _listening = place.listen().unwrap();
        assert_eq!(Place::for_client(&state), state.join(NAME));
        UnixStream::connect(Place::for_client(&state)).unwrap();
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of_daemon(folder.path(), None);
        // What a killed daemon leaves: a file that nobody listens on.
        drop(UnixListener::bind(&place.socket).unwrap());
        assert!(place.socket.exists());
        let listening = place.listen().unwrap();
        let error = place.listen().unwrap_err().to_string();
        assert!(error.contains("another daemon answers"), "{error}");
        assert!(UnixStream::connect(&place.socket).is_ok());
        drop(listening);
        assert!(!place.socket.exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of_daemon(folder.path(), None);
        fs::write(&place.socket, "a letter").unwrap();
        let error = place.listen().unwrap_err().to_string();
        assert!(error.contains("is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&place.socket).unwrap(), "a letter");

        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let error = Place::of_daemon(&open, None).listen().unwrap_err().to_string();
        assert!(error.contains("others may write"), "{error}");
    }

    #[test]
    fn a_path_that_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("x".repeat(120));
        let error = Place::of_daemon(&state, None).listen().unwrap_err().to_string();
        assert!(error.contains("may have 107"), "{error}");
        assert!(!state.exists());
        // A short runtime folder mends it, and clients still find their way.
        fs::create_dir(&state).unwrap();
        let place = Place::of_daemon(&state, Some(folder.path().join("r").as_os_str()));
        let _listening = place.listen().unwrap();
        UnixStream::connect(Place::for_client(&state)).unwrap();
    }
}
