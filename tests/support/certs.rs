//! A certificate authority of this test process, a server's and a client's certificate of it, and a
//! second authority that signed nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

/// PEM files.
pub struct Certs {
    _folder: TempDir,
    /// The authority of server and client.
    pub ca: PathBuf,
    /// An authority that signed nothing here.
    pub stranger_ca: PathBuf,
    /// For `localhost` and `127.0.0.1`.
    pub server: PathBuf,
    /// Its key.
    pub server_key: PathBuf,
    /// Subject `O=Scimward tests, CN=reader`.
    pub client: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

/// Made once for a test process, in a fifth of a second.
pub fn certs() -> &'static Certs {
    static CERTS: OnceLock<Certs> = OnceLock::new();
    CERTS.get_or_init(|| make().unwrap_or_else(|error| panic!("openssl: {error}; run tests/run.sh")))
}

fn make() -> Result<Certs, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let dir = folder.path();
    authority(dir, "ca", "Test CA")?;
    authority(dir, "stranger", "Stranger CA")?;
    leaf(
        dir,
        "server",
        "localhost",
        "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )?;
    leaf(dir, "client", "reader", "extendedKeyUsage=clientAuth\n")?;
    let file = |name: &str| dir.join(name);
    Ok(Certs {
        ca: file("ca.crt"),
        stranger_ca: file("stranger.crt"),
        server: file("server.crt"),
        server_key: file("server.key"),
        client: file("client.crt"),
        client_key: file("client.key"),
        _folder: folder,
    })
}

fn authority(dir: &Path, name: &str, common_name: &str) -> Result<(), String> {
    let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
    let subject = format!("/O=Scimward tests/CN={common_name}");
    openssl(
        dir,
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key],
    )?;
    openssl(
        dir,
        &[
            "req",
            "-x509",
            "-new",
            "-key",
            &key,
            "-out",
            &crt,
            "-days",
            "2",
            "-subj",
            &subject,
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ],
    )
}

fn leaf(dir: &Path, name: &str, common_name: &str, extensions: &str) -> Result<(), String> {
    let file = |end: &str| format!("{name}.{end}");
    let subject = format!("/O=Scimward tests/CN={common_name}");
    let common = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n";
    fs::write(dir.join(file("ext")), format!("{common}{extensions}")).map_err(|e| e.to_string())?;
    openssl(
        dir,
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            &file("key"),
        ],
    )?;
    openssl(
        dir,
        &[
            "req",
            "-new",
            "-key",
            &file("key"),
            "-subj",
            &subject,
            "-out",
            &file("csr"),
        ],
    )?;
    openssl(
        dir,
        &[
            "x509",
            "-req",
            "-in",
            &file("csr"),
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &file("ext"),
            "-out",
            &file("crt"),
        ],
    )
}

fn openssl(dir: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
