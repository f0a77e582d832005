//! The `[scim]` table of a cloud: printed, or put into a configuration file of which nothing else changes.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    ops::Range,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{Failure, place::takes_a_file};
use crate::{
    app::{places::folder_of, toml_text::quoted},
    secret::shell_path,
};

/// Mode of a configuration that is made: it holds no secret.
const MODE: u32 = 0o644;

/// What the table says. The token is only named when there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScimTable<'a> {
    /// The cloud.
    pub(super) profile: &'a str,
    /// As the cloud gives it.
    pub(super) endpoint: &'a str,
    /// Where the token would be kept.
    pub(super) token_file: &'a str,
}

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It was not there.
    Made,
    /// These lines were others, or absent.
    Changed(String),
    /// They were there already.
    Same,
}

impl ScimTable<'_> {
    /// Ready to be pasted.
    pub(super) fn text(&self) -> String {
        format!("[scim]\n{}", self.lines(|_| true))
    }

    fn lines(&self, which: impl Fn(&str) -> bool) -> String {
        let lines = self.keys().into_iter().filter(|(key, _)| which(key));
        lines.map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    fn keys(&self) -> [(&'static str, String); 3] {
        [
            ("profile", quoted(self.profile)),
            ("endpoint", quoted(self.endpoint)),
            ("token", format!("{{ file = {} }}", quoted(self.token_file))),
        ]
    }

    /// Puts profile and endpoint into the file, which appears whole or stays as it was.
    ///
    /// # Errors
    /// When the file cannot be read or written, is not TOML, or has a form in which the place cannot be told.
    pub(super) fn put_into(&self, path: &Path) -> Result<Put, Failure> {
        let cannot = |error: io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
        let old = match fs::read_to_string(path) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write(path, &self.text(), None).map_err(cannot)?;
                return Ok(Put::Made);
            }
            Err(error) => return Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
        };
        let (new, lines) = self.patched(&old).map_err(|problem| {
            Failure::usage(format!(
                "{}: {problem}, so it stays as it is; put this into it yourself:\n\n{}",
                path.display(),
                self.text()
            ))
        })?;
        if new == old {
            return Ok(Put::Same);
        }
        // A link stays one: what it leads to is replaced.
        let path = path.canonicalize().map_err(cannot)?;
        let before = fs::metadata(&path).map_err(cannot)?;
        write(&path, &new, Some(&before)).map_err(cannot)?;
        Ok(Put::Changed(lines))
    }

    /// The text with these keys in it, and not a character of the rest changed; and the lines that are new.
    fn patched(&self, text: &str) -> Result<(String, String), &'static str> {
        const NOT_TOML: &str = "it is not TOML";
        let tree = DeTable::parse(text).map_err(|_| NOT_TOML)?;
        let mut wanted: Table = toml::from_str(text).map_err(|_| NOT_TOML)?;
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let (new, lines) = match tree.get_ref().get("scim").map(Spanned::get_ref) {
            None => (appended(text, &self.text(), line_end), self.lines(|_| true)),
            Some(DeValue::Table(scim)) => {
                let is_new = |key: &str| !self.is_there(scim, key);
                (self.edited(text, scim, line_end)?, self.lines(is_new))
            }
            Some(_) => return Err("scim is not a table in it"),
        };
        // The proof that nothing else has changed its meaning.
        let scim = wanted.entry("scim").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(scim) = scim else {
            return Err("scim is not a table in it");
        };
        scim.insert("profile".to_owned(), self.profile.into());
        scim.insert("endpoint".to_owned(), self.endpoint.into());
        let token = Table::from_iter([("file".to_owned(), Value::from(self.token_file))]);
        scim.entry("token").or_insert(Value::Table(token));
        match toml::from_str::<Table>(&new) {
            Ok(new_table) if new_table == wanted => Ok((new, lines)),
            _ => Err("its [scim] is written in a way that is not changed by a program"),
        }
    }

    /// Whether the file says this of `key` already; wherever the token is kept is right.
    fn is_there(&self, scim: &DeTable<'_>, key: &str) -> bool {
        let there = scim.get(key).map(Spanned::get_ref);
        there.is_some_and(|there| key == "token" || there.as_str() == Some(self.value(key)))
    }

    fn edited(&self, text: &str, scim: &DeTable<'_>, line_end: &str) -> Result<String, &'static str> {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut missing = String::new();
        for (key, value) in self.keys() {
            match scim.get(key) {
                Some(_) if self.is_there(scim, key) => {}
                Some(there) => edits.push((there.span(), value)),
                None => missing.push_str(&format!("{key} = {value}{line_end}")),
            }
        }
        if !missing.is_empty() {
            let at = scim.keys().filter_map(|key| line_of(text, key.span())).min();
            let at = at.ok_or("its [scim] has no line of its own to put keys before")?;
            edits.push((at..at, missing));
        }
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut new = text.to_owned();
        for (range, with) in edits {
            new.replace_range(range, &with);
        }
        Ok(new)
    }

    fn value(&self, key: &str) -> &str {
        if key == "profile" { self.profile } else { self.endpoint }
    }
}

/// Looks whether a table can be put there at all, before anything is switched for it.
///
/// # Errors
/// When the file cannot be read, or its folder takes none.
pub(super) fn try_out(path: &Path) -> Result<(), Failure> {
    if let Err(error) = fs::read_to_string(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(Failure::usage(format!("cannot read {}: {error}", path.display())));
    }
    // What a link leads to is what is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&path);
    takes_a_file(folder, || format!("mkdir -p {}", shell_path(folder)))
        .map_err(|why| Failure::usage(format!("cannot write {}: {why}", path.display())))
}

/// Where the line of a key begins, if the key is the first in it.
fn line_of(text: &str, key: Range<usize>) -> Option<usize> {
    let before = text.get(..key.start)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    before[start..].trim().is_empty().then_some(start)
}

fn appended(text: &str, table: &str, line_end: &str) -> String {
    let gap = match text.strip_suffix(line_end) {
        _ if text.is_empty() => "",
        Some(rest) if rest.ends_with(line_end) => "",
        Some(_) => "\n",
        None => "\n\n",
    };
    let new = format!("{gap}{table}").replace('\n', line_end);
    format!("{text}{new}")
}

/// Beside it, then in its place, with owner and mode as before.
fn write(path: &Path, text: &str, before: Option<&fs::Metadata>) -> io::Result<()> {
    let new = tempfile::NamedTempFile::new_in(folder_of(path));
    let mut new = new.map_err(|error| io::Error::from(error.kind()))?;
    new.write_all(text.as_bytes())?;
    let mode = before.map_or(MODE, |before| before.mode() & 0o7777);
    if let Some(before) = before {
        std::os::unix::fs::fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
    }
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: ScimTable<'_> = ScimTable {
        profile: "huawei",
        endpoint: "https://new/scim/v2/",
        token_file: "scim-token",
    };

    #[test]
    fn nothing_but_the_keys_changes() {
        let check = |old: &str, new: &str| {
            assert_eq!(TABLE.patched(old).unwrap().0, new);
            assert_eq!(TABLE.patched(new), Ok((new.to_owned(), String::new())), "once more");
            // The same as Windows writes it.
            let (old, new) = (old.replace('\n', "\r\n"), new.replace('\n', "\r\n"));
            if old.contains('\n') {
                assert_eq!(TABLE.patched(&old).unwrap().0, new);
            }
        };
        let whole =
            "[scim]\nprofile = \"huawei\"\nendpoint = \"https://new/scim/v2/\"\ntoken = { file = \"scim-token\" }\n";
        check("", whole);
        check(
            "# mine\n[ldap]\nurls = 1\n",
            &format!("# mine\n[ldap]\nurls = 1\n\n{whole}"),
        );
        check("[ldap]\nurls = 1", &format!("[ldap]\nurls = 1\n\n{whole}"));
        check(
            "# the cloud\n[scim] # here\nendpoint = 'https://old'   # from the console\nprofile=\"huawei\"\ntoken = { env = \"T\" }\n\n[state] # x\n",
            "# the cloud\n[scim] # here\nendpoint = \"https://new/scim/v2/\"   # from the console\nprofile=\"huawei\"\ntoken = { env = \"T\" }\n\n[state] # x\n",
        );
        check(
            "[scim]\n# a token\ntoken = { env = \"T\" }\n",
            "[scim]\n# a token\nprofile = \"huawei\"\nendpoint = \"https://new/scim/v2/\"\ntoken = { env = \"T\" }\n",
        );
        check(
            "[scim]\nrate_per_s = 5\n[scim.token]\nenv = \"T\"\n",
            "[scim]\nprofile = \"huawei\"\nendpoint = \"https://new/scim/v2/\"\nrate_per_s = 5\n[scim.token]\nenv = \"T\"\n",
        );
        check(
            "scim = { profile = \"aws\", endpoint = \"x\", token = { env = \"T\" } } # all\n",
            "scim = { profile = \"huawei\", endpoint = \"https://new/scim/v2/\", token = { env = \"T\" } } # all\n",
        );
        check(
            "scim.profile = \"aws\"\nscim.endpoint = \"x\"\nscim.token.env = \"T\"\n",
            "scim.profile = \"huawei\"\nscim.endpoint = \"https://new/scim/v2/\"\nscim.token.env = \"T\"\n",
        );
    }

    #[test]
    fn what_cannot_be_changed_safely_is_left_alone() {
        let check = |old: &str, expected: &str| assert_eq!(TABLE.patched(old), Err(expected), "{old}");
        check("[scim", "it is not TOML");
        check("scim = 1\n", "scim is not a table in it");
        check("[[scim]]\n", "scim is not a table in it");
        check(
            "scim = { token = { env = \"T\" } }\n",
            "its [scim] has no line of its own to put keys before",
        );
        check(
            "scim.token.env = \"T\"\n",
            "its [scim] has no line of its own to put keys before",
        );
        check("[scim]\n", "its [scim] has no line of its own to put keys before");
    }

    #[test]
    fn what_is_new_is_told() {
        let check = |old: &str, expected: &[&str]| {
            let (_, lines) = TABLE.patched(old).unwrap();
            let keys: Vec<&str> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
            assert_eq!(keys, expected, "{old}");
        };
        check("", &["profile", "endpoint", "token"]);
        check("[scim]\nendpoint = \"old\"\n", &["profile", "endpoint", "token"]);
        check("[scim]\nprofile = \"huawei\"\ntoken = { env = \"T\" }\n", &["endpoint"]);
    }

    #[test]
    fn a_file_is_made_or_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mode = || fs::metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!(TABLE.put_into(&path).unwrap(), Put::Made);
        assert_eq!((fs::read_to_string(&path).unwrap(), mode()), (TABLE.text(), 0o644));
        assert_eq!(TABLE.put_into(&path).unwrap(), Put::Same);
        fs::write(&path, "# mine\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(TABLE.put_into(&link).unwrap(), Put::Changed(_)));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), mode()),
            (format!("# mine\n\n{}", TABLE.text()), 0o640)
        );
        fs::write(&path, "[scim\n").unwrap();
        let refused = TABLE.put_into(&path).unwrap_err().words;
        assert!(refused.contains("put this into it yourself:\n\n[scim]\n"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[scim\n");
    }
}
