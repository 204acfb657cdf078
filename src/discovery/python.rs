//! The code view of Python: the text with comments and strings blank, and the modules it imports.
//!
//! One pass over the bytes for the view, and one over the view for the imports; linear both. It is
//! no parser: an import counts wherever a statement may begin, in whatever block.

use std::{borrow::Cow, ffi::OsStr, path::Path};

use super::{
    code::ImportKind,
    local::{Named, Way},
};

/// Whether a file of this name holds Python.
#[must_use]
pub(super) fn is_python(name: &Path) -> bool {
    matches!(name.extension().and_then(OsStr::to_str), Some("py" | "pyw"))
}

/// The text, as long as before and with the same lines, without comments and strings.
pub(super) fn python_view(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut view = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'#' => line_end(bytes, at),
            b'"' | b'\'' => string_end(bytes, at),
            _ => {
                at += 1;
                continue;
            }
        };
        // Quotes stay; one that is never closed has none at its end.
        let is_closed = end > at + 1 && bytes[at] == bytes[end - 1];
        let inner = match bytes[at] {
            b'#' => at..end,
            _ => at + 1..if is_closed { end - 1 } else { end },
        };
        for byte in &mut view[inner] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(view).expect("only whole characters are made blank")
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    let end = bytes[from..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    end.map_or(bytes.len(), |end| from + end)
}

/// Where the string ends that begins here: at its quotes, or, if one quote opened it, at the end of
/// the line. A raw string ends at the same place: there, too, a backslash keeps a quote from ending
/// it.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let quote = bytes[from];
    let triple = [quote; 3];
    let is_triple = bytes[from..].starts_with(&triple);
    let mut at = from + if is_triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' | b'\r' if !is_triple => return at,
            _ if is_triple && bytes[at..].starts_with(&triple) => return at + 3,
            byte if byte == quote && !is_triple => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// What the code imports, in order: `import a.b` names `a` and `a.b`, `from .c import d` names `.c`
/// and `.c.d`, since `d` may be a module of its own.
pub(super) fn python_names(view: &str) -> Vec<Named<'static>> {
    let mut names = Vec::new();
    let mut open = 0_usize;
    let mut start = 0;
    for (at, byte) in view.bytes().enumerate() {
        let ends = match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                false
            }
            b')' | b']' | b'}' => {
                open = open.saturating_sub(1);
                false
            }
            b';' | b':' => open == 0,
            b'\n' => open == 0 && !view[..at].trim_end_matches('\r').ends_with('\\'),
            _ => false,
        };
        if ends {
            statement(&view[start..at], start, &mut names);
            start = at + 1;
        }
    }
    statement(&view[start..], start, &mut names);
    names
}

/// Adds what a statement imports.
fn statement(text: &str, start: usize, names: &mut Vec<Named<'static>>) {
    let at = start + (text.len() - text.trim_start().len());
    let is_import = |word: &str| {
        let rest = text.trim_start().strip_prefix(word)?;
        rest.starts_with([' ', '\t', '.', '\\', '(']).then_some(rest)
    };
    let mut add = |specifier: String| {
        let specifier = Cow::Owned(specifier);
        let (kind, way) = (ImportKind::Use, Way::Python);
        names.push(Named { specifier, at, kind, way, is_local_only: false });
    };
    if let Some(list) = is_import("import") {
        for module in modules(list) {
            prefixes(&module).into_iter().for_each(&mut add);
        }
    } else if let Some(rest) = is_import("from") {
        let Some((module, list)) = split_word(rest, "import") else { return };
        let module: String = module.split(is_blank).collect();
        if !is_dotted(&module) {
            return;
        }
        prefixes(&module).into_iter().for_each(&mut add);
        let joint = if module.ends_with('.') { "" } else { "." };
        for name in modules(list) {
            add(format!("{module}{joint}{name}"));
        }
    }
}

/// The names of a list, without what they are called here.
fn modules(list: &str) -> Vec<String> {
    let parts = list.split([',', '(', ')']);
    let names = parts.filter_map(|part| {
        let mut words = part.split(is_blank).filter(|word| !word.is_empty());
        words.next().filter(|name| is_dotted(name)).map(str::to_owned)
    });
    names.collect()
}

/// A module and the packages that it is in: importing it runs them all.
fn prefixes(module: &str) -> Vec<String> {
    let name = module.trim_start_matches('.');
    let dots = &module[..module.len() - name.len()];
    let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    ends.filter(|end| *end > 0)
        .map(|end| format!("{dots}{}", &name[..end]))
        .chain(
            // `from . import x` runs the package itself.
            name.is_empty().then(|| dots.to_owned()),
        )
        .collect()
}

/// The text before and after a word.
fn split_word<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut places = text.match_indices(word).map(|(at, _)| at);
    let at = places.find(|at| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        before.ends_with(|c| is_blank(c) || c == '.')
            && after.starts_with(|c| is_blank(c) || c == '(' || c == '*')
    })?;
    Some((&text[..at], &text[at + word.len()..]))
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\\'
}

fn is_dotted(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn imports(text: &str) -> String {
        let names = python_names(&python_view(text));
        names.iter().map(|named| named.specifier.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn imports_are_seen_in_every_form() {
        for (text, expected) in [
            ("import a", "a"),
            ("import a.b as c, d", "a a.b d"),
            ("from a import b", "a a.b"),
            ("from a.b import (c,\n  d as e, # f\n)", "a a.b a.b.c a.b.d"),
            ("from . import a", ". .a"),
            ("from .a import b", ".a .a.b"),
            ("from ..a import *", "..a"),
            ("from.a import b", ".a .a.b"),
            ("try: import a\nexcept ImportError: import b", "a b"),
            ("if x:\n    import a; import b", "a b"),
            ("import a, \\\n  b", "a b"),
            ("'''import x'''\nimport a", "a"),
            ("x = {'import b': 1}\r\nimport a\r\n", "a"),
            ("x = r'\\'; import b'\nimport a", "a"),
        ] {
            assert_eq!(imports(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        for text in [
            "# import a",
            "\"\"\"\nimport a\n\"\"\"",
            "s = 'import a'",
            "f'{x}\\\nimport a'",
            "important = 1",
            "x.import_a()",
            "call(\nimport_ = a)",
            "from_ = 1",
            "yield from x",
        ] {
            assert_eq!(imports(text), "", "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_keeps_its_length_and_its_lines(
            text in r##"(?s)([a-z.()\\\[\]'"#\n\r;:=ö -]|import |from |"""|'''){0,80}"##
        ) {
            let view = python_view(&text);
            prop_assert_eq!(view.len(), text.len());
            let ends = |text: &str| -> Vec<usize> {
                text.match_indices(['\n', '\r']).map(|(at, _)| at).collect()
            };
            prop_assert_eq!(ends(&view), ends(&text));
            python_names(&view);
        }
    }
}
