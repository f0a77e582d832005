//! Percent-encoding, hexadecimal, base64, as the signatures want them.

use sha2::{Digest, Sha256};

/// Everything but `A-Z a-z 0-9 - _ . ~` as `%XX`.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The bytes behind a percent-encoded text. What is no `%XX` stands for itself.
pub(in crate::sandbox::control) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = if *byte == b'%' {
            digit(at + 1).zip(digit(at + 2))
        } else {
            None
        };
        match pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// Names and values of a query, decoded, in their order.
pub(in crate::sandbox::control) fn pairs(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// The same of a form, where a plus is a space. So it is in a query of Alibaba Cloud: the vendor's own SDK
/// signs `%20` and sends `+`.
pub(in crate::sandbox::control) fn form(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs(&String::from_utf8_lossy(body).replace('+', "%20"))
}

/// `name=value`, encoded, sorted by name and then by value, joined with `&`.
pub(super) fn canonical(mut pairs: Vec<(Vec<u8>, Vec<u8>)>) -> String {
    pairs.sort_unstable();
    let encoded: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    encoded.join("&")
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a lower-case hexadecimal text; nothing when it is another text.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?))
        .collect()
}

/// Base64 with padding (RFC 4648 section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let part = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = part(0) << 16 | part(1) << 8 | part(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let shown = if place <= chunk.len() {
                DIGITS[digit as usize]
            } else {
                b'='
            };
            text.push(char::from(shown));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_and_decoded() {
        let check = |plain: &str, expected: &str| {
            assert_eq!(encoded(plain.as_bytes()), expected);
            assert_eq!(decoded(expected), plain.as_bytes());
        };
        check("", "");
        check("aZ09-_.~", "aZ09-_.~");
        check("Zoë O'Neil*+1@x", "Zo%C3%AB%20O%27Neil%2A%2B1%40x");
        check("100%", "100%25");
        let literal = |text: &str| assert_eq!(decoded(text), text.as_bytes());
        literal("%");
        literal("%4");
        literal("%zz");
        literal("%+1");
        assert_eq!(
            form(b"a=b+c%2Bd&e"),
            [(b"a".to_vec(), b"b c+d".to_vec()), (b"e".to_vec(), vec![])]
        );
        assert_eq!(canonical(pairs("b=2&a=%2f&b=1&c")), "a=%2F&b=1&b=2&c=");
    }

    #[test]
    fn bytes_are_shown_in_the_usual_ways() {
        // RFC 4648 section 10.
        let check = |plain: &str, expected: &str| assert_eq!(base64(plain.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        assert_eq!(unhex("00ff1a"), Some(vec![0, 255, 26]));
        for other in ["0", "0G", "FF", "é"] {
            assert_eq!(unhex(other), None, "{other}");
        }
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
