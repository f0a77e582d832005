//! Access keys: where they come from, and their values for the moment of one request.

use secrecy::{ExposeSecret, SecretString};

use super::{CloudError, settings::KeySources};
use crate::secret::SecretSource;

/// The environment variables that a cloud's own tools read.
pub(crate) struct Variables {
    /// Of the configuration, where else they may be.
    table: &'static str,
    pub(crate) access_key: &'static str,
    pub(crate) secret_key: &'static str,
    pub(crate) security_token: &'static str,
}

pub(crate) const HUAWEI: Variables = Variables {
    table: "[cloud.huawei]",
    access_key: "HUAWEICLOUD_SDK_AK",
    secret_key: "HUAWEICLOUD_SDK_SK",
    security_token: "HUAWEICLOUD_SDK_SECURITY_TOKEN",
};

pub(crate) const ALIBABA: Variables = Variables {
    table: "[cloud.alibaba]",
    access_key: "ALIBABA_CLOUD_ACCESS_KEY_ID",
    secret_key: "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    security_token: "ALIBABA_CLOUD_SECURITY_TOKEN",
};

impl Variables {
    /// Whether there is a key at all, where nobody said where it is.
    fn found(&self, sources: &KeySources) -> Result<(), CloudError> {
        let Self {
            table,
            access_key,
            secret_key,
            ..
        } = self;
        let is_missing = |source: &SecretSource, variable: &str| {
            *source == SecretSource::Env(variable.to_owned()) && std::env::var_os(variable).is_none()
        };
        let missing = [(&sources.access_key, access_key), (&sources.secret_key, secret_key)];
        let Some((_, variable)) = missing.iter().find(|(source, variable)| is_missing(source, variable)) else {
            return Ok(());
        };
        Err(CloudError::Keys(format!(
            "no access key is given ({variable} is not set): set {access_key} and {secret_key}, or say \
             --access-key-file FILE and --secret-key-file FILE, or name both in {table} of the configuration"
        )))
    }
}

/// Values of an access key. It has no `Debug` and no `Display`.
pub(super) struct Keys {
    pub(super) access: SecretString,
    pub(super) secret: SecretString,
    pub(super) security_token: Option<SecretString>,
}

/// The sources as configured, else those of the environment. A temporary token of the environment never
/// goes with keys from elsewhere.
pub(crate) fn sources(configured: Option<&KeySources>, variables: &Variables) -> KeySources {
    configured.cloned().unwrap_or_else(|| {
        let env = |name: &str| SecretSource::Env(name.to_owned());
        let is_set = std::env::var_os(variables.security_token).is_some_and(|value| !value.is_empty());
        KeySources {
            access_key: env(variables.access_key),
            secret_key: env(variables.secret_key),
            security_token: is_set.then(|| env(variables.security_token)),
        }
    })
}

/// Reads the values, each time anew: keys are replaced while the daemon runs.
pub(super) fn read(sources: &KeySources, variables: &Variables) -> Result<Keys, CloudError> {
    variables.found(sources)?;
    Ok(Keys {
        access: value(&sources.access_key, "access key")?,
        secret: value(&sources.secret_key, "secret key")?,
        security_token: sources
            .security_token
            .as_ref()
            .map(|source| value(source, "security token"))
            .transpose()?,
    })
}

/// One value that has to fit a header.
pub(super) fn value(source: &SecretSource, what: &str) -> Result<SecretString, CloudError> {
    let value = source
        .read()
        .map_err(|error| CloudError::Keys(format!("the {what} cannot be read: {error}")))?;
    if value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value);
    }
    Err(CloudError::Keys(format!(
        "the {what} from {source} holds characters that no key has (a space, a line break?)"
    )))
}
