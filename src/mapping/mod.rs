//! (stub)

pub mod spec;

/// (stub)
#[derive(Debug)]
pub struct Mapper;

impl Mapper {
    /// (stub)
    pub fn depends_on_time(&self) -> bool {
        false
    }
    /// (stub)
    pub fn digest(&self) -> crate::model::Digest {
        crate::model::Digest::default()
    }
    /// (stub)
    pub fn anchor(&self, _entry: &crate::model::DirectoryEntry) -> Result<crate::model::Anchor, crate::model::Problem> {
        Ok(crate::model::Anchor::new("x"))
    }
    /// (stub)
    pub fn map(&self, _entry: &crate::model::DirectoryEntry, _now: i64) -> crate::model::Mapped {
        crate::model::Mapped::OutOfScope {
            anchor: crate::model::Anchor::new("x"),
            dn: String::new(),
            reason: String::new(),
        }
    }
}
