//! The older signature of Alibaba Cloud: HMAC-SHA1 over the parameters, sent as one of them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::text::{base64, canonical, encoded};

/// The older scheme (`SignatureVersion=1.0`).
pub(in crate::sandbox::control) struct Rpc;

impl Rpc {
    /// The signature of a request: `parameters` are all of them, `Signature` itself is left out.
    pub(in crate::sandbox::control) fn signature(
        method: &str,
        parameters: &[(Vec<u8>, Vec<u8>)],
        secret: &str,
    ) -> Option<String> {
        let signed = parameters.iter().filter(|(name, _)| name != b"Signature");
        let query = canonical(signed.cloned().collect());
        let text = format!("{method}&%2F&{}", encoded(query.as_bytes()));
        let mut mac = Hmac::<Sha1>::new_from_slice(format!("{secret}&").as_bytes()).ok()?;
        mac.update(text.as_bytes());
        Some(base64(&mac.finalize().into_bytes()))
    }
}
