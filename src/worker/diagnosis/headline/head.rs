//! The position of an error among the lines.

use super::{super::line::is_indented, form::Form};

/// An error among the lines.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Head {
    /// The index of its first line.
    pub(in super::super) at: usize,
    /// The index after its last line.
    pub(in super::super) end: usize,
    /// What the script said after it, if it went on and then ended itself: the last such line.
    pub(in super::super) tail: Option<usize>,
    pub(super) form: Form,
}

impl Head {
    /// The frames that Python prints above the error.
    pub(in super::super) fn traceback(&self, lines: &[String]) -> Vec<String> {
        let above = lines[..self.at].iter().rev().take_while(|line| is_indented(line));
        above.cloned().collect()
    }
}
