//! The paths that a file names: those of its `use` lines, and those in its code.

use super::tokens::{is_word, tokens};

/// What a `use` line brings into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name that it has in the module.
    pub(super) name: String,
    /// Whether others may import it from there.
    pub(super) is_public: bool,
}

/// All paths of a file.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub(super) imports: Vec<Import>,
    /// Paths of two segments and more outside of `use` lines.
    pub(super) inline: Vec<Vec<String>>,
    /// Every word outside of `use` lines.
    pub(super) words: Vec<String>,
}

/// Reads code without literals.
pub(super) fn paths(code: &str) -> Paths {
    let tokens = tokens(code);
    let (mut paths, mut at) = (Paths::default(), 0);
    while at < tokens.len() {
        // `impl Trait + use<'a>` imports nothing.
        if tokens[at] == "use" && tokens.get(at + 1) != Some(&"<") {
            let is_public = is_public(&tokens[..at]);
            at = tree(&tokens, at + 1, &[], &mut |path, name| {
                paths.imports.push(Import { path, name, is_public });
            });
        } else if is_word(tokens[at]) {
            let end = path_end(&tokens, at);
            paths.words.extend(tokens[at..end].iter().step_by(2).map(|word| (*word).to_owned()));
            if end > at + 1 {
                let path = tokens[at..end].iter().step_by(2).map(|word| (*word).to_owned());
                paths.inline.push(path.collect());
            }
            at = end;
        } else {
            at += 1;
        }
    }
    paths
}

/// Whether what stands before a `use` is `pub` or `pub(…)`.
fn is_public(before: &[&str]) -> bool {
    match before {
        [.., "pub"] => true,
        [.., ")"] => {
            let open = before.iter().rposition(|token| *token == "(");
            open.is_some_and(|open| open > 0 && before[open - 1] == "pub")
        }
        _ => false,
    }
}

/// The end of the path that begins at `at`: words with `::` between them.
fn path_end(tokens: &[&str], at: usize) -> usize {
    let mut end = at + 1;
    while tokens.get(end) == Some(&"::") && tokens.get(end + 1).is_some_and(|next| is_word(next)) {
        end += 2;
    }
    end
}

/// Reads one branch of a `use` tree that begins at `at`, and calls `found` for each of its leaves.
/// Returns where the branch ends: at a `,`, a `}` or a `;`.
fn tree(
    tokens: &[&str],
    mut at: usize,
    prefix: &[String],
    found: &mut impl FnMut(Vec<String>, String),
) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match *token {
            "{" => return group(tokens, at + 1, &path, found),
            "as" => {
                found(path, tokens[at + 1].to_owned());
                return at + 2;
            }
            "," | "}" | ";" => break,
            // Of a module by itself, `self` is the module.
            "self" if !path.is_empty() => {}
            "::" => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = path.last().cloned() {
        found(path, name);
    }
    at
}

/// Reads the branches between two braces, of which the first is gone.
fn group(
    tokens: &[&str],
    mut at: usize,
    prefix: &[String],
    found: &mut impl FnMut(Vec<String>, String),
) -> usize {
    while let Some(token) = tokens.get(at) {
        at = match *token {
            "}" => return at + 1,
            "," => at + 1,
            _ => tree(tokens, at, prefix, found),
        };
    }
    at
}

#[test]
fn grouped_imports_are_read() {
    let code = "pub(super) use crate::{a::B, c::{self, D as E, f::G},};\nuse super::H; let x = crate::i::j();";
    let paths = paths(code);
    let read = |import: &Import| format!("{} {}", import.path.join("::"), import.name);
    let imports: Vec<_> = paths.imports.iter().map(read).collect();
    assert_eq!(
        imports,
        ["crate::a::B B", "crate::c c", "crate::c::D E", "crate::c::f::G G", "super::H H",]
    );
    assert_eq!(paths.imports.iter().filter(|import| import.is_public).count(), 4);
    assert_eq!(paths.inline, [["crate", "i", "j"]]);
}
