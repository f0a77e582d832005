//! LDAP URLs as the configuration writes them: a scheme, a host, perhaps a port (RFC 4516 section 2
//! without the distinguished name, which has settings of its own).

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use super::settings::LdapUrl;

/// Ports of RFC 4516 section 2 and of LDAP over TLS by custom.
const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;

/// What is wrong with an LDAP URL, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

fn refuse<T>(why: impl Into<String>) -> Result<T, UrlError> {
    Err(UrlError(why.into()))
}

impl FromStr for LdapUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("has no scheme: write ldaps://HOST or ldap://HOST");
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => true,
            "ldap" => false,
            "ldapi" => return refuse("ldapi:// (a Unix domain socket) is not supported: use ldaps:// or ldap://"),
            "http" | "https" => return refuse(format!("{scheme}:// is not a directory: use ldaps:// or ldap://")),
            _ => return refuse(format!("unknown scheme {scheme:?}: use ldaps:// or ldap://")),
        };
        if rest.contains('@') {
            return refuse("has a user name in it: who binds is said by ldap.bind_dn and ldap.bind_password");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return refuse("goes on after the host: base, attributes and filter have settings of their own in [users]");
        }
        let (host, port) = host_and_port(authority)?;
        let default = if tls { LDAPS_PORT } else { LDAP_PORT };
        Ok(Self {
            tls,
            host,
            port: port.map_or(Ok(default), parse_port)?,
        })
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return refuse("has a [ without its ]");
        };
        // The zone of a link-local address (RFC 4007) is for the resolver, not part of the address.
        let bare = address.split('%').next().unwrap_or(address);
        if bare.parse::<Ipv6Addr>().is_err() {
            return refuse(format!("[{address}] is not an IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((address.to_owned(), Some(port))),
            None if after.is_empty() => Ok((address.to_owned(), None)),
            None => refuse(format!(
                "{after:?} after the address is not a port: write [{address}]:636"
            )),
        };
    }
    if authority.matches(':').count() > 1 {
        return refuse(format!("an IPv6 address goes in brackets: [{authority}]"));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return refuse("names no host");
    }
    if !host.is_ascii() {
        return refuse(format!("{host:?} is not ASCII: write the host name in its xn-- form"));
    }
    match host
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')))
    {
        Some(bad) => refuse(format!("{bad:?} cannot stand in a host name")),
        None => Ok((host.to_owned(), port)),
    }
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => refuse(format!("{text:?} is not a port: it has to be a number from 1 to 65535")),
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "ldaps" } else { "ldap" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl LdapUrl {
    /// The host as an address, when it is one. A zone is left out.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.split('%').next().and_then(|host| host.parse().ok())
    }

    /// True when nothing sent to this host leaves the machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.address() {
            Some(address) => address.is_loopback(),
            None => self.host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<(&str, bool), &str>) {
        match (input.parse::<LdapUrl>(), expected) {
            (Ok(url), Ok((shown, loopback))) => {
                assert_eq!(url.to_string(), shown, "{input}");
                assert_eq!(url.is_loopback(), loopback, "{input}");
                assert_eq!(shown.parse::<LdapUrl>().unwrap(), url, "{input} read back");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{input}: {error}"),
            (got, expected) => panic!("{input}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn urls() {
        check("ldaps://dc1.example.com", Ok(("ldaps://dc1.example.com:636", false)));
        check("ldap://dc1.example.com/", Ok(("ldap://dc1.example.com:389", false)));
        check("LDAPS://dc1:3269", Ok(("ldaps://dc1:3269", false)));
        check("ldap://localhost:3890", Ok(("ldap://localhost:3890", true)));
        check("ldap://127.0.0.9", Ok(("ldap://127.0.0.9:389", true)));
        check("ldaps://[::1]", Ok(("ldaps://[::1]:636", true)));
        check("ldap://[2001:db8::7]:390", Ok(("ldap://[2001:db8::7]:390", false)));
        check("ldap://[fe80::1%eth0]", Ok(("ldap://[fe80::1%eth0]:389", false)));
        check("dc1.example.com", Err("has no scheme"));
        check("ldapi:///", Err("not supported"));
        check("https://dc1", Err("not a directory"));
        check("ldapx://dc1", Err("unknown scheme \"ldapx\""));
        check("ldap://", Err("names no host"));
        check("ldap://:389", Err("names no host"));
        check("ldap://dc1:0", Err("not a port"));
        check("ldap://dc1:+5", Err("not a port"));
        check("ldap://dc1:65536", Err("not a port"));
        check("ldap://dc1:", Err("not a port"));
        check("ldap://::1", Err("goes in brackets: [::1]"));
        check("ldap://[::1", Err("without its ]"));
        check("ldap://[nope]", Err("not an IPv6 address"));
        check("ldap://[::1]636", Err("not a port"));
        check("ldap://dc1/dc=example,dc=com", Err("settings of their own"));
        check("ldap://dc1?uid", Err("settings of their own"));
        check("ldap://cn=admin@dc1", Err("user name"));
        check("ldap://d c1", Err("cannot stand in a host name"));
        check("ldap://bücher.example", Err("xn--"));
    }
}
