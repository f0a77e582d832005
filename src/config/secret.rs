//! `{ file = "…" }`, `{ env = "…" }`, `{ credential = "…" }`: where a secret is, never the secret.

use super::{item::Item, keys};
use crate::secret::{SecretSource, is_credential_name, is_variable_name};

const FORMS: &str = "name its source: { file = \"/path\" }, { env = \"NAME\" } or { credential = \"name\" } (LoadCredential of systemd)";

impl<'a> Item<'a> {
    /// Where a secret is kept.
    pub(super) fn secret(&self) -> Option<SecretSource> {
        if self.value.as_table().is_none() {
            self.hide();
            self.wrong(
                "must not stand in this file: configurations are copied, shown and kept under version control",
                FORMS,
            );
            return None;
        }
        let section = self.section(keys::SECRET, FORMS)?;
        let mut sources = Vec::new();
        if let Some(item) = section.item("file") {
            sources.push(item.file().map(SecretSource::File));
        }
        if let Some(item) = section.item("env") {
            sources.push(
                item.named(is_variable_name, "the name of an environment variable")
                    .map(SecretSource::Env),
            );
        }
        if let Some(item) = section.item("credential") {
            sources.push(
                item.named(is_credential_name, "the name of a credential (a name without /)")
                    .map(SecretSource::Credential),
            );
        }
        section.finish();
        if sources.len() != 1 {
            self.wrong(format!("needs exactly one source, but has {}", sources.len()), FORMS);
            return None;
        }
        sources.pop().flatten()
    }

    /// A name. One that cannot be a name may be the secret itself, so it is not repeated.
    fn named(&self, is_name: fn(&str) -> bool, what: &str) -> Option<String> {
        let text = self.text()?;
        if is_name(text) {
            return Some(text.to_owned());
        }
        self.hide();
        self.wrong(
            format!("is not {what}"),
            format!("a secret itself must not stand here; {FORMS}"),
        );
        None
    }
}
