//! Rust as words and signs: as much of it as is needed to find paths.

/// The code without comments, and with its literals emptied.
pub(super) fn without_literals(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let length = literal(rest, code.chars().next_back());
        if length == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            // Words on both sides of it stay apart.
            code.push_str(if rest[..length].contains('\n') { "\n" } else { " " });
            rest = &rest[length..];
        }
    }
    code
}

/// The bytes of the comment or literal that `text` begins with; 0 if there is none.
fn literal(text: &str, before: Option<char>) -> usize {
    let is_in_word = before.is_some_and(is_of_word);
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        text.find("*/").map_or(text.len(), |end| end + 2)
    } else if text.starts_with('"') {
        string(text)
    } else if text.starts_with('\'') {
        character(text)
    } else if !is_in_word || before == Some('b') || before == Some('c') {
        raw_string(text)
    } else {
        0
    }
}

fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// A lifetime is not a character.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        // The one behind the backslash may be a quote.
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

fn raw_string(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('r') else { return 0 };
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !rest[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = 1 + hashes + 1;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and signs of code without literals. `::` is one sign, all others are single.
pub(super) fn tokens(code: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), code.trim_start());
    while let Some(c) = rest.chars().next() {
        let length = match c {
            c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

/// Whether a token is a word.
pub(super) fn is_word(token: &str) -> bool {
    token.starts_with(is_of_word)
}

/// The words within an identifier: `leader_pid` and `LeaderPid` have `leader` and `pid`.
pub(super) fn words(identifier: &str) -> Vec<String> {
    if !identifier.contains(char::is_lowercase) && identifier.contains(char::is_uppercase) {
        return words(&identifier.to_lowercase());
    }
    let mut words = vec![String::new()];
    for c in identifier.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("one at least").extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn comments_and_literals_are_taken_out() {
    let code = r####"a /* b */ 'c' 'd "e\"f" r#"g"h"# '\'' b"i" // j"####;
    assert_eq!(tokens(&without_literals(code)), ["a", "'", "d", "b"]);
}

#[test]
fn identifiers_are_read_as_words() {
    assert_eq!(words("LeaderPid"), ["leader", "pid"]);
    assert_eq!(words("RAPID_PIDS"), ["rapid", "pids"]);
    assert_eq!(words("process_group"), ["process", "group"]);
}
