//! How many steps of a sealed plan may have been sent. Two slots are written in turn, so that a write
//! that is cut off spoils only the claim that was not yet acknowledged.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use super::durable;
use crate::model::Digest;

/// Slots lie in disk blocks of their own.
const SLOT_STRIDE: usize = 4096;
const SLOT_BYTES: usize = 8 + 8 + 16 + 16;

pub(super) struct Claims {
    file: File,
    /// The newest slot that is whole.
    newest: Option<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    sequence: u64,
    upto: u64,
    plan: Digest,
}

impl Claims {
    /// Opens the claims that an earlier run left.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = options().open(path)?;
        let mut newest: Option<Slot> = None;
        for index in 0..2 {
            let mut bytes = [0; SLOT_BYTES];
            match file.read_exact_at(&mut bytes, (index * SLOT_STRIDE) as u64) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(error),
            }
            newest = newest
                .into_iter()
                .chain(Slot::parse(&bytes))
                .max_by_key(|slot| slot.sequence);
        }
        Ok(Self { file, newest })
    }

    /// Begins anew for a plan, with no step claimed.
    pub(super) fn create(path: &Path, plan_id: &str) -> io::Result<Self> {
        let file = options().open(path)?;
        let slot = Slot {
            sequence: 0,
            upto: 0,
            plan: Digest::of(plan_id.as_bytes()),
        };
        let mut bytes = vec![0; 2 * SLOT_STRIDE];
        bytes[..SLOT_BYTES].copy_from_slice(&slot.bytes());
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        Ok(Self {
            file,
            newest: Some(slot),
        })
    }

    /// Durably raises the claim; a lower one than before changes nothing.
    pub(super) fn claim(&mut self, upto: usize) -> io::Result<()> {
        let Some(newest) = self.newest else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its claims are damaged"));
        };
        if upto as u64 <= newest.upto {
            return Ok(());
        }
        let slot = Slot {
            sequence: newest.sequence + 1,
            upto: upto as u64,
            plan: newest.plan,
        };
        let place = slot.sequence % 2 * SLOT_STRIDE as u64;
        self.file.write_all_at(&slot.bytes(), place)?;
        self.file.sync_data()?;
        self.newest = Some(slot);
        Ok(())
    }

    /// The steps of this plan that were claimed; nothing when that cannot be told.
    pub(super) fn claimed(&self, plan_id: &str) -> Option<usize> {
        let slot = self.newest.filter(|slot| slot.plan == Digest::of(plan_id.as_bytes()))?;
        usize::try_from(slot.upto).ok()
    }
}

impl Slot {
    fn bytes(self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.upto.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.plan.0);
        let checksum = Digest::of(&bytes[..32]);
        bytes[32..].copy_from_slice(&checksum.0);
        bytes
    }

    fn parse(bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk()?;
        let (upto, rest) = rest.split_first_chunk()?;
        let (plan, _checksum) = rest.split_first_chunk()?;
        let slot = Self {
            sequence: u64::from_le_bytes(*sequence),
            upto: u64::from_le_bytes(*upto),
            plan: Digest(*plan),
        };
        (slot.bytes() == *bytes).then_some(slot)
    }
}

fn options() -> std::fs::OpenOptions {
    let mut options = durable::private();
    options.read(true).write(true).create(true).truncate(false);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopened(path: &Path) -> Option<usize> {
        Claims::open(path).unwrap().claimed("plan")
    }

    #[test]
    fn claims_only_rise_and_belong_to_their_plan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims");
        assert_eq!(reopened(&path), None);
        let mut claims = Claims::create(&path, "plan").unwrap();
        assert_eq!(reopened(&path), Some(0));
        for (upto, expected) in [(3, 3), (2, 3), (3, 3), (10, 10), (11, 11)] {
            claims.claim(upto).unwrap();
            assert_eq!(claims.claimed("plan"), Some(expected));
            assert_eq!(reopened(&path), Some(expected));
        }
        assert_eq!(Claims::open(&path).unwrap().claimed("another"), None);
        Claims::create(&path, "plan").unwrap();
        assert_eq!(reopened(&path), Some(0), "a plan of the same content, later");
    }

    #[test]
    fn a_torn_claim_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims");
        let mut claims = Claims::create(&path, "plan").unwrap();
        claims.claim(3).unwrap();
        let before = std::fs::read(&path).unwrap();
        claims.claim(7).unwrap();
        let after = std::fs::read(&path).unwrap();
        let changed = (0..after.len()).filter(|at| before[*at] != after[*at]);
        for cut in changed {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&path, torn).unwrap();
            assert_eq!(reopened(&path), Some(3), "cut at {cut}");
        }
        std::fs::write(&path, vec![0; after.len()]).unwrap();
        assert_eq!(reopened(&path), None, "both slots lost");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(reopened(&path), None, "empty");
    }
}
