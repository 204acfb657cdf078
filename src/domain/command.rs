//! Commands to one worker.

/// A request about one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run, if it does not run already.
    Start,
    /// Stop, and stay stopped until a start.
    Stop,
    /// Stop, then run anew.
    Restart,
    /// Run once now with this input: a JSON text, or nothing. A script that runs already gets the
    /// input as a message.
    Run(Option<String>),
    /// Send this signal, a number, to the first process of its run.
    Signal(i32),
}
