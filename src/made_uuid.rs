//! UUIDs made from texts (RFC 9562 section 5.8), so that what is shown twice is shown with the same ids.

/// Of version 8, made by a rule of our own.
pub(crate) fn uuid_of(text: &str) -> String {
    let hex = blake3::hash(text.as_bytes()).to_hex();
    // Version 8, variant 10.
    format!(
        "{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
