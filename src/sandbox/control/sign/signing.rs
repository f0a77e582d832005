//! What a signer needs, for tests that sign.

use super::{Hmac, KeyInit, Mac, Sha256, text::sha256};

/// SHA-256 in lower-case hexadecimal.
pub(in crate::sandbox::control) fn hash(bytes: &[u8]) -> String {
    sha256(bytes)
}

/// HMAC-SHA256 in lower-case hexadecimal.
pub(in crate::sandbox::control) fn hmac(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
