//! Pieces of code, as far as the code view depends on them.

/// How a module is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discovery) enum ImportKind {
    /// `import`, `require()` or `import()`.
    Use,
    /// `export … from`.
    Reexport,
}

/// The last piece of code, as far as the next one depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Nothing yet, `;` or `}`: a statement may begin, and a `/` begins a regex.
    Start,
    /// An operator or an opening bracket: a `/` begins a regex.
    Operator,
    /// An opening parenthesis.
    Open,
    /// A dot: what follows is the name of a property.
    Dot,
    /// `<`: a `/` after it closes a tag of JSX.
    Less,
    /// The end of an expression: a `/` divides.
    Value,
    /// A function that loads modules: `createRequire(…)`.
    Loader,
    /// `from` or `import`.
    Module,
    /// `require` or `import`, before a parenthesis.
    Word(Word),
}

/// A word, as far as what follows it depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Import,
    Require,
    CreateRequire,
    /// `if`, `while`, `for`, `with`: the parenthesis after it is not a value.
    Control,
    /// `return`, `typeof` and the like: an expression follows.
    Prefix,
    Name,
}

/// What an open parenthesis belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paren {
    /// A call that loads a module; where it begins.
    Load(usize),
    CreateRequire,
    Control,
    Plain,
}

/// An `import` or `export` statement that has not come to its module yet.
#[derive(Clone, Copy)]
pub(super) struct Statement {
    pub(super) kind: ImportKind,
    pub(super) at: usize,
    pub(super) typing: Typing,
}

/// Whether a statement speaks of types only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    /// Nothing has followed the keyword yet.
    Open,
    /// The word `type` has: what comes next decides.
    Maybe,
    Types,
    Values,
}

impl Word {
    pub(super) fn of(word: &[u8]) -> Self {
        match word {
            b"import" => Self::Import,
            b"require" => Self::Require,
            b"createRequire" => Self::CreateRequire,
            b"if" | b"while" | b"for" | b"with" => Self::Control,
            b"return" | b"typeof" | b"case" | b"in" | b"of" | b"new" | b"delete" | b"void"
            | b"throw" | b"instanceof" | b"do" | b"else" | b"yield" | b"await" => Self::Prefix,
            _ => Self::Name,
        }
    }
}

impl Statement {
    /// The statement after a punctuation mark; none if it cannot come to a module any more.
    pub(super) fn after_punctuation(mut self, byte: u8) -> Option<Self> {
        self.typing = match (byte, self.typing) {
            (b';' | b'(' | b')' | b'=' | b':' | b'.' | b'[', _) => return None,
            (b',', Typing::Maybe) => Typing::Values,
            (_, Typing::Maybe) => Typing::Types,
            (_, Typing::Open) => Typing::Values,
            (_, typing) => typing,
        };
        Some(self)
    }
}

impl Typing {
    pub(super) fn after_word(self, word: &[u8]) -> Self {
        match self {
            Self::Open if word == b"type" => Self::Maybe,
            // `import type from "x"` imports a value by the name of `type`.
            Self::Maybe if word != b"from" => Self::Types,
            Self::Open | Self::Maybe => Self::Values,
            decided => decided,
        }
    }
}
