//! Asks before what cannot be taken back.

use std::io::{self, BufRead, IsTerminal, Write};

use super::Failure;
use crate::cli::cloud::Consent;

/// Says what follows and has `word` typed, unless `--yes` was said.
///
/// # Errors
/// When there is nobody to ask, or another word was typed.
pub(super) fn ask(consent: Consent, follows: &str, word: &str) -> Result<(), Failure> {
    if consent.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{follows} Nothing was changed: there is no terminal to ask on; say --yes if you mean it"
        )));
    }
    let typed = type_word(follows, word, &mut io::stdin().lock(), &mut io::stderr()).map_err(Failure::output)?;
    if typed {
        Ok(())
    } else {
        Err(Failure::usage(format!("nothing was changed: {word} was not typed")))
    }
}

fn type_word(follows: &str, word: &str, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<bool> {
    write!(out, "{follows}\nType {word} to go on: ")?;
    out.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_is_consent() {
        let check = |typed: &str, expected: bool| {
            let mut said = Vec::new();
            let consents = type_word("All is lost.", "disable", &mut typed.as_bytes(), &mut said).unwrap();
            assert_eq!(consents, expected, "{typed:?}");
            let said = String::from_utf8(said).unwrap();
            assert_eq!(said, "All is lost.\nType disable to go on: ");
        };
        check("disable\n", true);
        check(" disable \r\n", true);
        check("disable", true);
        check("yes\n", false);
        check("Disable\n", false);
        check("", false);
    }
}
