//! What a whole table adds up to, so that records which damage made vanish, or fall back to what they
//! said earlier, are missed.
//!
//! sled gives up a part of a damaged log without a word. What it still hands out is genuine, each
//! record has its checksum; only the sum over all of them tells that some are not there.

use super::{
    super::record::{self, Damage},
    Table,
};

/// The tables that have one: each record of theirs stands for something at the service provider. The
/// members of groups have a sum in their group's own record.
pub(super) const SUMMED: [Table; 3] = [Table::Marks, Table::Groups, Table::MembersInDoubt];
const SUM_BYTES: usize = 12;

/// How many records, and their checksums put together in an order-free way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Sum {
    count: u64,
    checksums: u32,
}

impl Sum {
    /// Puts in a record's value.
    pub(in crate::store) fn add(&mut self, value: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.checksums ^= record::checksum_in(value);
    }

    /// Takes out a record's value that was put in before.
    pub(super) fn take(&mut self, value: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.checksums ^= record::checksum_in(value);
    }

    pub(super) fn seal(self, table: Table) -> Vec<u8> {
        let mut payload = [0; SUM_BYTES];
        payload[..8].copy_from_slice(&self.count.to_le_bytes());
        payload[8..].copy_from_slice(&self.checksums.to_le_bytes());
        record::seal(table.sum_key(), &payload)
    }

    pub(super) fn unseal(table: Table, value: &[u8]) -> Result<Self, Damage> {
        let payload = record::unseal(table.sum_key(), value)?;
        let (Some(count), Some(checksums), SUM_BYTES) = (
            payload.first_chunk().copied(),
            payload.last_chunk().copied(),
            payload.len(),
        ) else {
            return Err(Damage("it has the wrong length".into()));
        };
        Ok(Self {
            count: u64::from_le_bytes(count),
            checksums: u32::from_le_bytes(checksums),
        })
    }

    /// What is wrong when `found` was read where this was written.
    pub(in crate::store) fn compare(self, found: Self) -> Result<(), Damage> {
        if self == found {
            Ok(())
        } else if self.count == found.count {
            Err(Damage("some records in it are older than they were".into()))
        } else {
            Err(Damage(format!(
                "{} records are in it, and there were {}",
                found.count, self.count
            )))
        }
    }
}

/// The sums of all tables that have one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    marks: Sum,
    groups: Sum,
    members_in_doubt: Sum,
}

impl Sums {
    pub(super) fn of(mut self, table: Table) -> Sum {
        *self.of_mut(table)
    }

    pub(super) fn of_mut(&mut self, table: Table) -> &mut Sum {
        match table {
            Table::Groups => &mut self.groups,
            Table::MembersInDoubt => &mut self.members_in_doubt,
            _ => &mut self.marks,
        }
    }
}

impl Table {
    /// Where the table's sum is kept, in the table of single records.
    pub(super) const fn sum_key(self) -> &'static [u8] {
        match self {
            Self::Groups => b"sum-groups",
            Self::MembersInDoubt => b"sum-members-in-doubt",
            _ => b"sum",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_any_order() {
        let values: Vec<_> = (0..5_u8).map(|number| record::seal(&[number], b"payload")).collect();
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(value));
        assert_eq!(Sum::unseal(Table::Groups, &sum.seal(Table::Groups)), Ok(sum));
        let mut other = Sum::default();
        values.iter().rev().for_each(|value| other.add(value));
        assert_eq!(sum.compare(other), Ok(()));
        other.take(&values[3]);
        let text = sum.compare(other).unwrap_err().0;
        assert_eq!(text, "4 records are in it, and there were 5");
        other.add(&record::seal(&[3], b"earlier payload"));
        assert!(sum.compare(other).unwrap_err().0.contains("older"));
        values.iter().for_each(|value| sum.take(value));
        assert_eq!(sum, Sum::default());
    }

    #[test]
    fn a_damaged_sum_is_an_error() {
        for value in [
            &b""[..],
            b"abcde",
            &record::seal(b"sum", b"short"),
            &record::seal(b"other", &[0; SUM_BYTES]),
            &Sum::default().seal(Table::Groups),
        ] {
            assert!(Sum::unseal(Table::Marks, value).is_err(), "{value:?}");
        }
    }
}
