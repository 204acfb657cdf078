//! Finds where the end of a text may be the beginning of a match.
//!
//! Text that arrives in pieces is shown before its line is complete; what may still become a
//! match must wait. The automaton under `regex` answers exactly: a state is dead or it is not.

use std::sync::{Mutex, PoisonError};

use regex_automata::{
    Anchored, Input,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson,
    util::syntax,
};

/// How far back the beginning of an unfinished match is looked for, in bytes. Longer than any
/// key; it bounds the search, whose cost grows with its square for patterns made to hurt.
const WINDOW: usize = 4096;

/// Bytes that the lazily built states may take before they are thrown away.
const CACHE: usize = 256 * 1024;

/// Bytes that the compiled patterns may take.
const COMPILED: usize = 1024 * 1024;

/// Patterns, asked only about unfinished matches.
pub(super) struct OpenEnd {
    dfa: DFA,
    cache: Mutex<Cache>,
}

impl OpenEnd {
    /// `None` if the patterns need what this automaton cannot do, such as `\b` of Unicode.
    pub(super) fn new(patterns: &[String]) -> Option<Self> {
        let dfa = DFA::builder()
            .syntax(syntax::Config::new().utf8(false).multi_line(true))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(COMPILED)))
            .configure(DFA::config().cache_capacity(CACHE).skip_cache_capacity_check(true))
            .build_many(patterns)
            .ok()?;
        let cache = Mutex::new(dfa.create_cache());
        Some(Self { dfa, cache })
    }

    /// Where the earliest match begins that more text could finish or lengthen; the length of
    /// the text if there is none.
    pub(super) fn start(&self, text: &[u8]) -> usize {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        (text.len().saturating_sub(WINDOW)..text.len())
            .find(|at| self.lives_to_the_end(&mut cache, text, *at))
            .unwrap_or(text.len())
    }

    fn lives_to_the_end(&self, cache: &mut Cache, text: &[u8], from: usize) -> bool {
        let input = Input::new(text).range(from..).anchored(Anchored::Yes);
        let Ok(mut state) = self.dfa.start_state_forward(cache, &input) else {
            return true;
        };
        for byte in &text[from..] {
            match self.dfa.next_state(cache, state, *byte) {
                Ok(next) if next.is_dead() => return false,
                // The automaton gives up here, so nothing is known: better late than seen.
                Ok(next) if next.is_quit() => return true,
                Ok(next) => state = next,
                Err(_) => return true,
            }
        }
        true
    }
}
