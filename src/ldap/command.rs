//! The search as an `ldapsearch` command that an operator can paste. The password is asked for.

use super::settings::{Bind, LdapSettings, LdapUrl, Scope, SearchSettings};

/// The command that shows what we see of `base` on `url`.
pub(super) fn ldapsearch(url: &LdapUrl, ldap: &LdapSettings, search: &SearchSettings, base: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let files = [
        ("LDAPTLS_CACERT", &ldap.ca_file),
        ("LDAPTLS_CERT", &ldap.client_cert),
        ("LDAPTLS_KEY", &ldap.client_key),
    ];
    for (variable, file) in files {
        if let Some(file) = file {
            words.push(format!("{variable}={}", quote(&file.to_string_lossy())));
        }
    }
    words.extend(["ldapsearch".into(), "-LLL".into(), "-H".into(), quote(&url.to_string())]);
    if ldap.start_tls && !url.tls {
        words.push("-ZZ".into());
    }
    match &ldap.bind {
        Bind::Anonymous => words.push("-x".into()),
        Bind::External => words.extend(["-Y".into(), "EXTERNAL".into()]),
        Bind::Simple { dn, .. } => words.extend(["-x".into(), "-W".into(), "-D".into(), quote(dn)]),
    }
    let scope = match search.scope {
        Scope::Base => "base",
        Scope::One => "one",
        Scope::Sub => "sub",
    };
    words.extend([
        "-E".into(),
        format!("pr={}/noprompt", ldap.page_size),
        "-b".into(),
        quote(base),
    ]);
    words.extend(["-s".into(), scope.into(), quote(&search.filter)]);
    words.extend(search.attributes.iter().map(|attribute| quote(attribute)));
    words.join(" ")
}

/// One word for a POSIX shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ldap::testing, secret::SecretSource};

    #[test]
    fn commands() {
        let search = SearchSettings {
            filter: "(cn=O'Neil*)".into(),
            attributes: vec!["uid".into(), "cn;lang-de".into()],
            ..testing::search(&["ou=people,dc=example"])
        };
        let mut ldap = testing::settings(vec!["ldap://dc1".parse().unwrap()]);
        ldap.start_tls = true;
        ldap.ca_file = Some("/etc/my ca.pem".into());
        ldap.bind = Bind::Simple {
            dn: "cn=reader,dc=example".into(),
            password: SecretSource::Env("SECRET".into()),
        };
        assert_eq!(
            ldapsearch(&ldap.urls[0], &ldap, &search, &search.bases[0]),
            "LDAPTLS_CACERT='/etc/my ca.pem' ldapsearch -LLL -H ldap://dc1:389 -ZZ -x -W -D cn=reader,dc=example \
             -E pr=2/noprompt -b ou=people,dc=example -s sub '(cn=O'\\''Neil*)' uid 'cn;lang-de'"
        );
        ldap.bind = Bind::External;
        ldap.ca_file = None;
        let command = ldapsearch(&"ldaps://[::1]".parse().unwrap(), &ldap, &search, "");
        assert!(
            command.starts_with("ldapsearch -LLL -H 'ldaps://[::1]:636' -Y EXTERNAL -E pr=2/noprompt -b '' "),
            "{command}"
        );
    }
}
