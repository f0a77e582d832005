//! Where lines go: standard error, and above the progress bars when there are any.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Where lines go.
#[derive(Clone, Debug)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// Standard error, above these progress bars, which are taken off while a line is written.
    Above(MultiProgress),
}

impl Output {
    pub(super) fn into_writer(self) -> BoxMakeWriter {
        match self {
            Self::Stderr => BoxMakeWriter::new(io::stderr),
            Self::Above(bars) => BoxMakeWriter::new(move || Above(bars.clone())),
        }
    }
}

/// Takes the bars off while it writes.
struct Above(MultiProgress);

impl Write for Above {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// A formatted line comes in one piece, so the bars come and go once.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.suspend(|| io::stderr().lock().write_all(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn a_line_is_taken_whole() {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        assert_eq!(Above(bars).write(b"\n").unwrap(), 1);
    }
}
