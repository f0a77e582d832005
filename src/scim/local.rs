//! A far end in this process, for tests: what stands in the network's place while everything before and
//! after it (token, pace, repetition, look-ups) is the program's own. Runs under a clock that tests move.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    ScimClient,
    settings::ScimSettings,
    token::{Bearer, Token},
    transport::{Answer, Exchange},
};
use crate::{ports::SharedObserver, profile::Profile};

/// A request as it leaves the program.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub method: String,
    /// The whole address.
    pub url: String,
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    /// Empty when there is none.
    pub body: Vec<u8>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// No connection.
    NotSent(&'static str),
    /// The connection was lost before the answer began.
    Lost(&'static str),
    /// An answer.
    Answered {
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        /// The body breaks off where it ends.
        truncated: bool,
    },
}

/// What takes the network's place. An answer that takes too long is the client's to give up on.
pub(crate) trait FarEnd: Send + Sync + 'static {
    fn carry(&self, request: Outgoing) -> BoxFuture<'_, Incoming>;
}

impl fmt::Debug for dyn FarEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FarEnd")
    }
}

/// One request to `far_end`, with what reqwest makes of its answer.
pub(super) async fn exchange(
    far_end: &dyn FarEnd,
    request: &reqwest::Request,
    patience: Duration,
    bearer: &Bearer,
) -> Exchange {
    let header = |name: HeaderName| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let outgoing = Outgoing {
        method: request.method().to_string(),
        url: request.url().to_string(),
        authorization: header(AUTHORIZATION),
        content_type: header(CONTENT_TYPE),
        body: request
            .body()
            .and_then(|body| body.as_bytes())
            .unwrap_or_default()
            .to_vec(),
    };
    match timeout(patience, far_end.carry(outgoing)).await {
        Err(_) => Exchange::Lost("operation timed out".into()),
        Ok(Incoming::NotSent(why)) => Exchange::NotSent(why.into()),
        Ok(Incoming::Lost(why)) => Exchange::Lost(why.into()),
        Ok(Incoming::Answered {
            status,
            headers,
            body,
            truncated,
        }) => {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(&value).unwrap(),
                );
            }
            let trouble = truncated.then(|| "end of file before message length reached".to_owned());
            Exchange::Answered(Answer::new(status, &map, body, trouble, bearer))
        }
    }
}

impl ScimClient {
    /// As [`ScimClient::new`], with `far_end` in place of the network and a token that is read from
    /// `token`.
    pub(crate) fn local(
        settings: &ScimSettings,
        profile: Arc<Profile>,
        token: impl Fn() -> SecretString + Send + Sync + 'static,
        far_end: Arc<dyn FarEnd>,
        observer: SharedObserver,
        stop: CancellationToken,
    ) -> Self {
        let token = Token::from_reader(Box::new(move || Ok(token()))).unwrap();
        let mut client = Self::with_token(settings, profile, token, observer, stop).unwrap();
        client.transport = client.transport.to(far_end);
        client
    }
}
