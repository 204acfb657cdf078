//! Which variables of its environment a file's code reads: `process.env.X` in its forms.
//!
//! Best effort, for a warning: what is read by a computed name is not seen.

use std::{collections::BTreeSet, sync::LazyLock};

use memchr::memmem;
use regex::Regex;

/// No more names than this are kept of one file; a program that reads more is not short of
/// warnings.
const MAX_READS: usize = 64;

/// The longest name that is kept, in bytes.
const MAX_NAME: usize = 128;

static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\bprocess\s*\??\.\s*env\s*(?:\??\.\s*([A-Za-z_$][A-Za-z0-9_$]*)|(?:\?\.)?\s*\[\s*['\x22])",
    )
    .expect("a constant")
});

static TAKEN_APART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{([^{}]*)\}\s*=\s*process\s*\.\s*env\b\s*(?:[;,)\n]|$)").expect("a constant")
});

/// The names, sorted. `text` and `view` are of one length; strings stand only in `text`.
pub(super) fn env_reads(text: &str, view: &str) -> Vec<String> {
    let mut reads = BTreeSet::new();
    if memmem::find(view.as_bytes(), b"process").is_none() {
        return Vec::new();
    }
    for found in MEMBER.captures_iter(view) {
        let whole = found.get(0).expect("the whole match");
        let (name, rest) = match found.get(1) {
            Some(name) => (name.as_str(), &view[name.end()..]),
            None => quoted(&text[whole.end()..]),
        };
        if !is_written(rest) {
            keep(&mut reads, name);
        }
    }
    for found in TAKEN_APART.captures_iter(view) {
        for part in found[1].split(',') {
            let name = part.split([':', '=']).next().unwrap_or_default().trim();
            if !name.starts_with("...") {
                keep(&mut reads, name);
            }
        }
    }
    reads.into_iter().collect()
}

/// The name that is quoted here, and what follows the closing bracket.
fn quoted(text: &str) -> (&str, &str) {
    let end = text.find(['\'', '"', '\n']).unwrap_or(text.len());
    let rest = &text[end..];
    // Only near by, so that a hostile text does not make this slow.
    let bracket = rest.bytes().take(MAX_NAME).position(|b| b == b']');
    let rest = bracket.map_or("", |bracket| &rest[bracket + 1..]);
    (&text[..end], rest)
}

/// Whether what follows a name sets it.
fn is_written(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>")
}

fn keep(reads: &mut BTreeSet<String>, name: &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    if !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(is_name)
        && reads.len() < MAX_READS
    {
        reads.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::{super::code::code_view, *};

    #[test]
    fn reads_are_found_in_every_form_and_writes_are_none() {
        for (text, names) in [
            ("const a = process.env.A_KEY;", "A_KEY"),
            ("process.env['B'] || process.env[\"C\"]", "B C"),
            ("process?.env?.D ?? process . env . E", "D E"),
            ("const { F, G: g, H = 'x', ...rest } = process.env;", "F G H"),
            ("process.env.I = '1'; process.env['J'] = '2';", ""),
            ("if (process.env.K === 'x' || process.env.L == 1) f(process.env.M)", "K L M"),
            ("// process.env.N\nconst s = 'process.env.O', t = `process.env.P`;", ""),
            ("const t = `${process.env.Q}`;", "Q"),
            ("processx.env.R; process.environment.S; process.env[name]", ""),
        ] {
            let found = env_reads(text, &code_view(text).text).join(" ");
            assert_eq!(found, names, "{text}");
        }
    }
}
