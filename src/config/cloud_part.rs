//! What commands for control planes need of a file that may be far from finished: they are what gets the
//! endpoint and the token that it still lacks.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Checks, ConfigErrors, cloud, keys, read_text, report::Report, section::Section, url};
use crate::{cloud::settings::CloudSettings, secret::SecretSource};

/// `[cloud]`, and what there is of `[scim]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudPart {
    /// `[cloud.…]`
    pub cloud: CloudSettings,
    /// `[scim] profile`
    pub profile: Option<String>,
    /// `[scim] endpoint`, with one slash at its end; nothing also when it is none.
    pub endpoint: Option<String>,
    /// `[scim] token`; the file need not be there yet.
    pub token: Option<SecretSource>,
    /// `[scim] ca_file`
    pub ca_file: Option<PathBuf>,
    /// `[scim] allow_plaintext`
    pub allow_plaintext: bool,
}

/// Reads it; the other tables may be missing or wrong.
///
/// # Errors
/// When the file cannot be read or is not TOML, and with every mistake of `[cloud]`.
pub fn cloud_part(path: &Path, checks: &Checks) -> Result<CloudPart, ConfigErrors> {
    let text = read_text(path)?;
    let checks = Checks {
        file: |_| Ok(()),
        ..*checks
    };
    let (tree, syntax) = DeTable::parse_recoverable(&text);
    let report = Report::new(&text, path.parent().unwrap_or(Path::new("")), &checks);
    let part = read(&report, tree.get_ref());
    let errors = report.finish(path, &syntax);
    if errors.mistakes.is_empty() {
        Ok(part)
    } else {
        Err(errors)
    }
}

fn read(report: &Report<'_>, tree: &DeTable<'_>) -> CloudPart {
    let top = Section::new(report, String::new(), Some(tree), keys::TOP);
    let scim = top.section("scim", keys::SCIM);
    let cloud = top.section("cloud", keys::CLOUD);
    let settings = cloud::read(&cloud).unwrap_or_default();
    cloud.finish();
    CloudPart {
        cloud: settings,
        profile: scim.text("profile").map(str::to_owned),
        endpoint: scim
            .text("endpoint")
            .and_then(|text| url::endpoint(text, "").ok())
            .map(|endpoint| endpoint.url),
        token: scim.item("token").and_then(|item| item.secret()),
        ca_file: scim.file("ca_file"),
        allow_plaintext: scim.flag("allow_plaintext", false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Result<CloudPart, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        cloud_part(file.path(), &Checks::shape_only()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_file_may_be_unfinished() {
        assert_eq!(part(""), Ok(CloudPart::default()));
        let read = part(
            "[scim]\nprofile = \"huawei\"\nendpoint = \"https://x/scim/v2\"\ntoken = { file = \"/nowhere/token\" }\n[nonsense]\n[ldap]\nurls = 1\n",
        );
        let expected = CloudPart {
            profile: Some("huawei".to_owned()),
            endpoint: Some("https://x/scim/v2/".to_owned()),
            token: Some(SecretSource::File("/nowhere/token".into())),
            ..CloudPart::default()
        };
        assert_eq!(read, Ok(expected));
        let cloud = part(
            "[cloud.alibaba]\ndirectory_id = \"d-1\"\nsecret_key = { file = \"/nowhere\" }\naccess_key = { env = \"X\" }\n",
        );
        let alibaba = cloud.unwrap().cloud.alibaba.unwrap();
        assert_eq!(alibaba.directory_id.as_deref(), Some("d-1"));
        assert!(alibaba.keys.is_some());
        let unset = part("[scim]\nendpoint = \"put it here\"\n").unwrap();
        assert_eq!(unset.endpoint, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("[scim\n", "1:"),
            ("[scim]\ntoken = \"hunter2\"\n", "must not stand in this file"),
            ("[cloud.huawei]\nregoin = \"x\"\n", "did you mean region?"),
        ] {
            let words = part(text).unwrap_err();
            assert!(words.contains(expected) && !words.contains("hunter2"), "{words}");
        }
        assert!(cloud_part(Path::new("/nowhere/x"), &Checks::shape_only()).is_err());
    }
}
