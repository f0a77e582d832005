//! A directory that answers as Active Directory does where a group is large: 1500 values at a time, each
//! piece under a name of its own (MS-ADTS 3.1.1.3.1.3.3). Samba, which is at hand, sends them all at once.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use ldap3_proto::{
    LdapCodec,
    control::LdapControl,
    proto::{
        LdapBindResponse, LdapMsg, LdapOp, LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchResultEntry,
    },
};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder, Encoder},
};

use super::listener::Listener;

/// Values of `member` in one piece.
const PIECE: usize = 1500;
/// Where the people are.
pub const PEOPLE: &str = "OU=People,DC=corp,DC=example";
/// Where the group is.
pub const GROUPS: &str = "OU=Groups,DC=corp,DC=example";
/// The last part of the group's security identifier.
const GROUP_RID: u32 = 4321;

/// The server. It has one group, and people of whom some are in it.
pub struct Ranged {
    listener: Listener,
    shared: Arc<Shared>,
}

struct Shared {
    people: usize,
    /// The first so many are listed by the group.
    members: AtomicUsize,
    withholds: AtomicBool,
    pieces: AtomicUsize,
}

impl Ranged {
    /// `people`, the first `members` of whom are in the group `all`; it is the primary group of the last.
    pub fn start(people: usize, members: usize) -> Self {
        let shared = Arc::new(Shared {
            people,
            members: members.into(),
            withholds: false.into(),
            pieces: 0.into(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| {
            // A client that goes away is none of the test's business.
            let _ = serving.serve(stream);
        });
        Self { listener, shared }
    }

    /// `ldap://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("ldap://{}", self.listener.address)
    }

    /// How many the group lists from now on.
    pub fn set_members(&self, members: usize) {
        self.shared.members.store(members, Ordering::SeqCst);
    }

    /// From now on, nothing but the first piece is given.
    pub fn withhold(&self, withholds: bool) {
        self.shared.withholds.store(withholds, Ordering::SeqCst);
    }

    /// How many pieces were asked for by name.
    pub fn pieces(&self) -> usize {
        self.shared.pieces.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut codec = LdapCodec::new(None, None);
        let (mut buffer, mut chunk) = (BytesMut::new(), [0; 4096]);
        loop {
            let before = buffer.clone();
            if let Some(message) = codec.decode(&mut buffer)? {
                // The codec leaves the list of attributes out.
                let raw = String::from_utf8_lossy(&before[..before.len() - buffer.len()]).into_owned();
                let mut out = BytesMut::new();
                for (op, ctrl) in self.answers(&message.op, &raw) {
                    let msgid = message.msgid;
                    codec.encode(LdapMsg { msgid, op, ctrl }, &mut out)?;
                }
                stream.write_all(&out)?;
                continue;
            }
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                read => buffer.extend_from_slice(&chunk[..read]),
            }
        }
    }

    fn answers(&self, op: &LdapOp, raw: &str) -> Vec<(LdapOp, Vec<LdapControl>)> {
        let search = match op {
            LdapOp::BindRequest(_) => {
                let bound = LdapBindResponse {
                    res: success(),
                    saslcreds: None,
                };
                return vec![(LdapOp::BindResponse(bound), Vec::new())];
            }
            LdapOp::SearchRequest(search) => search,
            _ => return Vec::new(),
        };
        let asked = raw.split("member;range=").nth(1);
        let entries = match (search.base.as_str(), asked) {
            (PEOPLE, _) => (1..=self.people).map(|number| self.person(number)).collect(),
            (GROUPS, _) => vec![self.group(0)],
            (_, Some(range)) => {
                self.pieces.fetch_add(1, Ordering::SeqCst);
                let low = range.split('-').next().and_then(|low| low.parse().ok());
                let given = low.filter(|_| !self.withholds.load(Ordering::SeqCst));
                given.map(|low| self.group(low)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let entries = entries
            .into_iter()
            .map(|entry| (LdapOp::SearchResultEntry(entry), Vec::new()));
        let last_page = LdapControl::SimplePagedResults {
            size: 0,
            cookie: Vec::new(),
        };
        let done = (LdapOp::SearchResultDone(success()), vec![last_page]);
        entries.chain([done]).collect()
    }

    fn person(&self, number: usize) -> LdapSearchResultEntry {
        let name = format!("p{number}");
        let primary = if number == self.people { GROUP_RID } else { 513 };
        entry(
            dn(number),
            vec![
                attribute("objectGUID", [guid(number)]),
                attribute("objectSid", [sid(10_000 + u32::try_from(number).unwrap())]),
                attribute("primaryGroupID", [primary.to_string().into_bytes()]),
                attribute("userPrincipalName", [format!("{name}@corp.example").into_bytes()]),
                attribute("sAMAccountName", [name.clone().into_bytes()]),
                attribute("userAccountControl", [b"512".to_vec()]),
                attribute("displayName", [name.clone().into_bytes()]),
                attribute("givenName", [name.clone().into_bytes()]),
                attribute("sn", [name.into_bytes()]),
            ],
        )
    }

    /// With the members from `low` on, as many as fit.
    fn group(&self, low: usize) -> LdapSearchResultEntry {
        let members = self.members.load(Ordering::SeqCst);
        let high = members.min(low + PIECE);
        let option = match high {
            high if high == members => format!("member;range={low}-*"),
            high => format!("member;range={low}-{}", high - 1),
        };
        let values = (low..high).map(|at| dn(at + 1).into_bytes());
        entry(
            format!("CN=all,{GROUPS}"),
            vec![
                attribute("objectGUID", [guid(0)]),
                attribute("objectSid", [sid(GROUP_RID)]),
                attribute("cn", [b"all".to_vec()]),
                // Empty under its own name: that is how it is told that there are pieces.
                attribute("member", []),
                attribute(&option, values),
            ],
        )
    }
}

fn dn(number: usize) -> String {
    format!("CN=p{number},{PEOPLE}")
}

fn guid(number: usize) -> Vec<u8> {
    [vec![0xee; 12], u32::try_from(number).unwrap().to_be_bytes().to_vec()].concat()
}

/// `S-1-5-21-1-2-3-RID` (MS-DTYP 2.4.2.2).
fn sid(rid: u32) -> Vec<u8> {
    let parts = [21, 1, 2, 3, rid].map(u32::to_le_bytes).concat();
    [vec![1, 5, 0, 0, 0, 0, 0, 5], parts].concat()
}

fn attribute(name: &str, values: impl IntoIterator<Item = Vec<u8>>) -> LdapPartialAttribute {
    LdapPartialAttribute {
        atype: name.to_owned(),
        vals: values.into_iter().collect(),
    }
}

fn entry(dn: String, attributes: Vec<LdapPartialAttribute>) -> LdapSearchResultEntry {
    LdapSearchResultEntry { dn, attributes }
}

fn success() -> LdapResult {
    LdapResult {
        code: LdapResultCode::Success,
        matcheddn: String::new(),
        message: String::new(),
        referral: Vec::new(),
    }
}
