//! How the connection to the directory is protected, and who we are there.
#![cfg(test)]

mod support;

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use support::{certs::certs, config::text, port::Port, proxy::Proxy, slapd::PASSWORD, stage::Stage};

fn urls(list: &[&str]) -> String {
    let list: Vec<_> = list.iter().map(|url| text(url)).collect();
    format!("[{}]", list.join(", "))
}

fn path(path: &std::path::Path) -> String {
    text(&path.display().to_string())
}

/// Three people, read from this URL.
fn reading(url: impl Fn(&Stage) -> String) -> Stage {
    let mut stage = Stage::with_people(3);
    let url = url(&stage);
    stage.change("ldap", "urls", &urls(&[&url]));
    stage
}

/// A run that reads nothing and sends nothing, for the reason given.
fn refused(stage: &Stage, reasons: &[&str]) {
    let mut run = stage.sync().expect(3).says_not(PASSWORD);
    for reason in reasons {
        run = run.says(reason);
    }
    assert_eq!(stage.cloud.log(), "");
}

fn with_client_certificate(mut stage: Stage) -> Stage {
    stage.config = stage.config.unset("ldap", "bind_dn").unset("ldap", "bind_password");
    stage
        .set("ldap", "bind", "\"external\"")
        .set("ldap", "client_cert", &path(&certs().client))
        .set("ldap", "client_key", &path(&certs().client_key))
}

#[test]
fn ldaps_and_starttls_with_our_own_authority() {
    for start_tls in [false, true] {
        let stage = reading(|stage| {
            if start_tls {
                stage.slapd.url()
            } else {
                stage.slapd.ldaps_url()
            }
        });
        let stage = stage.set("ldap", "start_tls", &start_tls.to_string());
        stage.sync().expect(0);
        assert_eq!(stage.scim.count(), 3, "StartTLS: {start_tls}");
        let stage = stage.set("ldap", "min_tls", "\"1.3\"");
        stage.is_in_step();
        stage.run(&["check"]).expect(0).says(if start_tls {
            "reached with StartTLS"
        } else {
            "reached over TLS"
        });
    }
}

#[test]
fn a_stranger_authority_is_refused() {
    let stranger = path(&certs().stranger_ca);
    let over_tls = reading(|stage| stage.slapd.ldaps_url()).set("ldap", "ca_file", &stranger);
    refused(&over_tls, &["TLS handshake", "ldap.ca_file"]);
    let start_tls = reading(|stage| stage.slapd.url())
        .set("ldap", "ca_file", &stranger)
        .set("ldap", "start_tls", "true");
    refused(&start_tls, &["StartTLS", "ldap.ca_file"]);
}

#[test]
fn the_systems_authorities_do_not_know_ours() {
    let mut stage = reading(|stage| stage.slapd.ldaps_url());
    stage.config = stage.config.unset("ldap", "ca_file");
    refused(&stage, &["ldap.ca_file"]);
}

#[test]
fn a_name_that_is_not_in_the_certificate_is_refused() {
    // The certificate is for localhost and 127.0.0.1.
    for start_tls in [false, true] {
        let mut stage = Stage::with_people(3);
        let upstream = if start_tls {
            stage.slapd.address()
        } else {
            stage.slapd.ldaps_address()
        };
        let proxy = Proxy::start_at(([127, 0, 0, 2], 0).into(), upstream);
        let scheme = if start_tls { "ldap" } else { "ldaps" };
        stage.change("ldap", "urls", &urls(&[&format!("{scheme}://{}", proxy.address())]));
        stage.change("ldap", "start_tls", &start_tls.to_string());
        refused(
            &stage,
            &["write the host in ldap.urls as the server's certificate names it"],
        );
        assert_eq!(proxy.connections(), 1);
    }
}

#[test]
fn localhost_by_name_is_in_the_certificate() {
    let stage = reading(|stage| stage.slapd.ldaps_url().replace("127.0.0.1", "localhost"));
    stage.sync().expect(0);
    assert_eq!(stage.scim.count(), 3);
}

#[test]
fn sasl_external_is_the_client_certificate() {
    let over_tls = with_client_certificate(reading(|stage| stage.slapd.ldaps_url()));
    over_tls.sync().expect(0);
    assert_eq!(over_tls.scim.count(), 3);
    let start_tls = with_client_certificate(reading(|stage| stage.slapd.url())).set("ldap", "start_tls", "true");
    start_tls.sync().expect(0);
    assert_eq!(start_tls.scim.count(), 3);
}

#[test]
fn a_client_certificate_that_the_server_does_not_know_gets_nothing() {
    // The server's own certificate is no client's: slapd lets it in as nobody, or not at all.
    let stage = with_client_certificate(reading(|stage| stage.slapd.ldaps_url()))
        .set("ldap", "client_cert", &path(&certs().server))
        .set("ldap", "client_key", &path(&certs().server_key));
    let run = stage.sync();
    assert!(matches!(run.code, Some(3)), "{}", run.everything());
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn certificate_and_key_that_do_not_fit_are_named() {
    let stage = with_client_certificate(reading(|stage| stage.slapd.ldaps_url())).set(
        "ldap",
        "client_key",
        &path(&certs().server_key),
    );
    refused(&stage, &["ldap.client_cert and ldap.client_key do not fit together"]);
}

/// A TLS server that speaks nothing newer than TLS 1.2.
struct OldServer(Child);

impl OldServer {
    fn start(address: SocketAddr) -> Self {
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-tls1_2", "-accept", &address.to_string()])
            .arg("-cert")
            .arg(&certs().server)
            .arg("-key")
            .arg(&certs().server_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is missing: run tests/run.sh");
        let server = Self(child);
        support::wait_for("openssl s_server listens", || support::accepts(address).then_some(()));
        server
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_below_the_lowest_version_is_refused() {
    let port = Port::reserve();
    let _old = OldServer::start(port.address);
    let stage = reading(|_| format!("ldaps://{port}")).set("ldap", "min_tls", "\"1.3\"");
    refused(&stage, &["ldap.min_tls"]);
}

#[test]
fn a_port_without_tls_is_told_from_a_bad_certificate() {
    let stage = reading(|stage| stage.slapd.url().replace("ldap://", "ldaps://"));
    refused(&stage, &["does this port speak TLS?"]);
}

#[test]
fn a_password_never_goes_out_in_clear() {
    let refusal = "would send the password and everybody's data in clear";
    for url in [
        "ldap://ldap.example.org",
        "ldap://192.0.2.7:389",
        "ldap://[2001:db8::1]",
    ] {
        let stage = reading(|_| url.to_owned());
        for arguments in [&["--sync-now"][..], &["--dry-run"], &["check"]] {
            stage.run(arguments).expect(2).says(refusal);
        }
        // With TLS of either kind the address is fine; nobody is there.
        let stage = stage
            .set("ldap", "connect_timeout", "\"200ms\"")
            .set("ldap", "start_tls", "true");
        stage.run(&["--sync-now"]).expect(3).says_not(refusal);
        assert_eq!(stage.cloud.log(), "");
    }
}
