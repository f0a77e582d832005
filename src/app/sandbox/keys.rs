//! The files of a sandbox: the bearer token, and the keys of its control plane.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;

use super::Failure;
use crate::{
    cli::SandboxOptions,
    sandbox::{
        ControlOptions, Folder,
        control::{AccessKey, Life, Plane, SecondEnable},
        folder::private,
    },
    secret::SecretSource,
};

/// Where files lie that nobody named.
enum Place<'a> {
    /// The folder of `--data`.
    Kept(&'a Folder),
    /// It goes with the sandbox.
    Thrown(TempDir),
}

impl Place<'_> {
    fn of(&self, kept: fn(&Folder) -> PathBuf, name: &str) -> PathBuf {
        match self {
            Self::Kept(folder) => kept(folder),
            Self::Thrown(folder) => folder.path().join(name),
        }
    }
}

/// What clients have to show, and where they find it.
pub(super) struct Keys<'a> {
    /// The bearer token of the SCIM side. Nobody knows it when it has no file.
    pub(super) token: SecretString,
    pub(super) token_file: Option<PathBuf>,
    /// Of the control plane, when the cloud has one.
    pub(super) control: Option<ControlKeys>,
    _place: Place<'a>,
}

/// The key of the control plane's account, and where it lies.
pub(super) struct ControlKeys {
    pub(super) options: ControlOptions,
    pub(super) access_key_file: PathBuf,
    pub(super) secret_key_file: PathBuf,
    pub(super) security_token_file: Option<PathBuf>,
    pub(super) auth_token_file: PathBuf,
}

impl<'a> Keys<'a> {
    /// `kept` is whether the folder holds a cloud, and the state of its control plane.
    pub(super) fn new(
        options: &SandboxOptions,
        profile: &str,
        folder: Option<&'a Folder>,
        kept: Option<Option<Value>>,
    ) -> Result<Self, Failure> {
        let place = match folder {
            Some(folder) => Place::Kept(folder),
            None => Place::Thrown(
                tempfile::Builder::new()
                    .prefix("scimward-sandbox-")
                    .tempdir()
                    .map_err(|error| Failure::other(&error))?,
            ),
        };
        let plane = Plane::of(profile);
        if plane.is_none() && names_control(options) {
            return Err(Failure::usage(format!(
                "the sandbox of {profile} has no control plane: --unprovisioned, --access-key-file and what belongs to \
                 them are for huawei and alibaba"
            )));
        }
        let state = kept.clone().flatten();
        // A token that is not there may have been deleted; a cloud that is off has none.
        let without = match kept {
            None => options.unprovisioned,
            Some(_) => state.is_some(),
        };
        let path = place.of(Folder::token, "token");
        let (token, token_file) = match &options.token_file {
            Some(path) => read(path, "the token of the sandbox").map(|(token, path)| (token, Some(path)))?,
            None if path.exists() => {
                read(&path, "the token of the sandbox").map(|(token, path)| (token, Some(path)))?
            }
            None if without => (random()?.into(), None),
            None => (made(&path, random()?)?, Some(path)),
        };
        let control = plane.map(|_| ControlKeys::new(options, &place, state)).transpose()?;
        Ok(Self {
            token,
            token_file,
            control,
            _place: place,
        })
    }
}

fn names_control(options: &SandboxOptions) -> bool {
    options.unprovisioned
        || options.access_key_file.is_some()
        || options.security_token_file.is_some()
        || options.token_days.is_some()
        || options.token_expires.is_some()
        || options.second_enable.is_some()
        || options.instances.is_some()
}

impl ControlKeys {
    fn new(options: &SandboxOptions, place: &Place<'_>, state: Option<Value>) -> Result<Self, Failure> {
        let access = place.of(Folder::access_key, "access-key");
        let secret = place.of(Folder::secret_key, "secret-key");
        let ((id, access_key_file), (secret, secret_key_file)) =
            match (&options.access_key_file, &options.secret_key_file) {
                (Some(access), Some(secret)) => (
                    read(access, "the access key of the sandbox")?,
                    read(secret, "the secret key of the sandbox")?,
                ),
                _ => (
                    read_or_make(access, || Ok(format!("SANDBOX{}", &random()?.to_uppercase()[..13])))?,
                    read_or_make(secret, random)?,
                ),
            };
        let session = options.security_token_file.as_deref();
        let session = session
            .map(|path| read(path, "the security token of the sandbox"))
            .transpose()?;
        let (session, security_token_file) = session.unzip();
        // Good for a day only: a new one each time.
        let auth_token_file = place.of(Folder::auth_token, "auth-token");
        let _ = std::fs::remove_file(&auth_token_file);
        let auth_token = made(&auth_token_file, random()?)?;
        Ok(Self {
            options: ControlOptions {
                key: AccessKey {
                    id: id.expose_secret().to_owned(),
                    secret,
                    security_token: session,
                },
                auth_token,
                seed: bytes()?,
                life: life(options),
                unprovisioned: options.unprovisioned,
                second_enable: match options.second_enable.as_deref() {
                    Some("400") => SecondEnable::BadRequest,
                    _ => SecondEnable::Conflict,
                },
                instances: options.instances.unwrap_or(1).into(),
                state,
            },
            access_key_file,
            secret_key_file,
            security_token_file,
            auth_token_file,
        })
    }
}

fn life(options: &SandboxOptions) -> Life {
    match (options.token_days, options.token_expires) {
        (_, Some(end)) => Life::Until(end),
        (Some(days), None) => Life::Days(days),
        (None, None) => Life::default(),
    }
}

fn read(path: &Path, what: &str) -> Result<(SecretString, PathBuf), Failure> {
    let secret = SecretSource::File(path.to_owned()).read();
    let secret = secret.map_err(|error| Failure::usage(format!("{what}: {error}")))?;
    // It is read, so it is there.
    Ok((secret, path.canonicalize().unwrap_or_else(|_| path.to_owned())))
}

fn read_or_make(
    path: PathBuf,
    text: impl FnOnce() -> Result<String, Failure>,
) -> Result<(SecretString, PathBuf), Failure> {
    if path.exists() {
        return read(&path, "a key of the sandbox");
    }
    Ok((made(&path, text()?)?, path))
}

fn made(path: &Path, secret: String) -> Result<SecretString, Failure> {
    let secret = SecretString::from(secret);
    private(path)
        .and_then(|mut file| writeln!(file, "{}", secret.expose_secret()))
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(secret)
}

/// 48 hexadecimal digits.
fn random() -> Result<String, Failure> {
    let bytes: [u8; 24] = bytes()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| {
        Failure::usage("this machine has no random numbers to make a token of: name one with --token-file")
    })?;
    Ok(bytes)
}
