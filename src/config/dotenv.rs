//! Reads dotenv text as `node --env-file` of Node 20 and 22 does.
//!
//! Nothing is expanded. A value in single quotes, double quotes or backticks may span lines, and
//! within double quotes `\n` is a line break. A quote that is not closed is part of the value, which
//! then ends with its line. Without quotes a value ends at a `#`. A later line of one name wins.

/// What a dotenv text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dotenv {
    /// Names and values, in the order of the text.
    pub(super) variables: Vec<(String, String)>,
    /// The lines, from 1, that cannot be read.
    pub(super) bad_lines: Vec<usize>,
}

/// What a value can be put in.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// Reads a text. What cannot be read is left out, and its line is named.
pub(super) fn parse(text: &str) -> Dotenv {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Node too drops each of them, wherever it stands.
    let text = text.replace('\r', "");
    let mut reader = Reader { uncounted: &text, line: 1, rest: &text, dotenv: Dotenv::default() };
    loop {
        reader.rest = reader.rest.trim_start();
        if reader.rest.is_empty() {
            return reader.dotenv;
        }
        reader.entry();
    }
}

/// Stands in a text, at the beginning of what is still to be read.
struct Reader<'t> {
    /// The text from `line` on.
    uncounted: &'t str,
    line: usize,
    rest: &'t str,
    dotenv: Dotenv,
}

impl<'t> Reader<'t> {
    /// Reads one comment, variable or bad line.
    fn entry(&mut self) {
        let number = self.line_number();
        if self.rest.starts_with('#') {
            self.line();
            return;
        }
        let Some(name) = self.name() else {
            self.dotenv.bad_lines.push(number);
            return;
        };
        let value = self.value();
        if name.contains('\0') || value.contains('\0') {
            self.dotenv.bad_lines.push(number);
        } else {
            self.dotenv.variables.push((name.to_owned(), value));
        }
    }

    /// The name before `=`, which is passed; `None`, with the line passed, if there is none.
    fn name(&mut self) -> Option<&'t str> {
        let end = self.rest.find(['=', '\n']).filter(|at| self.rest[*at..].starts_with('='));
        let name = end.map(|at| self.rest[..at].trim()).filter(|name| !name.is_empty());
        let (Some(end), Some(name)) = (end, name) else {
            self.line();
            return None;
        };
        self.rest = &self.rest[end + 1..];
        let exported = name.strip_prefix("export ");
        Some(exported.map_or(name, str::trim))
    }

    /// The value behind `=`. The rest of its last line is passed.
    fn value(&mut self) -> String {
        // Node trims names and values of spaces alone: a tab is part of the value.
        self.rest = self.rest.trim_start_matches(' ');
        if let Some(quote) = self.rest.chars().next().filter(|c| QUOTES.contains(c))
            && let Some((value, rest)) = self.rest[1..].split_once(quote)
        {
            self.rest = rest;
            self.line();
            return if quote == '"' { value.replace("\\n", "\n") } else { value.to_owned() };
        }
        let line = self.line();
        let is_open = line.starts_with(QUOTES);
        let value = line.split('#').next().filter(|_| !is_open).map(|v| v.trim_matches(' '));
        value.unwrap_or(line).to_owned()
    }

    /// Passes the rest of the line, and its end.
    fn line(&mut self) -> &'t str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line
    }

    /// The line that is read next. Each byte is counted once: a file of 1 MiB may have 500,000 lines.
    fn line_number(&mut self) -> usize {
        let read = &self.uncounted[..self.uncounted.len() - self.rest.len()];
        self.line += read.matches('\n').count();
        self.uncounted = self.rest;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: &[(&str, &str)]) {
        let dotenv = parse(text);
        let seen: Vec<_> = dotenv.variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!((seen.as_slice(), dotenv.bad_lines), (expected, Vec::new()), "{text:?}");
    }

    #[test]
    fn nothing_is_expanded_and_nothing_needs_quotes() {
        for value in
            ["pa$word", "cost$5", "${HOME}", "hello world", "it's", "[1, 2]", r"C:\Users\me"]
        {
            reads(&format!("A={value}\nB=1"), &[("A", value), ("B", "1")]);
        }
        reads("A=v # note\nB=v#note\nC==x=\n", &[("A", "v"), ("B", "v"), ("C", "=x=")]);
    }

    #[test]
    fn quotes_hold_lines_and_marks_and_only_double_ones_hold_escapes() {
        reads("A=\"a\\nb#\" # c\n", &[("A", "a\nb#")]);
        reads("A='a\\nb#'\nB=`a'\"b`\n", &[("A", "a\\nb#"), ("B", "a'\"b")]);
        reads("A='x\r\ny'\r\nB=2\r\n", &[("A", "x\ny"), ("B", "2")]);
        reads("A=\"reg\\d+\"\nB=\"$2b$10$x\"\n", &[("A", "reg\\d+"), ("B", "$2b$10$x")]);
        // A quote that is not closed belongs to the value.
        reads("A=\"open # x\nB=2\n", &[("A", "\"open # x"), ("B", "2")]);
        reads("A=\"", &[("A", "\"")]);
    }

    #[test]
    fn names_are_as_free_as_in_node() {
        let text = "\u{feff}export A=1\n  export  B = 2\nMY-VAR=1\n1A=1\nmy.dotted=x\n";
        let expected = [("A", "1"), ("B", "2"), ("MY-VAR", "1"), ("1A", "1"), ("my.dotted", "x")];
        reads(text, &expected);
        reads("# A=1\n\n \t\nB=\nC=   \nD=", &[("B", ""), ("C", ""), ("D", "")]);
    }

    #[test]
    fn a_file_that_is_made_to_grow_or_to_take_long_does_neither() {
        let nested: String = (1..11).map(|n| format!("A{n}=\"{}\"\n", "${A}".repeat(10))).collect();
        let held: usize =
            parse(&nested).variables.iter().map(|(name, v)| name.len() + v.len()).sum();
        assert!(held < nested.len());
        // Counting the lines from the top for each of them would take minutes.
        let dotenv = parse(&"=\n".repeat(1 << 19));
        assert_eq!(dotenv.bad_lines.last(), Some(&(1 << 19)));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_passed() {
        for (text, variables, lines) in [
            ("A=1\nnonsense\nB=2\n", 2, vec![2]),
            ("A='x\ny'\n\n=x\nB=2", 2, vec![4]),
            ("A=\0\nno\r\nlines\n", 0, vec![1, 2, 3]),
        ] {
            let dotenv = parse(text);
            assert_eq!((dotenv.variables.len(), dotenv.bad_lines), (variables, lines), "{text:?}");
        }
    }
}
