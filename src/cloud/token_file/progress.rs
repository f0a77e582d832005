//! How far a rotation has come, as the note says it to the next one.

use chrono::{DateTime, Utc};

use super::{Begun, Result, TokenFile};

impl TokenFile {
    /// Notes that the token that is there is about to be deleted before there is another: where it was given out is
    /// known all the same.
    pub(in crate::cloud) fn let_go(&self, id: &str) -> Result<()> {
        let mut note = self.note()?;
        let entry = note.tokens.iter_mut().find(|entry| entry.id == id && !entry.presumed);
        match entry {
            Some(entry) => entry.let_go = true,
            None => return Ok(()),
        }
        self.write_note(&note)
    }

    /// Whether [`TokenFile::let_go`] was said of the token that is there.
    pub(in crate::cloud) fn is_let_go(&self) -> Result<bool> {
        let Some(in_use) = self.in_use()? else { return Ok(false) };
        let note = self.note()?;
        Ok(note.tokens.iter().any(|entry| entry.id == in_use.id && entry.let_go))
    }

    /// Notes that a rotation asks for a token at this moment, and which ones were there before.
    pub(in crate::cloud) fn begin(&self, known: &[String], asked: DateTime<Utc>) -> Result<()> {
        let mut note = self.note()?;
        note.begun = Some(Begun::new(known.to_vec(), asked));
        self.write_note(&note)
    }

    /// Notes what it made.
    pub(in crate::cloud) fn made(&self, id: &str) -> Result<()> {
        let mut note = self.note()?;
        note.begun = note.begun.map(|begun| begun.with_made(id));
        self.write_note(&note)
    }

    /// What [`TokenFile::begin`] noted of a rotation that did not come to its end.
    pub(in crate::cloud) fn begun(&self) -> Result<Option<Begun>> {
        Ok(self.note()?.begun)
    }

    /// Notes that nothing is left of a rotation that was begun.
    pub fn end(&self) -> Result<()> {
        let mut note = self.note()?;
        match note.begun.take() {
            Some(_) => self.write_note(&note),
            None => Ok(()),
        }
    }

    /// Notes that a token of this id is switched off for a trial from here on.
    pub(in crate::cloud) fn begin_trial(&self, id: &str) -> Result<()> {
        let mut note = self.note()?;
        note.suspended = Some(id.to_owned());
        self.write_note(&note)
    }

    /// What [`TokenFile::begin_trial`] noted, and nothing has ended.
    pub(in crate::cloud) fn suspended(&self) -> Result<Option<String>> {
        Ok(self.note()?.suspended)
    }

    /// Notes that it is on again, or gone.
    pub(in crate::cloud) fn end_trial(&self) -> Result<()> {
        let mut note = self.note()?;
        match note.suspended.take() {
            Some(_) => self.write_note(&note),
            None => Ok(()),
        }
    }
}
