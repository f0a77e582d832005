//! An LDAP server whose every answer is written by the test.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use ldap3_proto::{
    LdapCodec,
    control::LdapControl,
    proto::{
        LdapBindResponse, LdapMsg, LdapOp, LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchRequest,
        LdapSearchResultEntry, LdapSearchResultReference,
    },
};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder, Encoder},
};

use super::settings::{Bind, LdapSettings, LdapUrl, MinTls, Scope, SearchSettings};

/// Settings that reach scripted servers: no TLS, anonymous, two entries in a page.
pub(super) fn settings(urls: Vec<LdapUrl>) -> LdapSettings {
    LdapSettings {
        urls,
        start_tls: false,
        allow_plaintext: false,
        ca_file: None,
        client_cert: None,
        client_key: None,
        min_tls: MinTls::Tls12,
        bind: Bind::Anonymous,
        page_size: 2,
        connect_timeout: Duration::from_secs(5),
        bind_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
    }
}

pub(super) fn search(bases: &[&str]) -> SearchSettings {
    SearchSettings {
        bases: bases.iter().map(|base| (*base).to_owned()).collect(),
        scope: Scope::Sub,
        filter: "(objectClass=*)".into(),
        attributes: vec!["cn".into(), "member".into(), "entryuuid".into()],
    }
}

/// One message of an answer.
pub(super) enum Reply {
    Op(LdapOp, Vec<LdapControl>),
    /// Bytes in place of a message. `ID` stands for the request's number.
    Raw(Vec<u8>),
    /// The connection ends here.
    Close,
}

pub(super) fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Reply {
    let attributes = attributes
        .iter()
        .map(|(name, values)| LdapPartialAttribute {
            atype: (*name).to_owned(),
            vals: values.iter().map(|value| value.to_vec()).collect(),
        })
        .collect();
    Reply::Op(
        LdapOp::SearchResultEntry(LdapSearchResultEntry {
            dn: dn.to_owned(),
            attributes,
        }),
        vec![],
    )
}

/// An entry with a common name and an anchor.
pub(super) fn person(name: &str) -> Reply {
    entry(
        &format!("cn={name}"),
        &[("CN", &[name.as_bytes()]), ("entryUUID", &[b"u"])],
    )
}

pub(super) fn reference(uri: &str) -> Reply {
    Reply::Op(
        LdapOp::SearchResultReference(LdapSearchResultReference {
            uris: vec![uri.to_owned()],
        }),
        vec![],
    )
}

pub(super) fn result(code: LdapResultCode, message: &str) -> LdapResult {
    LdapResult {
        code,
        matcheddn: String::new(),
        message: message.to_owned(),
        referral: vec![],
    }
}

/// Success, with the cookie of the next page.
pub(super) fn page(cookie: &str) -> Reply {
    let control = LdapControl::SimplePagedResults {
        size: 0,
        cookie: cookie.as_bytes().to_vec(),
    };
    Reply::Op(
        LdapOp::SearchResultDone(result(LdapResultCode::Success, "")),
        vec![control],
    )
}

/// A result without a cookie.
pub(super) fn done(code: LdapResultCode) -> Reply {
    Reply::Op(LdapOp::SearchResultDone(result(code, "")), vec![])
}

/// A search as the server sees it.
pub(super) struct Asked {
    pub(super) search: LdapSearchRequest,
    /// The cookie of the paged results control, empty in the first request; nothing without control.
    pub(super) cookie: Option<String>,
    /// The whole request: the codec leaves the attribute list out.
    raw: Vec<u8>,
}

impl Asked {
    /// True when the request names this attribute.
    pub(super) fn names(&self, attribute: &str) -> bool {
        self.raw
            .windows(attribute.len())
            .any(|part| part == attribute.as_bytes())
    }
}

type Script = Box<dyn FnMut(&Asked) -> Vec<Reply> + Send>;

pub(super) struct Server {
    pub(super) url: LdapUrl,
    /// One word for each connection and request, in order.
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Lets everybody in and answers searches by the script.
    pub(super) fn start(script: impl FnMut(&Asked) -> Vec<Reply> + Send + 'static) -> Self {
        Self::with_bind(result(LdapResultCode::Success, ""), script)
    }

    /// Answers binds with `bind`.
    pub(super) fn with_bind(bind: LdapResult, script: impl FnMut(&Asked) -> Vec<Reply> + Send + 'static) -> Self {
        let res = LdapOp::BindResponse(LdapBindResponse {
            res: bind,
            saslcreds: None,
        });
        Self::raw_bind(move || Reply::Op(res.clone(), vec![]), script)
    }

    pub(super) fn raw_bind(
        bind: impl Fn() -> Reply + Send + 'static,
        script: impl FnMut(&Asked) -> Vec<Reply> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut connection = Connection {
            bind: Box::new(bind),
            script: Box::new(script),
            log: Arc::clone(&log),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connection.note("connect");
                // A client that goes away is an error here and none of the test's business.
                let _ = connection.serve(&mut stream.unwrap());
            }
        });
        Self {
            url: LdapUrl {
                tls: false,
                host: "127.0.0.1".into(),
                port,
            },
            log,
        }
    }

    /// An address where nobody listens.
    pub(super) fn nobody() -> LdapUrl {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        LdapUrl {
            tls: false,
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
        }
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().join(" ")
    }
}

struct Connection {
    bind: Box<dyn Fn() -> Reply + Send>,
    script: Script,
    log: Arc<Mutex<Vec<String>>>,
}

impl Connection {
    fn note(&self, word: &str) {
        self.log.lock().unwrap().push(word.to_owned());
    }

    fn serve(&mut self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut codec = LdapCodec::new(Some(64 << 20), None);
        let mut buffer = BytesMut::new();
        let mut chunk = [0; 4096];
        loop {
            loop {
                let before = buffer.clone();
                let Some(message) = codec.decode(&mut buffer)? else {
                    break;
                };
                let raw = &before[..before.len() - buffer.len()];
                for reply in self.answer(&message, raw) {
                    let mut out = BytesMut::new();
                    match reply {
                        Reply::Op(op, ctrl) => codec.encode(
                            LdapMsg {
                                msgid: message.msgid,
                                op,
                                ctrl,
                            },
                            &mut out,
                        )?,
                        Reply::Raw(bytes) => out.extend_from_slice(&bytes),
                        Reply::Close => return Ok(()),
                    }
                    stream.write_all(&out)?;
                }
            }
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                n => buffer.extend_from_slice(&chunk[..n]),
            }
        }
    }

    fn answer(&mut self, message: &LdapMsg, raw: &[u8]) -> Vec<Reply> {
        match &message.op {
            LdapOp::BindRequest(_) => {
                self.note("bind");
                vec![(self.bind)()]
            }
            LdapOp::SearchRequest(search) => {
                let cookie = message.ctrl.iter().find_map(|control| match control {
                    LdapControl::SimplePagedResults { cookie, .. } => {
                        Some(String::from_utf8_lossy(cookie).into_owned())
                    }
                    _ => None,
                });
                self.note(&format!("search:{}:{}", search.base, cookie.as_deref().unwrap_or("-")));
                (self.script)(&Asked {
                    search: search.clone(),
                    cookie,
                    raw: raw.to_vec(),
                })
            }
            _ => vec![Reply::Close],
        }
    }
}

/// BER by hand, for what no honest server sends.
pub(super) fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag, 0x82];
    out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    out.extend(content);
    out
}

/// A whole message with this protocol operation.
pub(super) fn raw_message(id: u8, op: &[u8]) -> Reply {
    Reply::Raw(ber(0x30, &[&ber(0x02, &[&[id]]), op]))
}
