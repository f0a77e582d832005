//! What can go wrong with a server, in words that say who has to act.

use ldap3::{LdapError, LdapResult};

use crate::ports::{DirectoryError, SinkError};

/// How far we got, which decides the kind of error when no server gave us anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Unreachable,
    Bind,
    Refused,
}

/// One server did not give us what we asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// Asking another server would be useless (our own settings) or do harm (a wrong password counts
    /// towards a lock-out on each of them).
    pub(super) last: bool,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn unreachable(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Unreachable,
            last: false,
            text: text.into(),
        }
    }

    pub(super) fn bind(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Bind,
            last: false,
            text: text.into(),
        }
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Refused,
            last: false,
            text: text.into(),
        }
    }

    /// Do not ask another server.
    pub(super) fn for_good(mut self) -> Self {
        self.last = true;
        self
    }

    /// The same, with its server or step in front.
    pub(super) fn at(mut self, place: &dyn std::fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }
}

impl From<Failure> for DirectoryError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Unreachable => Self::Unreachable(failure.text),
            Kind::Bind => Self::Bind(failure.text),
            Kind::Refused => Self::Refused(failure.text),
        }
    }
}

/// Why the read of one server ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// Its fault: the next one may do better.
    Failure(Failure),
    /// Nobody wants the entries any more.
    Sink(SinkError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

/// A server's text, safe to print on one line: Active Directory ends its texts with a zero byte.
pub(super) fn printable(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A result that is not success: its name and number, the server's text, and what to do.
pub(super) fn describe(result: &LdapResult) -> String {
    let (name, advice) = meaning(result);
    let mut text = format!("{name} ({})", result.rc);
    let said = printable(&result.text);
    if !said.is_empty() {
        text.push_str(&format!(", the server says {said:?}"));
    }
    if !result.refs.is_empty() {
        let refs: Vec<_> = result.refs.iter().map(|uri| printable(uri)).collect();
        text.push_str(&format!(", referred to {}", refs.join(", ")));
    }
    if !advice.is_empty() {
        text.push_str(": ");
        text.push_str(advice);
    }
    text
}

/// Names of RFC 4511 appendix A.1, and what an operator can do about each.
fn meaning(result: &LdapResult) -> (&'static str, &'static str) {
    match result.rc {
        // Active Directory answers so to a search without a bind.
        1 if result.text.contains("bind must be completed") || result.text.contains("000004DC") => (
            "operationsError",
            "the server wants a bind before a search; set ldap.bind_dn and ldap.bind_password",
        ),
        1 => ("operationsError", ""),
        2 => ("protocolError", ""),
        3 => (
            "timeLimitExceeded",
            "raise the server's time limit for the bind account, or index what the filter uses",
        ),
        4 => (
            "sizeLimitExceeded",
            "the server does not let the bind account read everything; raise its limit for paged searches \
             (OpenLDAP: limits … size.prtotal=unlimited)",
        ),
        7 => ("authMethodNotSupported", ""),
        8 => (
            "strongerAuthRequired",
            "the server wants TLS before a password; use ldaps:// or start_tls = true",
        ),
        10 => (
            "referral",
            "this server does not hold the base; put the server that does into ldap.urls",
        ),
        11 => (
            "adminLimitExceeded",
            "an administrative limit of the server; lower ldap.page_size, or raise the limit for the bind account",
        ),
        12 => ("unavailableCriticalExtension", ""),
        13 => (
            "confidentialityRequired",
            "the server wants TLS; use ldaps:// or start_tls = true",
        ),
        14 => ("saslBindInProgress", ""),
        18 => (
            "inappropriateMatching",
            "the filter compares an attribute in a way its type does not know",
        ),
        32 => (
            "noSuchObject",
            "there is no such entry, or the bind account may not see it",
        ),
        34 => ("invalidDNSyntax", "this is not a distinguished name"),
        48 => (
            "inappropriateAuthentication",
            "the server does not accept this kind of bind for this account",
        ),
        49 => ("invalidCredentials", ""),
        50 => (
            "insufficientAccessRights",
            "give the bind account the right to read and search here",
        ),
        51 => ("busy", "the server has too much to do; the next cycle tries again"),
        52 => (
            "unavailable",
            "the server is shutting down or not ready; the next cycle tries again",
        ),
        53 => ("unwillingToPerform", ""),
        80 => ("other", ""),
        _ => ("result code", ""),
    }
}

/// Why a bind was refused. Active Directory hides the reason in its text: `…, data 52e, v3839`.
pub(super) fn describe_bind(result: &LdapResult) -> String {
    let mut text = describe(result);
    if result.rc == 49 {
        text.push_str(": ");
        text.push_str(active_directory_reason(&result.text).unwrap_or("the bind DN or its password is wrong"));
    }
    text
}

fn active_directory_reason(text: &str) -> Option<&'static str> {
    let (_, after) = text.split_once("data ")?;
    let code = after.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    Some(match code {
        "525" => "there is no such account",
        "52e" => "the password is wrong, or there is no such account",
        "52f" => "the account has restrictions that forbid this log-on",
        "530" => "the account may not log on at this hour",
        "531" => "the account may not log on from this machine",
        "532" => {
            "the account's password has expired; set a new one, or let the service account's password never expire"
        }
        "533" => "the account is disabled",
        "568" => "the account is in too many groups to log on",
        "701" => "the account has expired",
        "773" => "the account must change its password first; set a new one without \"must change at next log-on\"",
        "775" => "the account is locked out; unlock it and look for whoever uses a wrong password",
        _ => return None,
    })
}

/// A failure below the level of LDAP results. The texts of the client say what its parts did; these
/// say what happened.
pub(super) fn describe_error(error: &LdapError) -> String {
    match error {
        LdapError::Io { source } => describe_io(source),
        LdapError::Rustls { source } => describe_tls(source),
        LdapError::LdapResult { result } => describe(result),
        LdapError::EndOfStream
        | LdapError::ResultRecv { .. }
        | LdapError::OpSend { .. }
        | LdapError::IdScrubSend { .. } => "the connection was lost".into(),
        LdapError::FilterParsing => "the filter is not one (RFC 4515)".into(),
        other => other.to_string(),
    }
}

pub(super) fn describe_io(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => describe_tls(tls),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        None => error.to_string(),
    }
}

fn describe_tls(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
    let advice = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no trusted CA signed the server's certificate; put that CA into ldap.ca_file"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "write the host in ldap.urls as the server's certificate names it",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired; renew it on the server"
        }
        Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig)
        | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server does not speak the TLS version of ldap.min_tls"
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a client certificate; set ldap.client_cert and ldap.client_key"
        }
        Error::InvalidMessage(_) => "this port does not speak TLS; is it ldap:// with start_tls = true?",
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult {
            rc,
            matched: String::new(),
            text: text.into(),
            refs: vec![],
            ctrls: vec![],
        }
    }

    #[test]
    fn active_directory_sub_codes() {
        for (code, part) in [
            ("52e", "password is wrong"),
            ("532", "has expired"),
            ("533", "disabled"),
            ("701", "account has expired"),
            ("773", "must change"),
            ("775", "locked out"),
            ("999", "bind DN or its password is wrong"),
        ] {
            let text =
                format!("80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {code}, v2580\0");
            let said = describe_bind(&result(49, &text));
            assert!(said.contains(part), "{said}");
            assert!(
                said.starts_with("invalidCredentials (49), the server says") && !said.contains("\\0"),
                "{said}"
            );
        }
    }

    #[test]
    fn results() {
        for (rc, text, expected) in [
            (4, "", "sizeLimitExceeded (4): the server does not let"),
            (
                1,
                "000004DC: LdapErr: In order to perform this operation a successful bind must be completed",
                "wants a bind",
            ),
            (53, "no\nway", "unwillingToPerform (53), the server says \"no way\""),
            (4711, "", "result code (4711)"),
        ] {
            let said = describe(&result(rc, text));
            assert!(said.contains(expected), "{said}");
        }
        let mut referral = result(10, "");
        referral.refs = vec!["ldap://other/dc=x".into()];
        assert!(describe(&referral).contains("referred to ldap://other/dc=x"));
    }
}
