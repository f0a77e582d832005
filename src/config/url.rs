//! The endpoint, taken apart by hand: only the forms that mean something here, each other one with a
//! reason. No message repeats the address, which may hold a password.

use std::net::{IpAddr, Ipv6Addr};

/// Why an address is no good, and how to mend it.
pub(super) struct BadUrl {
    pub(super) problem: String,
    pub(super) mend: String,
}

fn bad(problem: impl Into<String>, mend: impl Into<String>) -> BadUrl {
    BadUrl {
        problem: problem.into(),
        mend: mend.into(),
    }
}

/// Scheme, host, port and what follows.
struct Parts<'a> {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: &'a str,
}

/// A checked endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// With exactly one slash at the end.
    pub(super) url: String,
    /// `https`.
    pub(super) tls: bool,
    /// The host is this machine.
    pub(super) loopback: bool,
}

/// `https://host[:port]/path/`. `form` says how to write one.
pub(super) fn endpoint(text: &str, form: &str) -> Result<Endpoint, BadUrl> {
    let parts = split(text, form)?;
    let tls = match parts.scheme.as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(bad(format!("{}:// is not a web address", parts.scheme), form)),
    };
    let authority = match (&parts.host, parts.port) {
        (host, port) if host.contains(':') => join(&format!("[{host}]"), port),
        (host, port) => join(host, port),
    };
    Ok(Endpoint {
        url: format!("{}://{authority}{}/", parts.scheme, parts.path.trim_end_matches('/')),
        tls,
        loopback: is_loopback(&parts.host),
    })
}

fn join(host: &str, port: Option<u16>) -> String {
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether a host is this machine, so that nobody else can listen in.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn split<'a>(text: &'a str, form: &str) -> Result<Parts<'a>, BadUrl> {
    if text.contains(['<', '>', '{', '}']) {
        return Err(bad(
            "still has a placeholder in it",
            "put your own value in place of <…> or {…}",
        ));
    }
    if let Some(char) = text
        .chars()
        .find(|char| !char.is_ascii_graphic() || "\"\\^`|".contains(*char))
    {
        return Err(bad(format!("{char:?} cannot stand in an address"), form));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(bad("is not a full address: it has no ://", form));
    };
    if rest.contains('?') {
        return Err(bad(
            "a query (?…) has no meaning here",
            "take out everything from the ? on",
        ));
    }
    if rest.contains('#') {
        return Err(bad(
            "a fragment (#…) has no meaning here",
            "take out everything from the # on",
        ));
    }
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    if authority.contains('@') {
        return Err(bad(
            "a user name or password before @ is not allowed: addresses end up in logs and reports",
            "take it out; credentials have keys of their own",
        ));
    }
    let (host, port) = host_and_port(authority)?;
    Ok(Parts {
        scheme: scheme.to_ascii_lowercase(),
        host,
        port,
        path,
    })
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), BadUrl> {
    const BRACKETS: &str = "write an IPv6 address in brackets: [2001:db8::1]";
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| bad("the bracket is not closed", BRACKETS))?;
        host.parse::<Ipv6Addr>()
            .map_err(|_| bad("what is in the brackets is not an IPv6 address", BRACKETS))?;
        let port = match rest {
            "" => None,
            _ => Some(
                rest.strip_prefix(':')
                    .ok_or_else(|| bad("something other than :port follows the bracket", BRACKETS))?,
            ),
        };
        (host, port)
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(bad("has more than one colon after ://", BRACKETS)),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err(bad("has no host", "write the host's name after ://"));
    }
    let is_name = |char: char| char.is_ascii_alphanumeric() || "-._:".contains(char);
    if let Some(char) = host.chars().find(|char| !is_name(*char)) {
        return Err(bad(
            format!("{char:?} cannot stand in a host name"),
            "write a host name or an IP address",
        ));
    }
    let port = port.map(|port| match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(bad(
            "the port is not a number from 1 to 65535",
            "correct the port, or leave it out",
        )),
    });
    Ok((host.to_ascii_lowercase(), port.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let check = |text: &str, expected: Result<(&str, bool), &str>| {
            let found = endpoint(text, "write https://host/");
            match (found, expected) {
                (Ok(found), Ok((url, loopback))) => assert_eq!((found.url.as_str(), found.loopback), (url, loopback)),
                (Err(error), Err(expected)) => assert!(error.problem.contains(expected), "{text}: {}", error.problem),
                (found, expected) => panic!(
                    "{text}: {:?}, expected {expected:?}",
                    found.map_err(|error| error.problem)
                ),
            }
        };
        check(
            "https://scim.example.org/x/scim/v2",
            Ok(("https://scim.example.org/x/scim/v2/", false)),
        );
        check(
            "https://scim.example.org/x/scim/v2//",
            Ok(("https://scim.example.org/x/scim/v2/", false)),
        );
        check("HTTPS://SCIM.example.org", Ok(("https://scim.example.org/", false)));
        check("http://127.0.0.9:8080/Scim", Ok(("http://127.0.0.9:8080/Scim/", true)));
        check("http://[::1]:8080", Ok(("http://[::1]:8080/", true)));
        check("http://localhost", Ok(("http://localhost/", true)));
        check(
            "http://localhost.example.org",
            Ok(("http://localhost.example.org/", false)),
        );
        check("https://a/b?x=1", Err("query"));
        check("https://a/b#c", Err("fragment"));
        check("https://u:hunter2@a/b", Err("user name or password"));
        check("https://scim.{region}.example.org/", Err("placeholder"));
        check("https://", Err("no host"));
        check("https://host:0", Err("port"));
        check("https://host:+1", Err("port"));
        check("https://host:65536", Err("port"));
        check("https://host:/x", Err("port"));
        check("https://2001:db8::1", Err("more than one colon"));
        check("https://[2001:db8::1", Err("bracket"));
        check("https://[zz]", Err("not an IPv6"));
        check("https://[::1]x", Err("other than :port"));
        check("https://a b", Err("' ' cannot stand"));
        check("https://h\u{f4}te/", Err("cannot stand"));
        check("https://a!b/", Err("cannot stand in a host"));
        check("ftp://a/", Err("not a web address"));
        check("/scim/v2", Err("no ://"));
    }
}
