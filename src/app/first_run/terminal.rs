//! The terminal: plain lines, which every terminal, serial console and screen reader has, and which the
//! terminal itself lets people edit.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

use super::ask::Terminal;

/// How the terminal was before what is typed was hidden; nothing while it is not.
#[derive(Clone, Debug, Default)]
pub(super) struct Echo(Arc<Mutex<Option<Termios>>>);

impl Echo {
    fn hide(&self) -> io::Result<()> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The end of the line is shown, or the next prompt would stand beside this one.
        hidden.local_modes.insert(LocalModes::ECHONL);
        // Before the change: whoever interrupts in between puts back what there was.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        // Flush drops what was typed before the prompt, which was seen.
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?)
    }

    /// Shows again what is typed. Nothing can be done about a terminal that is gone.
    pub(super) fn show(&self) {
        if let Some(before) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Standard input and output, when both are a terminal.
pub(super) struct Lines {
    echo: Echo,
}

impl Lines {
    /// Nothing when there is nobody to talk to.
    pub(super) fn of_process(echo: &Echo) -> Option<Self> {
        let both = io::stdin().is_terminal() && io::stdout().is_terminal();
        both.then(|| Self { echo: echo.clone() })
    }
}

impl Terminal for Lines {
    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{text}")
    }

    fn read(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let mut out = io::stdout().lock();
        out.write_all(prompt.as_bytes())?;
        out.flush()?;
        drop(out);
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line)?;
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        Ok((read > 0).then_some(line))
    }

    fn read_hidden(&mut self, prompt: &str) -> io::Result<Option<SecretString>> {
        self.echo.hide()?;
        let line = self.read(prompt);
        self.echo.show();
        Ok(line?.map(SecretString::from))
    }
}
