//! Signatures, verified from what arrived and the secret alone.
//!
//! Deliberately apart from the client: other code, other libraries. A mistake that both made alike would
//! still have to agree with the vectors below, which the vendors' own signers made.

mod acs3;
mod rpc;
mod sdk;
#[cfg(test)]
mod signing;
mod text;
#[cfg(test)]
mod vectors;

pub(super) use acs3::Acs3;
pub(super) use rpc::Rpc;
pub(super) use sdk::Sdk;
#[cfg(test)]
pub(super) use signing::{hash, hmac};
pub(super) use text::{decoded, form, pairs};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Message;

/// Whether `signature` is the HMAC-SHA256 of `text` under `secret`.
fn is_hmac_sha256(secret: &str, text: &str, signature: &[u8]) -> bool {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(text.as_bytes());
    mac.verify_slice(signature).is_ok()
}

/// `name:value` lines of the signed headers, sorted by name; nothing when one of them was not sent.
fn header_lines(message: &Message, names: &[String]) -> Option<String> {
    let mut lines = String::new();
    for name in names {
        let mut values: Vec<&str> = message
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .collect();
        if values.is_empty() {
            return None;
        }
        values.sort_unstable();
        lines.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    Some(lines)
}

/// The names of a `SignedHeaders` list, sorted; nothing unless all of them are in lower case and differ.
fn header_names(list: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = list.split(';').map(str::to_owned).collect();
    names.sort_unstable();
    let lower = |name: &String| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let distinct = names.windows(2).all(|two| two[0] != two[1]);
    (distinct && names.iter().all(lower)).then_some(names)
}
