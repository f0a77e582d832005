//! The string representation of names (RFC 4514), LDAPv2's spellings tolerated (RFC 2253 section 4).

/// One attribute type and value of an RDN.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ava<'a> {
    /// The type as spelled.
    pub kind: &'a str,
    /// The value without escapes.
    pub value: Value,
}

/// A value without escapes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The octets of a string, usually UTF-8.
    Octets(Vec<u8>),
    /// A BER encoding (`#…`) of something that is not a string.
    Ber(Vec<u8>),
}

/// The RDNs of `dn`, leaf first; nothing when it is not a name.
pub(super) fn parse(dn: &str) -> Option<Vec<Vec<Ava<'_>>>> {
    let mut input = Input { text: dn, position: 0 };
    let mut rdns = Vec::new();
    if dn.trim().is_empty() {
        return Some(rdns);
    }
    let mut rdn = Vec::new();
    loop {
        rdn.push(input.ava()?);
        match input.next() {
            Some(b'+') => {}
            Some(b',' | b';') => rdns.push(std::mem::take(&mut rdn)),
            Some(_) => return None,
            None => {
                rdns.push(rdn);
                return Some(rdns);
            }
        }
    }
}

struct Input<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Input<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn ava(&mut self) -> Option<Ava<'a>> {
        let kind = self.kind()?;
        self.skip_spaces();
        let value = match self.peek() {
            Some(b'#') => self.hex_string()?,
            Some(b'"') => Value::Octets(self.quoted()?),
            _ => Value::Octets(self.string()?),
        };
        Some(Ava { kind, value })
    }

    fn kind(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.position..];
        let (kind, _) = rest.split_once('=')?;
        self.position += kind.len() + 1;
        let kind = kind.trim_matches([' ', '\n', '\r']);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        (!kind.is_empty() && kind.bytes().all(allowed)).then_some(kind)
    }

    /// An unquoted string, up to the next separator.
    fn string(&mut self) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        // Spaces at the end do not count, unless the last one is escaped.
        let mut kept = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b';' | b'+' => break,
                b'"' => return None,
                b'\\' => {
                    self.position += 1;
                    octets.push(self.escaped()?);
                    kept = octets.len();
                }
                _ => {
                    self.position += 1;
                    octets.push(byte);
                    if byte != b' ' {
                        kept = octets.len();
                    }
                }
            }
        }
        octets.truncate(kept);
        Some(octets)
    }

    /// What follows a backslash: a pair of hex digits, or a special character.
    fn escaped(&mut self) -> Option<u8> {
        let first = self.next()?;
        if let Some(high) = hex_digit(first) {
            return Some(high << 4 | hex_digit(self.next()?)?);
        }
        matches!(
            first,
            b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'
        )
        .then_some(first)
    }

    /// LDAPv2: everything between quotes stands for itself.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.position += 1;
        let mut octets = Vec::new();
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => octets.push(self.escaped()?),
                byte => octets.push(byte),
            }
        }
        self.skip_spaces();
        Some(octets)
    }

    fn hex_string(&mut self) -> Option<Value> {
        self.position += 1;
        let mut encoding = Vec::new();
        while let Some(high) = self.peek().and_then(hex_digit) {
            self.position += 1;
            encoding.push(high << 4 | hex_digit(self.next()?)?);
        }
        self.skip_spaces();
        match ber_string(&encoding) {
            Some(octets) => Some(Value::Octets(octets)),
            None if encoding.is_empty() => None,
            None => Some(Value::Ber(encoding)),
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The contents of a BER string of definite length: OCTET STRING, UTF8String, PrintableString,
/// IA5String (X.690).
fn ber_string(encoding: &[u8]) -> Option<Vec<u8>> {
    let (&tag, rest) = encoding.split_first()?;
    if !matches!(tag, 0x04 | 0x0C | 0x13 | 0x16) {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, contents) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (long, contents) = rest.split_at_checked(usize::from(first & 0x7F))?;
        if long.is_empty() || long.len() > 4 {
            return None;
        }
        (
            long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
            contents,
        )
    };
    (contents.len() == length).then(|| contents.to_vec())
}
