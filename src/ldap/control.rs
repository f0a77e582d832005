//! The simple paged results control (RFC 2696).
//!
//! The client's own parser of the answer panics on a malformed value, so both directions are here.

use ldap3::controls::{Control, RawControl};

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The control that asks for a page. Not critical: a server that cannot page may still answer a
/// small directory whole, and [`super::paged`] sees that no cookie came.
pub(super) fn request(size: u32, cookie: &[u8]) -> RawControl {
    // A leading zero byte keeps the integer positive; superfluous ones go (X.690 section 8.3).
    let mut number = vec![0];
    number.extend(size.to_be_bytes());
    while matches!(number.as_slice(), [0, next, ..] if *next < 0x80) {
        number.remove(0);
    }
    let fields = [tlv(INTEGER, &number), tlv(OCTET_STRING, cookie)].concat();
    RawControl {
        ctype: PAGED_RESULTS.into(),
        crit: false,
        val: Some(tlv(SEQUENCE, &fields)),
    }
}

/// What the server said about the next page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing: it did not page.
    Missing,
    /// Something that is not a paged results control value.
    Malformed,
    /// The cookie; empty after the last page.
    Cookie(Vec<u8>),
}

/// Finds the answer among a result's controls.
pub(super) fn answer(controls: &[Control]) -> Answer {
    let Some(Control(_, raw)) = controls.iter().find(|Control(_, raw)| raw.ctype == PAGED_RESULTS) else {
        return Answer::Missing;
    };
    raw.val
        .as_deref()
        .and_then(cookie)
        .map_or(Answer::Malformed, |cookie| Answer::Cookie(cookie.to_vec()))
}

/// `SEQUENCE { size INTEGER, cookie OCTET STRING }`
fn cookie(value: &[u8]) -> Option<&[u8]> {
    let (fields, _) = read(SEQUENCE, value)?;
    let (_size, rest) = read(INTEGER, fields)?;
    Some(read(OCTET_STRING, rest)?.0)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length: Vec<u8> = content
                .len()
                .to_be_bytes()
                .into_iter()
                .skip_while(|byte| *byte == 0)
                .collect();
            out.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            out.extend(length);
        }
    }
    out.extend_from_slice(content);
    out
}

/// The content of the element at the start of `bytes`, when it has this tag, and what follows it.
fn read(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first, length], rest) = bytes.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(length.into());
    }
    let (digits, rest) = rest.split_at_checked((length & 0x7f).into())?;
    let length = digits
        .iter()
        .try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add((*digit).into()))?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(request(1000, b"").val.unwrap(), b"\x30\x06\x02\x02\x03\xe8\x04\x00");
        assert_eq!(request(200, b"ab").val.unwrap(), b"\x30\x08\x02\x02\x00\xc8\x04\x02ab");
        assert_eq!(request(0, b"").val.unwrap(), b"\x30\x05\x02\x01\x00\x04\x00");
        let long = request(1, &[7; 300]).val.unwrap();
        assert_eq!(cookie(&long), Some([7; 300].as_slice()));
    }

    fn check(value: Option<&[u8]>, expected: Answer) {
        let raw = RawControl {
            ctype: PAGED_RESULTS.into(),
            crit: false,
            val: value.map(<[u8]>::to_vec),
        };
        assert_eq!(answer(&[Control(None, raw)]), expected, "{value:x?}");
    }

    #[test]
    fn answers() {
        check(Some(b"\x30\x05\x02\x01\x00\x04\x00"), Answer::Cookie(vec![]));
        check(Some(b"\x30\x07\x02\x01\x00\x04\x02ab"), Answer::Cookie(b"ab".to_vec()));
        check(
            Some(b"\x30\x84\x00\x00\x00\x06\x02\x01\x00\x04\x01a"),
            Answer::Cookie(b"a".to_vec()),
        );
        check(None, Answer::Malformed);
        check(Some(b""), Answer::Malformed);
        check(Some(b"\x30\x05\x02\x01\x00\x04\x09"), Answer::Malformed);
        check(Some(b"\x30\x80\x02\x01\x00\x04\x00"), Answer::Malformed);
        check(Some(b"\x30\xff\x02\x01\x00\x04\x00"), Answer::Malformed);
        check(Some(b"\x30\x89\xff\xff\xff\xff\xff\xff\xff\xff\xff"), Answer::Malformed);
        assert_eq!(answer(&[]), Answer::Missing);
    }
}
