//! What a command goes by: its options, else the configuration, else the environment.

use std::path::Path;

use super::Failure;
use crate::{
    cli::{
        DEFAULT_CONFIG,
        cloud::{AlibabaOptions, CloudOptions, HuaweiOptions},
    },
    cloud::settings::{AlibabaSettings, HuaweiSettings, KeySources},
    config::{self, CloudPart},
    secret::SecretSource,
};

/// `[cloud]` and `[scim]` of the configuration; nothing when there is none, and none was asked for.
///
/// # Errors
/// When the file cannot be read, or something is wrong in these tables.
pub(super) fn configured(path: &Path) -> Result<CloudPart, Failure> {
    if path == Path::new(DEFAULT_CONFIG) && !path.exists() {
        return Ok(CloudPart::default());
    }
    config::cloud_part(path, &super::super::setup::checks()).map_err(|errors| Failure::usage(errors.to_string()))
}

/// The file's settings with the options over them.
pub(super) fn huawei(part: &CloudPart, options: &CloudOptions, own: &HuaweiOptions) -> Result<HuaweiSettings, Failure> {
    let mut settings = part.cloud.huawei.clone().unwrap_or_default();
    over(&mut settings.region, options.region.as_ref());
    over(&mut settings.identity_store_id, own.identity_store_id.as_ref());
    over(&mut settings.project_id, own.project_id.as_ref());
    over(&mut settings.domain_id, own.domain_id.as_ref());
    over(&mut settings.ca_file, options.ca_file.as_ref());
    settings.keys = keys(options, settings.keys)?;
    if let Some(address) = options.endpoint.as_deref().map(with_slash) {
        // A command talks to one of them.
        let endpoints = &mut settings.endpoints;
        for place in [
            &mut endpoints.identitystore,
            &mut endpoints.identitycenter,
            &mut endpoints.iam,
        ] {
            *place = Some(address.clone());
        }
    }
    region_counts(
        options,
        settings.endpoints.identitystore.is_some(),
        "[cloud.huawei] endpoints",
    )?;
    Ok(settings)
}

/// The same for Alibaba Cloud.
pub(super) fn alibaba(
    part: &CloudPart,
    options: &CloudOptions,
    own: &AlibabaOptions,
) -> Result<AlibabaSettings, Failure> {
    let mut settings = part.cloud.alibaba.clone().unwrap_or_default();
    over(&mut settings.region, options.region.as_ref());
    over(&mut settings.directory_id, own.directory_id.as_ref());
    over(&mut settings.ca_file, options.ca_file.as_ref());
    settings.keys = keys(options, settings.keys)?;
    over(
        &mut settings.endpoint,
        options.endpoint.as_deref().map(with_slash).as_ref(),
    );
    region_counts(options, settings.endpoint.is_some(), "[cloud.alibaba] endpoint")?;
    Ok(settings)
}

/// A region decides the host, so it says nothing where that is named.
fn region_counts(options: &CloudOptions, named: bool, configured: &str) -> Result<(), Failure> {
    let by = match &options.endpoint {
        Some(_) => "--endpoint",
        None => configured,
    };
    match &options.region {
        Some(region) if named => Err(Failure::usage(format!(
            "--region {region} has no effect, because {by} gives the host: leave one of them out"
        ))),
        _ => Ok(()),
    }
}

fn over<T: Clone>(place: &mut Option<T>, option: Option<&T>) {
    if let Some(value) = option {
        *place = Some(value.clone());
    }
}

/// A pair is taken whole: half of one and half of another fits no lock.
fn keys(options: &CloudOptions, configured: Option<KeySources>) -> Result<Option<KeySources>, Failure> {
    let file = |path: &Option<std::path::PathBuf>| path.clone().map(SecretSource::File);
    let given = (
        file(&options.access_key_file),
        file(&options.secret_key_file),
        file(&options.security_token_file),
    );
    match given {
        (None, None, None) => Ok(configured),
        (Some(access_key), Some(secret_key), security_token) => Ok(Some(KeySources {
            access_key,
            secret_key,
            security_token,
        })),
        _ => Err(Failure::usage(
            "--access-key-file and --secret-key-file belong together; --security-token-file goes with both",
        )),
    }
}

pub(super) fn with_slash(address: &str) -> String {
    if address.ends_with('/') {
        address.to_owned()
    } else {
        format!("{address}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> CloudPart {
        let mut part = CloudPart::default();
        part.cloud.huawei = Some(HuaweiSettings {
            region: Some("cn-north-4".to_owned()),
            identity_store_id: Some("d-1".to_owned()),
            keys: Some(KeySources {
                access_key: SecretSource::Env("AK".to_owned()),
                secret_key: SecretSource::Env("SK".to_owned()),
                security_token: Some(SecretSource::Env("T".to_owned())),
            }),
            ..HuaweiSettings::default()
        });
        part
    }

    #[test]
    fn options_go_over_the_configuration() {
        let options = CloudOptions {
            endpoint: Some("http://127.0.0.1:1/x".to_owned()),
            access_key_file: Some("a".into()),
            secret_key_file: Some("s".into()),
            ..CloudOptions::default()
        };
        let settings = huawei(&part(), &options, &HuaweiOptions::default()).unwrap();
        assert_eq!(settings.identity_store_id.as_deref(), Some("d-1"));
        for endpoint in [
            &settings.endpoints.identitystore,
            &settings.endpoints.identitycenter,
            &settings.endpoints.iam,
        ] {
            assert_eq!(endpoint.as_deref(), Some("http://127.0.0.1:1/x/"));
        }
        let keys = settings.keys.unwrap();
        assert_eq!(keys.access_key, SecretSource::File("a".into()));
        assert_eq!(keys.security_token, None, "the session of the other pair");
        let options = CloudOptions {
            region: Some("af-north-1".to_owned()),
            ..CloudOptions::default()
        };
        let settings = huawei(&part(), &options, &HuaweiOptions::default()).unwrap();
        assert_eq!(settings.region.as_deref(), Some("af-north-1"));
        let unchanged = huawei(&part(), &CloudOptions::default(), &HuaweiOptions::default()).unwrap();
        assert_eq!(Some(unchanged), part().cloud.huawei);
    }

    /// What is typed is never just left aside.
    #[test]
    fn a_region_beside_the_host_is_refused() {
        let by_option = CloudOptions {
            region: Some("cn-shanghai".to_owned()),
            endpoint: Some("https://example.org/".to_owned()),
            ..CloudOptions::default()
        };
        let alone = CloudOptions {
            region: Some("cn-shanghai".to_owned()),
            ..CloudOptions::default()
        };
        let mut configured = part();
        configured.cloud.huawei.as_mut().unwrap().endpoints.identitystore = Some("https://example.org/".to_owned());
        configured.cloud.alibaba = Some(AlibabaSettings {
            endpoint: Some("https://example.org/".to_owned()),
            ..AlibabaSettings::default()
        });
        let check = |part: &CloudPart, options: &CloudOptions, expected: &str| {
            for refused in [
                huawei(part, options, &HuaweiOptions::default()).map(drop),
                alibaba(part, options, &AlibabaOptions::default()).map(drop),
            ] {
                let words = refused.unwrap_err().words;
                assert!(
                    words.contains("--region cn-shanghai") && words.contains(expected),
                    "{words}"
                );
            }
        };
        check(&part(), &by_option, "--endpoint gives");
        check(&configured, &alone, "[cloud.");
    }

    #[test]
    fn half_a_key_is_refused() {
        let options = CloudOptions {
            access_key_file: Some("a".into()),
            ..CloudOptions::default()
        };
        for refused in [
            huawei(&part(), &options, &HuaweiOptions::default()).map(drop),
            alibaba(&part(), &options, &AlibabaOptions::default()).map(drop),
        ] {
            assert!(refused.unwrap_err().words.contains("belong together"));
        }
    }
}
