//! The code view of JavaScript: the text with everything blank that is not code.
//!
//! One pass over the bytes, linear whatever they are, without recursion: an unfinished template,
//! comment or bracket costs nothing but its own length. It is not a parser; on code that Node would
//! refuse, it only promises to end and to keep every line where it was.
//!
//! Blank become comments, a shebang, the text of templates (not `${}`), regex literals and
//! strings. A string that names a module (`from "x"`, `import "x"`, `import("x")`,
//! `require("x")`) stays, and is noted as an [`Import`].

mod token;

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3, memmem};

use self::token::{Paren, Statement, Token, Typing, Word};

pub(super) use self::token::ImportKind;

/// The longest module name that is noted, in bytes: that of the longest path (PATH_MAX).
const MAX_SPECIFIER: usize = 4096;

/// What is left of a text, and which modules it names.
#[derive(Debug)]
pub(super) struct CodeView {
    /// As long as the text, with the same line ends.
    pub(super) text: String,
    /// In order of appearance.
    pub(super) imports: Vec<Import>,
    /// Where constant strings stand, in order, without their quotes: literals, templates without
    /// `${}`, and what follows the last `${}` of a template.
    pub(super) strings: Vec<Range<usize>>,
}

/// A module that the code names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// How.
    pub(super) kind: ImportKind,
    /// Where the statement or call begins.
    pub(super) at: usize,
    /// Where the module's name stands.
    pub(super) specifier: Range<usize>,
}

/// Takes the code out of a text without a byte order mark.
pub(super) fn code_view(text: &str) -> CodeView {
    let mut lexer = Lexer {
        text: text.as_bytes(),
        view: text.as_bytes().to_vec(),
        at: 0,
        before: Token::Start,
        is_line_start: true,
        parens: Vec::new(),
        braces: 0,
        templates: Vec::new(),
        statement: None,
        no_regex_before: 0,
        word_at: 0,
        imports: Vec::new(),
        strings: Vec::new(),
    };
    lexer.run();
    CodeView {
        text: String::from_utf8(lexer.view).expect("only whole characters are made blank"),
        imports: lexer.imports,
        strings: lexer.strings,
    }
}

struct Lexer<'a> {
    text: &'a [u8],
    view: Vec<u8>,
    at: usize,
    before: Token,
    /// Whether nothing but space has been seen on this line.
    is_line_start: bool,
    parens: Vec<Paren>,
    braces: u32,
    /// For each open `${`, how many braces were open then.
    templates: Vec<u32>,
    statement: Option<Statement>,
    /// No regex literal ends between here and the end of this line.
    no_regex_before: usize,
    /// Where the last word begins.
    word_at: usize,
    imports: Vec<Import>,
    strings: Vec<Range<usize>>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        if self.text.starts_with(b"#!") {
            self.blank_until(self.line_end(0));
        }
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' | b'\r' => {
                    self.is_line_start = true;
                    self.at += 1;
                }
                b' ' | b'\t' | 0x0b | 0x0c => self.at += 1,
                b'/' => self.slash(),
                b'"' | b'\'' => self.string(byte),
                b'`' => {
                    self.at += 1;
                    self.template_text();
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80.. => self.word(),
                _ => self.punctuation(byte),
            }
        }
    }

    fn slash(&mut self) {
        match self.text.get(self.at + 1) {
            Some(b'/') => self.blank_until(self.line_end(self.at)),
            Some(b'*') => {
                let rest = &self.text[self.at + 2..];
                let end = memmem::find(rest, b"*/").map_or(self.text.len(), |n| self.at + n + 4);
                self.is_line_start |= memchr(b'\n', &self.text[self.at..end]).is_some();
                self.blank_until(end);
            }
            _ => match self.regex_end() {
                Some(end) => {
                    self.blank_until(end);
                    self.token(Token::Value);
                }
                None => self.punctuation(b'/'),
            },
        }
    }

    /// Where the regex literal ends that begins here, if one can.
    fn regex_end(&mut self) -> Option<usize> {
        let divides = match self.before {
            Token::Value | Token::Loader | Token::Dot | Token::Less => true,
            Token::Word(word) => !matches!(word, Word::Prefix | Word::Control),
            Token::Start | Token::Operator | Token::Open | Token::Module => false,
        };
        if divides || self.at < self.no_regex_before {
            return None;
        }
        let mut in_class = false;
        let mut at = self.at + 1;
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\n' | b'\r' => break,
                b'\\' if !matches!(self.text.get(at + 1), Some(b'\n' | b'\r') | None) => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    let flags = self.text[at + 1..].iter().take_while(|b| b.is_ascii_alphabetic());
                    return Some(at + 1 + flags.count());
                }
                _ => {}
            }
            at += 1;
        }
        self.no_regex_before = at;
        None
    }

    fn string(&mut self, quote: u8) {
        let start = self.at + 1;
        let mut at = start;
        let end = loop {
            match memchr3(quote, b'\\', b'\n', &self.text[at..]).map(|n| at + n) {
                Some(found) if self.text[found] == b'\\' => at = self.after_escape(found),
                Some(found) if self.text[found] == quote => break found,
                // Unfinished: the rest of the line cannot be relied on as code.
                found => {
                    self.blank_until(found.unwrap_or(self.text.len()));
                    self.token(Token::Value);
                    return;
                }
            }
        };
        let named = self.named_module().filter(|_| self.is_specifier(start..end));
        match named {
            Some((kind, at)) => {
                self.statement = None;
                self.imports.push(Import { kind, at, specifier: start..end });
            }
            None => self.blank(start..end),
        }
        self.strings.push(start..end);
        self.at = end + 1;
        self.token(Token::Value);
    }

    /// The place after an escaped character, a line end of two bytes included.
    fn after_escape(&self, backslash: usize) -> usize {
        let width = match self.text.get(backslash + 1..) {
            Some([b'\r', b'\n', ..]) => 3,
            _ => 2,
        };
        (backslash + width).min(self.text.len())
    }

    /// How and where the code names a module, if a string that begins here is one's name.
    fn named_module(&self) -> Option<(ImportKind, usize)> {
        match (self.before, self.parens.last()) {
            (Token::Module, _) => {
                let statement = self.statement?;
                (statement.typing != Typing::Types).then_some((statement.kind, statement.at))
            }
            (Token::Word(Word::Import), _) => Some((ImportKind::Use, self.statement?.at)),
            (Token::Open, Some(Paren::Load(at))) => Some((ImportKind::Use, *at)),
            _ => None,
        }
    }

    fn is_specifier(&self, range: Range<usize>) -> bool {
        let odd = |byte: &u8| matches!(byte, 0..=b' ' | b'"' | b'\'' | b'`' | b'(' | b';' | b'\\');
        (1..=MAX_SPECIFIER).contains(&range.len()) && !self.text[range].iter().any(odd)
    }

    /// Goes through the text of a template, to its end or to the code in it.
    fn template_text(&mut self) {
        let start = self.at;
        loop {
            let Some(found) = memchr3(b'`', b'\\', b'$', &self.text[self.at..]) else {
                self.at = self.text.len();
                break;
            };
            self.at += found;
            match (self.text[self.at], self.text.get(self.at + 1)) {
                (b'`', _) => {
                    self.strings.push(start..self.at);
                    break;
                }
                (b'\\', _) => self.at = (self.at + 2).min(self.text.len()),
                (_, Some(b'{')) => {
                    self.blank(start..self.at);
                    self.at += 2;
                    self.templates.push(self.braces);
                    self.token(Token::Operator);
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.blank(start..self.at);
        self.at = (self.at + 1).min(self.text.len());
        self.statement = None;
        self.token(Token::Value);
    }

    fn word(&mut self) {
        let start = self.at;
        let is_part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | 0x80..);
        self.at += self.text[start..].iter().take_while(is_part).count();
        let word = &self.text[start..self.at];
        let kind = match word {
            _ if !self.may_begin_statement() => None,
            b"import" => Some(ImportKind::Use),
            b"export" => Some(ImportKind::Reexport),
            _ => None,
        };
        match (kind, &mut self.statement) {
            (Some(kind), statement) => {
                *statement = Some(Statement { kind, at: start, typing: Typing::Open });
            }
            (None, Some(statement)) => statement.typing = statement.typing.after_word(word),
            (None, None) => {}
        }
        let token = match self.before {
            Token::Dot => Token::Word(Word::Name),
            _ if word == b"from" && self.statement.is_some() => Token::Module,
            _ => Token::Word(Word::of(word)),
        };
        self.word_at = start;
        self.token(token);
    }

    fn may_begin_statement(&self) -> bool {
        self.before == Token::Start || (self.is_line_start && self.before != Token::Dot)
    }

    fn punctuation(&mut self, byte: u8) {
        self.statement = self.statement.and_then(|s| s.after_punctuation(byte));
        // What an increment follows or precedes stays a value.
        if matches!(byte, b'+' | b'-') && self.text.get(self.at + 1) == Some(&byte) {
            self.at += 2;
            return;
        }
        let token = match byte {
            b'(' => {
                self.parens.push(self.paren());
                Token::Open
            }
            b')' => match self.parens.pop() {
                Some(Paren::CreateRequire) => Token::Loader,
                Some(Paren::Control) => Token::Operator,
                _ => Token::Value,
            },
            b'{' => {
                self.braces += 1;
                Token::Operator
            }
            b'}' if self.templates.last() == Some(&self.braces) => {
                self.templates.pop();
                self.at += 1;
                self.template_text();
                return;
            }
            b'}' => {
                self.braces = self.braces.saturating_sub(1);
                Token::Start
            }
            b']' => Token::Value,
            b'.' => Token::Dot,
            b';' => Token::Start,
            b'<' => Token::Less,
            _ => Token::Operator,
        };
        self.at += 1;
        self.token(token);
    }

    /// What a parenthesis belongs to that opens here.
    fn paren(&self) -> Paren {
        match self.before {
            Token::Word(Word::Import | Word::Require) => Paren::Load(self.word_at),
            Token::Loader => Paren::Load(self.at),
            Token::Word(Word::CreateRequire) => Paren::CreateRequire,
            Token::Word(Word::Control) => Paren::Control,
            _ => Paren::Plain,
        }
    }

    fn token(&mut self, token: Token) {
        self.before = token;
        self.is_line_start = false;
    }

    fn line_end(&self, from: usize) -> usize {
        memchr2(b'\n', b'\r', &self.text[from..]).map_or(self.text.len(), |n| from + n)
    }

    fn blank_until(&mut self, end: usize) {
        self.blank(self.at..end);
        self.at = end;
    }

    fn blank(&mut self, range: Range<usize>) {
        for byte in &mut self.view[range] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}
