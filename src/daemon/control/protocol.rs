//! The words on the control socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ports::{CycleRecord, Event};

/// Changes when an old client or daemon would misunderstand a new one.
pub(super) const VERSION: u32 = 1;

/// The name of the one command that the daemon answers itself.
pub const SYNC: &str = "sync";

/// Bytes of a request. Commands are names and a few words.
pub(super) const REQUEST_MAX: usize = 64 * 1024;

/// Bytes of one piece of text in a reply; longer ones are cut into several.
pub(super) const TEXT_MAX: usize = 64 * 1024;

/// Bytes of a reply. Escapes in JSON make a text six times as long at most.
pub(super) const REPLY_MAX: usize = 6 * TEXT_MAX + 1024;

/// What a client sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) version: u32,
    /// An object with a `name`, and whatever that command needs.
    pub(super) command: Value,
}

/// One line of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Progress.
    Event(Event),
    /// A piece of the command's output.
    Stdout(String),
    /// Something for people, on standard error.
    Log(String),
    /// The cycle that was asked for has ended.
    Cycle(Box<CycleRecord>),
    /// The end, with the exit code.
    Exit(u8),
}

impl Reply {
    /// The line, with its end.
    pub(super) fn to_line(&self) -> Vec<u8> {
        // These types hold nothing that JSON cannot say.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Cuts `text` into pieces of at most [`TEXT_MAX`] bytes, between characters.
pub(super) fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let mut length = text.len().min(TEXT_MAX);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let (piece, rest) = text.split_at(length);
        text = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_documented() {
        let check = |reply: Reply, expected: &str| {
            assert_eq!(String::from_utf8(reply.to_line()).unwrap(), format!("{expected}\n"));
            let back: Reply = serde_json::from_str(expected).unwrap();
            assert_eq!(back.to_line(), reply.to_line());
        };
        check(
            Reply::Event(Event::Read { entries: 5 }),
            r#"{"event":{"event":"read","entries":5}}"#,
        );
        check(Reply::Stdout("a\nb".into()), r#"{"stdout":"a\nb"}"#);
        check(Reply::Log("x".into()), r#"{"log":"x"}"#);
        check(Reply::Exit(3), r#"{"exit":3}"#);
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_fit() {
        let text = "ü\u{1}".repeat(TEXT_MAX);
        let all: Vec<&str> = pieces(&text).collect();
        assert_eq!(all.concat(), text);
        assert!(
            all.iter()
                .all(|piece| Reply::Stdout((*piece).to_owned()).to_line().len() <= REPLY_MAX)
        );
        assert_eq!(pieces("").count(), 0);
    }
}
