//! Values that are refused with what was meant.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// An id or a name: something.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    match text.trim().is_empty() {
        true => Err("it is empty; is it a variable of the shell that is not set?"),
        false => Ok(text.to_owned()),
    }
}

/// Elsewhere `-` is standard output, and never the name of a file.
fn not_standard_output(mend: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| match path.as_os_str() == "-" {
        true => Err(mend),
        false => Ok(path),
    })
}

/// Where a token goes.
pub(super) fn secret_file() -> impl TypedValueParser<Value = PathBuf> {
    not_standard_output("this is a file's place; what is new goes to standard output with `create --show`")
}

/// Where a table goes.
pub(super) fn config_file() -> impl TypedValueParser<Value = PathBuf> {
    not_standard_output("this is a file's place; without --write-config the table goes to standard output")
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;

    #[test]
    fn an_empty_name_is_a_slip() {
        for words in [
            ["huawei", "token", "delete", ""],
            ["huawei", "idp", "show", " "],
            ["huawei", "instance", "list", "--region="],
            ["huawei", "tenant", "show", "--identity-store-id="],
            ["alibaba", "credential", "disable", ""],
            ["alibaba", "scim", "status", "--directory-id="],
        ] {
            let error = Cli::read(["scimward", "cloud"].into_iter().chain(words)).unwrap_err();
            assert!(
                error.to_string().contains("variable of the shell"),
                "{words:?}: {error}"
            );
        }
    }
}
