//! A real OpenLDAP server for one test: own folder, own ports, TLS, accounts with limits.

use std::{
    fs,
    io::{BufWriter, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use super::{
    accepts,
    certs::certs,
    circle::GROUPS,
    people::{PEOPLE, SUFFIX},
    port::Port,
    system_program, wait_for,
};

/// Reads everything: pages of at most 1000, any number of them; 500 entries without paging.
pub const READER: &str = "cn=reader,ou=services,dc=example,dc=com";
/// Reads 500 entries in all, paged or not.
pub const READER_STRICT: &str = "cn=reader-strict,ou=services,dc=example,dc=com";
/// Sees the base and nobody below it: searches succeed with no entries.
pub const NOREAD: &str = "cn=noread,ou=services,dc=example,dc=com";
/// Reads everything but `entryUUID`.
pub const NO_ANCHOR: &str = "cn=no-anchor,ou=services,dc=example,dc=com";
/// Reads everything but `mail`.
pub const NO_MAIL: &str = "cn=no-mail,ou=services,dc=example,dc=com";
/// Sees the base of the groups and no group: searches succeed with no entries.
pub const NO_GROUPS: &str = "cn=no-groups,ou=services,dc=example,dc=com";
/// May not page.
pub const NO_PAGES: &str = "cn=no-pages,ou=services,dc=example,dc=com";
/// May change people.
pub const WRITER: &str = "cn=writer,ou=services,dc=example,dc=com";
/// The password of these accounts.
pub const PASSWORD: &str = "service-secret";

const ADMIN: &str = "cn=admin,dc=example,dc=com";
const ADMIN_PASSWORD: &str = "admin-secret";
/// Upper bound of the database file, which grows as needed: 1,000,000 people take 3 GB.
const DATABASE_BYTES_MAX: u64 = 16 << 30;

/// A running server; it is killed and its data removed when dropped.
pub struct Slapd {
    folder: TempDir,
    process: Option<Child>,
    ldap: Port,
    ldaps: Port,
}

impl Slapd {
    /// A server with the first `count` people of [`super::people`].
    pub fn with_people(count: usize) -> Self {
        Self::with_records((1..=count).map(|number| super::people::person(number).ldif()))
    }

    /// A server with the entries of `ldif` below [`PEOPLE`] and the service accounts.
    pub fn with_ldif(ldif: &str) -> Self {
        Self::with_records([ldif.to_owned()].into_iter())
    }

    fn with_records(records: impl Iterator<Item = String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("db")).unwrap();
        fs::write(folder.path().join("slapd.conf"), configuration(folder.path())).unwrap();
        let mut slapd = Self {
            folder,
            process: None,
            ldap: Port::reserve(),
            ldaps: Port::reserve(),
        };
        slapd.load([skeleton()].into_iter().chain(records));
        slapd.start();
        slapd
    }

    /// `ldap://127.0.0.1:…`, also for StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.ldap)
    }

    /// `ldaps://127.0.0.1:…`
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", self.ldaps)
    }

    /// Where it speaks plain LDAP, for a proxy in front of it.
    pub fn address(&self) -> SocketAddr {
        self.ldap.address
    }

    /// Where it speaks LDAPS, for a proxy in front of it.
    pub fn ldaps_address(&self) -> SocketAddr {
        self.ldaps.address
    }

    /// Carries out LDIF change records; records without `changetype` are added.
    pub fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args(["-a", "-x", "-H", &self.url(), "-D", ADMIN, "-w", ADMIN_PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ldapmodify is missing: run tests/run.sh");
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "ldapmodify: {}\n{ldif}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Replaces an attribute's values; none take it away.
    pub fn replace(&self, dn: &str, attribute: &str, values: &[&str]) {
        let encoded = values
            .iter()
            .map(|v| format!("{attribute}:: {}\n", super::people::base64(v.as_bytes())));
        let values: String = encoded.collect();
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{values}-\n"
        ));
    }

    /// Gives an entry another RDN and, where `superior` is given, another place.
    pub fn rename(&self, dn: &str, new_rdn: &str, superior: Option<&str>) {
        let superior = superior.map(|dn| format!("newsuperior: {dn}\n")).unwrap_or_default();
        self.modify(&format!(
            "dn: {dn}\nchangetype: modrdn\nnewrdn: {new_rdn}\ndeleteoldrdn: 1\n{superior}"
        ));
    }

    /// Removes an entry.
    pub fn delete(&self, dn: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: delete\n"));
    }

    /// What `ldapsearch` says to `account`, with further arguments (URL, `-ZZ`, filter, attributes).
    pub fn search(&self, account: &str, arguments: &[&str]) -> Output {
        Command::new("ldapsearch")
            .args([
                "-x",
                "-LLL",
                "-o",
                "ldif-wrap=no",
                "-D",
                account,
                "-w",
                PASSWORD,
                "-b",
                PEOPLE,
            ])
            .args(arguments)
            .env("LDAPTLS_CACERT", &certs().ca)
            .output()
            .expect("ldapsearch is missing: run tests/run.sh")
    }

    /// Kills the server; its data and ports stay for [`Slapd::start`].
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts the server and waits until it accepts; after [`Slapd::stop`] on the ports it had.
    pub fn start(&mut self) {
        let first_start = self.process.is_none();
        assert!(first_start, "slapd runs already");
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let urls = format!("{} {}", self.url(), self.ldaps_url());
        // Any -d keeps slapd in the foreground.
        let mut process = program("slapd")
            .args(["-d", "0", "-h", &urls, "-f"])
            .arg(self.folder.path().join("slapd.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_for("slapd accepts connections", || match process.try_wait().unwrap() {
            Some(status) => panic!("slapd did not start, {status}:\n{}", self.log()),
            None => (accepts(self.address()) && accepts(self.ldaps_address())).then_some(()),
        });
        self.process = Some(process);
    }

    fn load(&self, records: impl Iterator<Item = String>) {
        let conf = self.folder.path().join("slapd.conf");
        let file = self.folder.path().join("load.ldif");
        let mut ldif = BufWriter::new(fs::File::create(&file).unwrap());
        for record in records {
            ldif.write_all(record.as_bytes()).unwrap();
        }
        ldif.into_inner().unwrap();
        let output = program("slapadd")
            .arg("-q")
            .arg("-f")
            .arg(conf)
            .arg("-l")
            .arg(file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "slapadd: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        if let Some(Ok(Some(status))) = self.process.as_mut().map(Child::try_wait) {
            eprintln!("slapd had ended by itself, {status}:\n{}", self.log());
        }
        self.stop();
    }
}

fn program(name: &str) -> Command {
    let places = ["/usr/sbin/", "/usr/local/sbin/", "/usr/local/libexec/"].map(|place| format!("{place}{name}"));
    Command::new(system_program(name, &places.each_ref().map(String::as_str)))
}

/// The suffix, the folders and the service accounts.
fn skeleton() -> String {
    let mut ldif = format!(
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=services,{SUFFIX}\nobjectClass: organizationalUnit\nou: services\n\n"
    );
    for account in [
        "reader",
        "reader-strict",
        "noread",
        "no-anchor",
        "no-mail",
        "no-pages",
        "no-groups",
        "writer",
    ] {
        ldif += &format!(
            "dn: cn={account},ou=services,{SUFFIX}\nobjectClass: organizationalRole\n\
             objectClass: simpleSecurityObject\ncn: {account}\nuserPassword: {PASSWORD}\n\n"
        );
    }
    ldif
}

fn configuration(folder: &Path) -> String {
    let certs = certs();
    let (ca, server, key) = (certs.ca.display(), certs.server.display(), certs.server_key.display());
    let folder = folder.display();
    format!(
        r#"include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/msuser.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
loglevel none
# Large groups: values are looked up and not compared one by one.
sortvals member memberUid
threads 4
TLSCACertificateFile {ca}
TLSCertificateFile {server}
TLSCertificateKeyFile {key}
TLSVerifyClient try
authz-regexp "cn=reader,o=scimward tests" "{READER}"
database mdb
suffix {SUFFIX}
rootdn {ADMIN}
rootpw {ADMIN_PASSWORD}
directory {folder}/db
maxsize {DATABASE_BYTES_MAX}
dbnosync
index objectClass,entryUUID,uid eq
limits dn.exact="{READER}" size.soft=500 size.hard=500 size.pr=1000 size.prtotal=unlimited
limits dn.exact="{READER_STRICT}" size.soft=500 size.hard=500 size.pr=500 size.prtotal=500
limits dn.exact="{NO_PAGES}" size.prtotal=disabled
access to attrs=userPassword by anonymous auth by * none
access to dn.children="{PEOPLE}" attrs=entryUUID by dn.exact="{NO_ANCHOR}" none by * break
access to dn.children="{PEOPLE}" attrs=mail by dn.exact="{NO_MAIL}" none by * break
access to dn.children="{PEOPLE}"
  by dn.exact="{WRITER}" write
  by dn.exact="{NOREAD}" none
  by dn.children="ou=services,{SUFFIX}" read
  by * none
access to dn.children="{GROUPS}" by dn.exact="{NO_GROUPS}" none by * break
access to *
  by dn.exact="{WRITER}" write
  by dn.children="ou=services,{SUFFIX}" read
  by * none
"#
    )
}
