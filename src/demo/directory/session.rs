//! One connection: reads messages, answers them in turn, keeps who is bound and which pages are open.

use std::io;

use ldap3_proto::{
    LdapCodec,
    control::LdapControl,
    proto::{
        LdapBindCred, LdapBindRequest, LdapBindResponse, LdapExtendedRequest, LdapExtendedResponse, LdapMsg, LdapOp,
        LdapResult, LdapResultCode, LdapSearchRequest, LdapSearchScope, OID_WHOAMI,
    },
};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder, Encoder},
};

use super::{
    SharedTree, lock,
    search::{self, Answer, Pages},
    tree,
};

/// Largest request: a search with a long filter and attribute list is a few kilobytes.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Deepest BER nesting of a request, so that a filter of brackets cannot exhaust the stack.
const REQUEST_DEPTH_MAX: usize = 64;
/// Answers are written out in portions of about this size.
const WRITE_BYTES: usize = 64 * 1024;
/// RFC 4511 section 4.4.1.
const OID_NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// Serves one connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, tree: SharedTree) {
    // What goes wrong on the socket is the end of this connection and nobody else's business.
    let _ = Session {
        stream,
        out: BytesMut::new(),
        tree,
        bound: false,
        pages: Pages::default(),
    }
    .run()
    .await;
}

struct Session {
    stream: TcpStream,
    out: BytesMut,
    tree: SharedTree,
    bound: bool,
    pages: Pages,
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        let mut codec = LdapCodec::new(Some(REQUEST_BYTES_MAX), Some(REQUEST_DEPTH_MAX));
        let mut input = BytesMut::with_capacity(8 * 1024);
        loop {
            match codec.decode(&mut input) {
                Ok(Some(message)) => {
                    if !self.answer(message).await? {
                        return Ok(());
                    }
                }
                Ok(None) if input.len() > REQUEST_BYTES_MAX => return self.disconnect("request too large").await,
                Ok(None) => {
                    if self.stream.read_buf(&mut input).await? == 0 {
                        return Ok(());
                    }
                }
                Err(_) => return self.disconnect("not an LDAP message").await,
            }
        }
    }

    /// False when the connection is to be closed.
    async fn answer(&mut self, message: LdapMsg) -> io::Result<bool> {
        let LdapMsg { msgid, op, ctrl } = message;
        let unknown = ctrl
            .iter()
            .any(|c| matches!(c, LdapControl::Unknown { criticality: true, .. }));
        let refusal = LdapResultCode::UnavailableCriticalExtension;
        let reply = match op {
            LdapOp::UnbindRequest => return Ok(false),
            // Requests are answered one after the other: there is never one left to abandon.
            LdapOp::AbandonRequest(_) => return Ok(true),
            LdapOp::SearchRequest(_) if unknown => LdapOp::SearchResultDone(result(refusal, "", "")),
            LdapOp::SearchRequest(request) => return self.search(msgid, &request, &ctrl).await.map(|()| true),
            LdapOp::BindRequest(request) => LdapOp::BindResponse(self.bind(&request)),
            LdapOp::ExtendedRequest(request) => LdapOp::ExtendedResponse(self.extended(&request)),
            LdapOp::ModifyRequest(_) => LdapOp::ModifyResponse(read_only()),
            LdapOp::AddRequest(_) => LdapOp::AddResponse(read_only()),
            LdapOp::DelRequest(_) => LdapOp::DelResponse(read_only()),
            LdapOp::ModifyDNRequest(_) => LdapOp::ModifyDNResponse(read_only()),
            LdapOp::CompareRequest(_) => {
                LdapOp::CompareResult(result(LdapResultCode::UnwillingToPerform, "", "compare is not offered"))
            }
            _ => {
                return self
                    .disconnect("a response where a request belongs")
                    .await
                    .map(|()| false);
            }
        };
        self.send(msgid, reply, Vec::new())?;
        self.write_out().await.map(|()| true)
    }

    /// RFC 4513 section 5.1. A failed bind leaves the connection anonymous.
    fn bind(&mut self, request: &LdapBindRequest) -> LdapBindResponse {
        self.bound = false;
        self.pages = Pages::default();
        let (code, message) = match &request.cred {
            _ if request.version != 3 => (LdapResultCode::ProtocolError, "LDAPv3 only"),
            LdapBindCred::Simple(password) if request.dn.is_empty() && password.is_empty() => {
                (LdapResultCode::Success, "")
            }
            LdapBindCred::Simple(password) if password.is_empty() => (
                LdapResultCode::UnwillingToPerform,
                "unauthenticated bind (a name without a password)",
            ),
            LdapBindCred::Simple(password) => {
                let tree = lock(&self.tree);
                let account = tree.account();
                self.bound = tree::key(&request.dn).is_some_and(|key| tree::key(&account.dn) == Some(key))
                    && account.password.expose_secret() == password;
                if self.bound {
                    (LdapResultCode::Success, "")
                } else {
                    (LdapResultCode::InvalidCredentials, "")
                }
            }
            _ => (LdapResultCode::AuthMethodNotSupported, "simple bind only"),
        };
        LdapBindResponse {
            res: result(code, "", message),
            saslcreds: None,
        }
    }

    fn extended(&self, request: &LdapExtendedRequest) -> LdapExtendedResponse {
        if request.name == OID_WHOAMI {
            let who = if self.bound {
                format!("dn:{}", lock(&self.tree).account().dn)
            } else {
                String::new()
            };
            let res = result(LdapResultCode::Success, "", "");
            return LdapExtendedResponse {
                res,
                name: None,
                value: Some(who.into_bytes()),
            };
        }
        let res = result(LdapResultCode::ProtocolError, "", "unknown extended operation");
        LdapExtendedResponse {
            res,
            name: None,
            value: None,
        }
    }

    async fn search(&mut self, msgid: i32, request: &LdapSearchRequest, controls: &[LdapControl]) -> io::Result<()> {
        let answer = self.found(request, controls);
        for entry in answer.entries {
            self.send(msgid, LdapOp::SearchResultEntry(entry), Vec::new())?;
            if self.out.len() >= WRITE_BYTES {
                self.write_out().await?;
            }
        }
        let done = LdapOp::SearchResultDone(result(answer.code, &answer.matched_dn, &answer.message));
        self.send(msgid, done, answer.controls)?;
        self.write_out().await
    }

    /// The lock on the tree is held for this function only, never while the client is slow.
    fn found(&mut self, request: &LdapSearchRequest, controls: &[LdapControl]) -> Answer {
        let tree = lock(&self.tree);
        if request.base.is_empty() && matches!(request.scope, LdapSearchScope::Base) {
            return search::root_dse(&tree, request);
        }
        if !self.bound {
            return Answer::refused(LdapResultCode::InsufficentAccessRights, "bind first");
        }
        let paging = controls.iter().find_map(|control| match control {
            LdapControl::SimplePagedResults { size, cookie } => Some((*size, cookie.as_slice())),
            _ => None,
        });
        search::answer(&tree, &mut self.pages, request, paging)
    }

    fn send(&mut self, msgid: i32, op: LdapOp, controls: Vec<LdapControl>) -> io::Result<()> {
        LdapCodec::default().encode(LdapMsg::new_with_ctrls(msgid, op, controls), &mut self.out)
    }

    async fn write_out(&mut self) -> io::Result<()> {
        let out = self.out.split();
        self.stream.write_all(&out).await
    }

    /// Notice of Disconnection: the last word to a client that does not speak LDAP.
    async fn disconnect(&mut self, why: &str) -> io::Result<()> {
        let res = result(LdapResultCode::ProtocolError, "", why);
        let notice = LdapExtendedResponse {
            res,
            name: Some(OID_NOTICE_OF_DISCONNECTION.into()),
            value: None,
        };
        self.send(0, LdapOp::ExtendedResponse(notice), Vec::new())?;
        self.write_out().await
    }
}

fn result(code: LdapResultCode, matched_dn: &str, message: &str) -> LdapResult {
    LdapResult {
        code,
        matcheddn: matched_dn.to_owned(),
        message: message.to_owned(),
        referral: Vec::new(),
    }
}

fn read_only() -> LdapResult {
    result(
        LdapResultCode::InsufficentAccessRights,
        "",
        "this directory is read-only over the network",
    )
}
