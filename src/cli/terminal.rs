//! [`Output`]: stdout with its width and colours, whose reader may leave.
//!
//! All output of the command line goes through [`Output`]. A reader that has gone (`| head`) ends
//! the command quietly; nothing here panics for it.

use std::{
    borrow::Cow,
    env, fmt,
    io::{self, IsTerminal, Write},
};

use rustix::termios::tcgetwinsize;

use crate::cli::exit::{self, Failure};

/// The width where none is known: that of a terminal of old.
const DEFAULT_WIDTH: u16 = 80;

/// Narrower than this no table can be read; a terminal that says so is not believed.
const MIN_WIDTH: u16 = 40;

/// A colour, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// On its way, or worth a look.
    Busy,
    /// Wrong.
    Bad,
    /// Beside the point.
    Faint,
    /// A heading.
    Strong,
    /// One of six that distinguish rows and have no meaning of their own.
    Mark(u8),
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Busy => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
            Self::Mark(number) => match number % 6 {
                0 => "36",
                1 => "35",
                2 => "34",
                3 => "92",
                4 => "93",
                _ => "96",
            },
        }
    }
}

/// Whether colours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// A terminal that wants them.
    Shown,
    /// A pipe, a file, or `NO_COLOR`.
    Hidden,
}

impl Colours {
    /// What this stream should have.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !is_unwanted { Self::Shown } else { Self::Hidden }
    }

    /// The text in this tone, where colours are shown.
    pub(crate) fn paint<'a>(self, tone: Tone, text: &'a str) -> Cow<'a, str> {
        match self {
            Self::Shown => Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", tone.code())),
            Self::Hidden => Cow::Borrowed(text),
        }
    }
}

/// Standard output.
pub(crate) struct Output {
    to: Box<dyn Write>,
    width: u16,
    colours: Colours,
    is_terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("width", &self.width).finish_non_exhaustive()
    }
}

impl Output {
    /// The process's stdout.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let colours = Colours::of(&stdout);
        Self { width: width(), colours, is_terminal, to: Box::new(io::BufWriter::new(stdout)) }
    }

    /// Columns that a table may have; one for a pipe is as wide as it is, and nothing is cut.
    pub(crate) fn table_width(&self) -> Option<u16> {
        self.is_terminal.then_some(self.width)
    }

    /// Looks again how wide the terminal is.
    pub(crate) fn measure(&mut self) {
        self.width = width();
    }

    /// Rows of the terminal; `None` where it is none.
    pub(crate) fn height(&self) -> Option<u16> {
        let size = tcgetwinsize(io::stdout()).ok().filter(|_| self.is_terminal)?;
        Some(size.ws_row).filter(|rows| *rows > 0)
    }

    /// Whether colours are shown.
    pub(crate) const fn colours(&self) -> Colours {
        self.colours
    }

    /// Whether somebody looks at it.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Gone> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes text as it stands.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Gone> {
        self.to.write_all(text.as_bytes()).map_err(Gone)
    }

    /// Hands everything on to the reader.
    pub(crate) fn flush(&mut self) -> Result<(), Gone> {
        self.to.flush().map_err(Gone)
    }
}

/// The columns of the terminal, or what `COLUMNS` says, or 80.
fn width() -> u16 {
    let from_env = || env::var_os("COLUMNS")?.to_str()?.parse().ok();
    let measured = tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col);
    measured
        .filter(|columns| *columns > 0)
        .or_else(from_env)
        .unwrap_or(DEFAULT_WIDTH)
        .max(MIN_WIDTH)
}

/// The output cannot be written to.
#[derive(Debug)]
pub(crate) struct Gone(io::Error);

/// A reader that left had what it wanted: exit 0, without a word. Anything else is a failure.
impl From<Gone> for Failure {
    fn from(gone: Gone) -> Self {
        if gone.0.kind() == io::ErrorKind::BrokenPipe {
            return Self::quiet();
        }
        Self::new(exit::FAILED, format!("cannot write to stdout: {}", gone.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_escape_codes_or_nothing() {
        assert_eq!(Colours::Shown.paint(Tone::Bad, "failed"), "\x1b[31mfailed\x1b[0m");
        assert_eq!(Colours::Hidden.paint(Tone::Bad, "failed"), "failed");
    }

    #[test]
    fn a_reader_that_left_is_not_a_failure() {
        let left = Failure::from(Gone(io::ErrorKind::BrokenPipe.into()));
        assert_eq!((left.code(), left.message()), (exit::DONE, ""));
        assert_eq!(Failure::from(Gone(io::ErrorKind::StorageFull.into())).code(), exit::FAILED);
    }
}
