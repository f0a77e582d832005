//! Warnings, as many as a person can read.

/// Warnings, as many as a person can read; the rest is counted.
#[derive(Default)]
pub(super) struct Warnings {
    list: Vec<String>,
    more: u64,
}

/// More than this is a flood: the rest is only counted.
pub(super) const WARNINGS_MAX: usize = 200;

impl Warnings {
    pub(super) fn push(&mut self, warning: String) {
        if self.list.len() < WARNINGS_MAX {
            self.list.push(warning)
        } else {
            self.more += 1
        }
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more warnings like these", self.more));
        }
        self.list
    }
}
