//! What stands in the database: every value is `version, checksum, payload`. The checksum covers the
//! key as well, so that a value under the wrong key is noticed.

use serde::{Serialize, de::DeserializeOwned};

use crate::model::{AnchorKey, Digest, DnKey, Mark};

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 5;
/// Five digests, then `missed`, `deactivated_at`, `active`.
pub(super) const MARK_BYTES: usize = 5 * 16 + 2 + 8 + 1;

/// What is wrong with a record, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage(pub(super) String);

/// The value that is stored for `payload` under `key`.
pub(super) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_BYTES + payload.len());
    value.push(VERSION);
    value.extend_from_slice(&checksum(key, payload));
    value.extend_from_slice(payload);
    value
}

/// The payload of a stored value.
pub(super) fn unseal<'value>(key: &[u8], value: &'value [u8]) -> Result<&'value [u8], Damage> {
    let Some((head, payload)) = value.split_at_checked(HEAD_BYTES) else {
        return Err(Damage("it is too short".into()));
    };
    if head[1..] != checksum(key, payload) {
        return Err(Damage("its checksum does not match".into()));
    }
    if head[0] != VERSION {
        return Err(Damage(format!("its version is {}, known is {VERSION}", head[0])));
    }
    Ok(payload)
}

fn checksum(key: &[u8], payload: &[u8]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    let mut short = [0; 4];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    short
}

/// The checksum that stands in a stored value; nothing is checked.
pub(super) fn checksum_in(value: &[u8]) -> u32 {
    value
        .get(1..HEAD_BYTES)
        .and_then(|checksum| checksum.first_chunk().copied())
        .map_or(0, u32::from_le_bytes)
}

/// The value for something that is kept as JSON.
pub(super) fn seal_json<T: Serialize>(key: &[u8], content: &T) -> Result<Vec<u8>, serde_json::Error> {
    Ok(seal(key, &serde_json::to_vec(content)?))
}

/// What [`seal_json`] was given.
pub(super) fn unseal_json<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Damage> {
    serde_json::from_slice(unseal(key, value)?).map_err(|error| Damage(format!("its content makes no sense: {error}")))
}

/// The value for a mark.
pub(super) fn seal_mark(key: &[u8], mark: &Mark) -> Vec<u8> {
    seal(key, &mark_bytes(mark))
}

/// A mark as it stands on disk.
pub(super) fn mark_bytes(mark: &Mark) -> [u8; MARK_BYTES] {
    // Taken apart by name: a field that is added to `Mark` does not get lost here.
    let Mark {
        source,
        body,
        dn,
        manager_dn,
        manager,
        missed,
        deactivated_at,
        active,
    } = *mark;
    let mut payload = [0; MARK_BYTES];
    let digests = [source.0, body.0, dn.0, manager_dn.0, manager.0];
    for (place, digest) in payload.chunks_exact_mut(16).zip(digests) {
        place.copy_from_slice(&digest);
    }
    payload[80..82].copy_from_slice(&missed.to_le_bytes());
    payload[82..90].copy_from_slice(&deactivated_at.to_le_bytes());
    payload[90] = u8::from(active);
    payload
}

/// What [`seal_mark`] was given.
pub(super) fn unseal_mark(key: &[u8], value: &[u8]) -> Result<Mark, Damage> {
    let payload: &[u8; MARK_BYTES] = unseal(key, value)?
        .try_into()
        .map_err(|_| Damage("it has the wrong length".into()))?;
    Ok(mark_of(payload))
}

/// What [`mark_bytes`] was given.
pub(super) fn mark_of(payload: &[u8; MARK_BYTES]) -> Mark {
    let digest = |index: usize| -> [u8; 16] { array(payload, index * 16) };
    Mark {
        source: Digest(digest(0)),
        body: Digest(digest(1)),
        dn: DnKey(digest(2)),
        manager_dn: DnKey(digest(3)),
        manager: AnchorKey(digest(4)),
        missed: u16::from_le_bytes(array(payload, 80)),
        deactivated_at: i64::from_le_bytes(array(payload, 82)),
        active: payload[90] != 0,
    }
}

/// `N` bytes of `bytes` from `start`, which the caller knows to be inside.
fn array<const N: usize>(bytes: &[u8; MARK_BYTES], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[start..start + N]);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            source: Digest([1; 16]),
            body: Digest([2; 16]),
            dn: DnKey([3; 16]),
            manager_dn: DnKey([4; 16]),
            manager: AnchorKey([5; 16]),
            missed: 0x0607,
            deactivated_at: -8,
            active: true,
        }
    }

    #[test]
    fn a_mark_comes_back_as_it_was() {
        for mark in [mark(), Mark::default()] {
            let value = seal_mark(b"key", &mark);
            assert_eq!(value.len(), 96);
            assert_eq!(unseal_mark(b"key", &value), Ok(mark));
        }
    }

    #[test]
    fn every_cut_every_flipped_byte_and_a_wrong_key_are_noticed() {
        let value = seal_mark(b"key", &mark());
        for at in 0..value.len() {
            assert!(unseal_mark(b"key", &value[..at]).is_err(), "cut at {at}");
            let mut flipped = value.clone();
            flipped[at] ^= 0x10;
            assert!(unseal_mark(b"key", &flipped).is_err(), "flipped at {at}");
        }
        assert!(unseal_mark(b"yek", &value).is_err());
    }
}
