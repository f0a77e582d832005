//! The bearer token: kept out of every text, and read again when the provider refuses it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::SetupError;
use crate::secret::{self, SecretError, SecretSource};

/// Reads the token from where it is kept.
type Read = Box<dyn Fn() -> Result<SecretString, SecretError> + Send + Sync>;

/// The token in use and where to read it again.
pub(super) struct Token {
    read: Read,
    current: RwLock<Arc<Bearer>>,
    verdict: Mutex<Option<TokenVerdict>>,
}

/// What the last answer that says anything of a token said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenVerdict {
    /// Digest of the token.
    pub token: String,
    /// Why it was refused, in words of the provider's; none when it was taken.
    pub refused: Option<String>,
}

/// One value of the token.
pub(super) struct Bearer {
    text: SecretString,
    header: HeaderValue,
}

impl Token {
    /// Reads the token for the first time.
    pub(super) fn new(source: SecretSource) -> Result<Self, SetupError> {
        Self::from_reader(Box::new(move || source.read()))
    }

    /// As [`Token::new`], from anything that reads.
    pub(super) fn from_reader(read: Read) -> Result<Self, SetupError> {
        let bearer = Bearer::new(read().map_err(SetupError::Token)?)?;
        Ok(Self {
            read,
            current: RwLock::new(Arc::new(bearer)),
            verdict: Mutex::new(None),
        })
    }

    /// The value in use.
    pub(super) fn current(&self) -> Arc<Bearer> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of an answer to a request with `bearer`. 403, redirects, and trouble say nothing of the token.
    pub(super) fn judge(&self, bearer: &Bearer, status: u16, detail: &str) {
        let refused = match status {
            200..=299 | 404 | 409 => None,
            401 => Some(detail.to_owned()),
            _ => return,
        };
        let token = secret::digest(&bearer.text);
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(TokenVerdict { token, refused });
    }

    /// See [`TokenVerdict`]; none before the first such answer.
    pub(super) fn verdict(&self) -> Option<TokenVerdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Called when `refused` was answered with 401: whether there is another value to try, because
    /// the source has changed since (a rotation), now or while another request was under way.
    pub(super) fn renewed_since(&self, refused: &Bearer) -> bool {
        if !self.current().is_same(refused) {
            return true;
        }
        let renewed = (self.read)().ok().and_then(|text| Bearer::new(text).ok());
        match renewed.filter(|bearer| !bearer.is_same(refused)) {
            Some(bearer) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bearer);
                true
            }
            None => false,
        }
    }
}

impl Bearer {
    fn new(text: SecretString) -> Result<Self, SetupError> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", text.expose_secret()))
            .map_err(|_| SetupError::TokenCharacters)?;
        header.set_sensitive(true);
        Ok(Self { text, header })
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// `text` without the token in it: a provider may quote in its answer what it was sent.
    pub(super) fn redact(&self, text: String) -> String {
        let token = self.text.expose_secret();
        if !token.is_empty() && text.contains(token) {
            text.replace(token, "[token]")
        } else {
            text
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}
