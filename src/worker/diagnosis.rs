//! Finds the cause of a failed run in how it ended and in its last lines on stderr.
//!
//! A reason is the error's own first line, and before it, where the cause is known, that cause in
//! plain words. Frames, hints and the trailers of wrappers are never a reason. What the text alone
//! does not say is asked for: [`Report::questions`] names it, and [`Facts`] are the answers.

mod explanation;
mod facts;
mod headline;
mod last_words;
mod line;
mod meaning;
mod missing;
mod names;
mod signs;
mod syntax;
#[cfg(test)]
mod tests;

use crate::domain::Exit;
use explanation::{Explanation, cut};
use headline::Head;

pub use facts::{Facts, Questions, VariableState};
pub use line::uncoloured;

/// What the end of a run says of its cause.
#[derive(Debug)]
pub struct Report {
    exit: Exit,
    /// The last lines on stderr, oldest first, without colours and the frame of exception groups.
    lines: Vec<String>,
    /// The error that ended the run, if there is one with a form of its own.
    head: Option<Head>,
}

impl Report {
    /// Reads the last lines on stderr, oldest first.
    #[must_use]
    pub fn new<S: AsRef<str>>(exit: Exit, last_lines: &[S]) -> Self {
        let lines: Vec<String> = last_lines.iter().map(|line| line::plain(line.as_ref())).collect();
        let head = headline::find(&lines);
        Self { exit, lines, head }
    }

    /// What should be looked up before [`Self::reason`].
    #[must_use]
    pub fn questions(&self) -> Questions {
        let Some(explanation) = self.explanation() else {
            return Questions::default();
        };
        Questions {
            module: missing::python_module(&explanation.region).filter(|name| !name.contains('/')),
            variable: meaning::variable(&explanation),
            port: meaning::port(&explanation.region),
        }
    }

    /// Why the run ended, in one line; `None` where nothing shows it.
    #[must_use]
    pub fn reason(&self, facts: &Facts) -> Option<String> {
        if self.exit == Exit::Code(0) {
            return self.served_nobody(facts);
        }
        let by_exit = by_exit(self.exit);
        if self.was_killed() || self.waits_for_nothing() {
            return by_exit.map(str::to_owned);
        }
        let Some(explanation) = self.explanation() else {
            return by_exit.map(str::to_owned);
        };
        let meaning = meaning::of(&explanation, self.exit, facts)
            .or_else(|| by_text(self.exit, &explanation));
        let own = explanation.own.as_str();
        Some(match meaning {
            Some(meaning) => format!("{meaning}: {own}"),
            None => own.to_owned(),
        })
    }

    /// Someone else ended it, so its last lines explain nothing.
    const fn was_killed(&self) -> bool {
        matches!(self.exit, Exit::Signal(1 | 2 | 9 | 15))
    }

    /// Node says that it ends since a promise of the module's own can never settle.
    fn waits_for_nothing(&self) -> bool {
        let is_said = |line: &String| line.contains("Detected unsettled top-level await");
        self.exit == Exit::Code(13) && self.head.is_none() && self.lines.iter().any(is_said)
    }

    /// The text that explains the end.
    fn explanation(&self) -> Option<Explanation> {
        let Some(head) = &self.head else {
            let own = last_words::last_words(&self.lines)?;
            return Some(Explanation::plain(own));
        };
        let own = cut(&headline::own_text(&self.lines, head));
        let region = self.lines[head.at..head.end].to_vec();
        let Some(tail) = head.tail.map(|at| self.lines[at].trim()) else {
            let syntax = syntax::load_error(&self.lines, head);
            return Some(Explanation {
                own,
                region,
                syntax,
                traceback: head.traceback(&self.lines),
            });
        };
        // The script went on after this error, and said itself why it ended.
        let mut explanation = Explanation::plain(format!("{}; before that: {own}", cut(tail)));
        explanation.region = vec![tail.to_owned()];
        Some(explanation)
    }

    /// A server for stdio that did its work with nobody: it says so, and ends at once and well.
    fn served_nobody(&self, facts: &Facts) -> Option<String> {
        let line = self.lines.iter().rev().find(|line| !line::is_noise(line))?;
        let is_server = ["on stdio", "over stdio", "via stdio", "stdio transport", "stdio server"]
            .iter()
            .any(|words| line.to_ascii_lowercase().contains(words));
        (is_server && facts.is_stdin_empty)
            .then(|| format!("{}: {}", meaning::EMPTY_STDIN, cut(line.trim())))
    }
}

/// At most `most` of the last lines, those that explain most: they begin at the error that ended
/// the run where its stack would fill the room, else they are the last ones.
#[must_use]
pub fn most_relevant<S: AsRef<str>>(last_lines: &[S], most: usize) -> &[S] {
    let last = last_lines.len().saturating_sub(most);
    let lines: Vec<String> = last_lines.iter().map(|line| line::plain(line.as_ref())).collect();
    let head = headline::find(&lines).filter(|head| head.tail.is_none());
    let start = head.map_or(last, |head| head.at.min(last));
    &last_lines[start..last_lines.len().min(start + most)]
}

/// What the way of its end says alone.
const fn by_exit(exit: Exit) -> Option<&'static str> {
    Some(match exit {
        Exit::Signal(9) => {
            "something outside arcanos killed it; if the machine ran out of memory, the kernel did"
        }
        Exit::Signal(1 | 2 | 15) => "something outside arcanos asked it to end",
        Exit::Signal(4) => "it ran an instruction that this processor does not have",
        Exit::Signal(6) => "it aborted",
        Exit::Signal(7) => "it crashed with a bus error",
        Exit::Signal(8) => "it crashed with an arithmetic error",
        Exit::Signal(11) => "it crashed with a segmentation fault",
        Exit::Signal(13) => "it wrote into a pipe that nobody reads",
        Exit::Signal(24) => "it used up its processor time",
        Exit::Signal(25) => "it wrote a file larger than it may",
        Exit::Code(13) => "it waits for a promise that can never settle",
        Exit::Code(126) => "a command that it runs may not be executed",
        Exit::Code(127) => "a command that it runs was not found",
        Exit::Code(134) => "a process that it ran aborted",
        Exit::Code(137) => {
            "a process that it ran was killed; if the machine ran out of memory, the kernel did"
        }
        Exit::Code(139) => "a process that it ran crashed with a segmentation fault",
        Exit::Code(_) | Exit::Signal(_) => return None,
    })
}

/// What the way of its end adds to its own words.
fn by_text(exit: Exit, explanation: &Explanation) -> Option<String> {
    let says = |words: &str| explanation.own.to_ascii_lowercase().contains(words);
    let fits = match exit {
        // A script may use these codes for itself.
        Exit::Code(126) => says("permission denied") || says("cannot execute"),
        Exit::Code(127) => says("not found") || says("no such file"),
        Exit::Code(134 | 137 | 139) => says("aborted") || says("killed") || says("segmentation"),
        Exit::Code(_) => false,
        Exit::Signal(_) => true,
    };
    by_exit(exit).filter(|_| fits).map(str::to_owned)
}
