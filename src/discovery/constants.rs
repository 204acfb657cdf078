//! Names of modules and files that stand in a string elsewhere than in a plain import: constant
//! templates, `module.require`, what `createRequire` made, paths, and programs that are started.
//!
//! Reads the code view backwards from each string. It knows names, not values: of the variables that
//! hold a path only those are followed that hold the folder of the file.

use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

use memchr::memmem;
use regex::Regex;

use super::{code::CodeView, local::Way, resolve::is_path};

/// More parts than this a path that is joined of constants does not have.
const MAX_PARTS: usize = 32;

/// A name that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Constant {
    pub(super) specifier: String,
    /// Where it stands.
    pub(super) at: usize,
    pub(super) way: Way,
    /// Whether it can only be a local file, and no use of a package.
    pub(super) is_local_only: bool,
}

static ALIAS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bcreateRequire\s*(?:\bas\b|:)\s*([A-Za-z_$][\w$]*)").expect("a constant")
});

static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:\b(?:const|let|var)\s+|,\s*|^\s*)([A-Za-z_$][\w$]*)\s*=\s*(?:[A-Za-z_$][\w$]*\s*\.\s*)?([A-Za-z_$][\w$]*)\s*([(;,\n]|$)",
    )
    .expect("a constant")
});

/// A variable that holds the folder of the file, as modules have no `__dirname` in older Node.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*(?:__dirname|import\.meta\.dirname|(?:[A-Za-z_$][\w$]*\s*\.\s*)?dirname\(\s*(?:__filename|(?:[A-Za-z_$][\w$]*\s*\.\s*)?fileURLToPath\(\s*import\.meta\.url\s*\))\s*\))[ \t]*(?:[;,\r\n]|$)",
    )
    .expect("a constant")
});

/// The names that are found beyond plain imports, in order.
pub(super) fn constants(text: &str, view: &CodeView) -> Vec<Constant> {
    let (loaders, places) = (loaders(&view.text), places(&view.text));
    let reader = Reader { text, view: &view.text, loaders, places };
    let mut found = Vec::new();
    let strings = &view.strings;
    for (at, string) in strings.iter().enumerate() {
        if let Some(constant) = reader.read(string, &strings[at..]) {
            found.push(constant);
        }
    }
    found
}

/// The names by which the code calls a `require` of its own.
fn loaders(view: &str) -> BTreeSet<&str> {
    if memmem::find(view.as_bytes(), b"equire").is_none() {
        return BTreeSet::new();
    }
    let mut makers = BTreeSet::from(["createRequire"]);
    makers.extend(ALIAS.captures_iter(view).filter_map(|found| Some(found.get(1)?.as_str())));
    let mut loaders = BTreeSet::new();
    for found in ASSIGNED.captures_iter(view) {
        let (Some(name), Some(source)) = (found.get(1), found.get(2)) else { continue };
        let is_call = found.get(3).is_some_and(|end| end.as_str() == "(");
        if (is_call && makers.contains(source.as_str()))
            || (!is_call && source.as_str() == "require")
        {
            loaders.insert(name.as_str());
        }
    }
    loaders
}

/// The variables that hold the folder of the file.
fn places(view: &str) -> BTreeSet<&str> {
    if memmem::find(view.as_bytes(), b"dirname").is_none() {
        return BTreeSet::new();
    }
    PLACE.captures_iter(view).filter_map(|found| Some(found.get(1)?.as_str())).collect()
}

struct Reader<'a> {
    text: &'a str,
    view: &'a str,
    loaders: BTreeSet<&'a str>,
    places: BTreeSet<&'a str>,
}

impl Reader<'_> {
    /// What a string names, by the code before and after it. `rest` begins with the string.
    fn read(&self, string: &Range<usize>, rest: &[Range<usize>]) -> Option<Constant> {
        let opening = string.start.checked_sub(1)?;
        let mut before = Backward { view: self.view, at: opening };
        let single = |way, is_local_only| {
            let specifier = unescaped(&self.text[string.clone()])?;
            let constant = Constant { specifier, at: string.start, way, is_local_only };
            (!constant.specifier.is_empty()).then_some(constant)
        };
        if self.view.as_bytes().get(opening) == Some(&b'}') {
            // The end of `${__dirname}/x.js`.
            let mut before = Backward { view: self.view, at: opening };
            let is_place = before.place(&self.places)
                && before.mark('{')
                && before.mark('$')
                && before.mark('`');
            return single(Way::Located, true).filter(|_| is_place).map(Constant::beside);
        }
        if before.mark('+') {
            let is_place = before.place(&self.places);
            return single(Way::Located, true).filter(|_| is_place).map(Constant::beside);
        }
        if before.mark(',') {
            let is_joined = before.place(&self.places)
                && before.mark('(')
                && matches!(before.word(), "join" | "resolve");
            return is_joined.then(|| self.joined(rest)).flatten();
        }
        if !before.mark('(') {
            return None;
        }
        match before.word() {
            "URL" if before.word() == "new" && self.is_relative_to_module(string.end + 1) => {
                single(Way::Located, true)
            }
            "Worker" => {
                let qualifier = before.mark('.').then(|| before.word());
                let is_new = qualifier != Some("") && before.word() == "new";
                // Queues have a class of that name too; theirs takes the name of a queue.
                let named = single(Way::Started, true).filter(|named| is_path(&named.specifier));
                named.filter(|_| is_new)
            }
            "fork" => single(Way::Started, true),
            "resolve" if before.mark('.') => match before.word() {
                "require" => single(Way::Require, true),
                "meta" => single(Way::Import, true),
                _ => None,
            },
            "require" if before.mark('.') => {
                let is_of_module = before.word() == "module";
                single(Way::Require, false).filter(|_| is_of_module)
            }
            // A plain string here is an import that the code view has noted already.
            "require" if self.is_odd(string) => single(Way::Require, false),
            "import" if self.is_odd(string) => single(Way::Import, false),
            word if self.loaders.contains(word) && !before.mark('.') => single(Way::Require, false),
            _ => None,
        }
    }

    /// Whether the code view takes this string for no plain name of a module.
    fn is_odd(&self, string: &Range<usize>) -> bool {
        let opening = self.text.as_bytes().get(string.start.wrapping_sub(1));
        opening == Some(&b'`') || self.text[string.clone()].contains('\\')
    }

    /// The path of `join(__dirname, "a", "b.js")`, of which `strings` begins with `"a"`.
    fn joined(&self, strings: &[Range<usize>]) -> Option<Constant> {
        let mut path = String::new();
        for (at, string) in strings.iter().enumerate().take(MAX_PARTS) {
            path.push('/');
            path.push_str(&unescaped(&self.text[string.clone()])?);
            let next = strings.get(at + 1).map_or(self.view.len(), |next| next.start - 1);
            match self.view.get(string.end + 1..next)?.trim_start() {
                between if between.starts_with(')') => {
                    let at = strings.first()?.start;
                    let way = Way::Located;
                    return Some(
                        Constant { specifier: path, at, way, is_local_only: true }.beside(),
                    );
                }
                between if between.trim_end() == "," => {}
                _ => return None,
            }
        }
        None
    }

    /// Whether `, import.meta.url)` or the same for CommonJS follows.
    fn is_relative_to_module(&self, from: usize) -> bool {
        let rest: String = self.view[from..]
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .take(32)
            .map(char::from)
            .collect();
        [",import.meta.url", ",pathToFileURL(__filename", ",`file://${__filename}"]
            .iter()
            .any(|base| rest.starts_with(base))
    }
}

impl Constant {
    /// The path, seen from the folder of the file that names it.
    fn beside(mut self) -> Self {
        self.specifier.insert(0, '.');
        self
    }
}

/// Reads code from a place backwards.
struct Backward<'a> {
    view: &'a str,
    /// The next byte is before this one.
    at: usize,
}

impl<'a> Backward<'a> {
    fn before(&self) -> &'a str {
        self.view[..self.at].trim_end()
    }

    /// Goes over a mark, if it is there.
    fn mark(&mut self, mark: char) -> bool {
        let rest = self.before().strip_suffix(mark);
        self.at = rest.map_or(self.at, str::len);
        rest.is_some()
    }

    /// Goes over a word; an empty one if there is none.
    fn word(&mut self) -> &'a str {
        let rest = self.before();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
        let start = rest.trim_end_matches(is_part).len();
        self.at = start;
        &rest[start..]
    }

    /// Goes over what means the folder of the file: `__dirname`, `import.meta.dirname`, a variable.
    fn place(&mut self, places: &BTreeSet<&str>) -> bool {
        match self.word() {
            "__dirname" => true,
            "dirname" => {
                self.mark('.') && self.word() == "meta" && self.mark('.') && self.word() == "import"
            }
            name => places.contains(name) && !self.before().ends_with('.'),
        }
    }
}

/// The value of a string literal; `None` with an escape that is not known here.
fn unescaped(literal: &str) -> Option<String> {
    let mut value = String::with_capacity(literal.len());
    let mut rest = literal.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            value.push(next);
            continue;
        }
        let code = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        match rest.next()? {
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                value.push(code(&digits)?);
            }
            'u' => {
                let text = rest.as_str();
                let (digits, after) = match text.strip_prefix('{') {
                    Some(braced) => braced.split_once('}')?,
                    None => (text.get(..4)?, text.get(4..)?),
                };
                value.push(code(digits)?);
                rest = after.chars();
            }
            'n' | 'r' | 't' | 'b' | 'v' | 'f' | '0'..='9' => return None,
            '\n' => {}
            other => value.push(other),
        }
    }
    (!value.contains('\0')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{super::code::code_view, *};

    fn found(text: &str) -> String {
        let names = constants(text, &code_view(text));
        let names = names.iter().map(|c| {
            let kind = if c.is_local_only { "file " } else { "" };
            format!("{kind}{:?} {}", c.way, c.specifier)
        });
        names.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn constant_names_are_found_in_every_form() {
        for (text, expected) in [
            ("require(`m`)", "Require m"),
            ("await import(`./x.js`)", "Import ./x.js"),
            ("require('\\x6f\\u0070\\u{65}n')", "Require open"),
            ("module.require('m')", "Require m"),
            ("const load = createRequire(import.meta.url);\nload('m')", "Require m"),
            ("import { createRequire as cr } from 'x'; const r = cr(u); r('m')", "Require m"),
            ("const { createRequire: cr } = q, r = cr(u); r('m')", "Require m"),
            ("const r = require;\nr('m')", "Require m"),
            ("const r = module.createRequire(u); r(`m`)", "Require m"),
            ("require.resolve('./x')", "file Require ./x"),
            ("import.meta.resolve('./x.js')", "file Import ./x.js"),
            ("new Worker(new URL('./x.js', import.meta.url))", "file Located ./x.js"),
            ("new URL( \"x.js\" ,\n import.meta.url )", "file Located x.js"),
            ("new Worker('./x.js')", "file Started ./x.js"),
            ("new threads.Worker('./x.js', {})", "file Started ./x.js"),
            ("fork('./x.js')", "file Started ./x.js"),
            ("cp.fork(path.join(__dirname, 'x.cjs'))", "file Located ./x.cjs"),
            ("path.resolve(import.meta.dirname, '..', `x.js`)", "file Located ./../x.js"),
            ("fork(__dirname + '/x.js')", "file Located ./x.js"),
            ("fork(`${__dirname}/x.js`)", "file Located ./x.js"),
            (
                "const here = dirname(fileURLToPath(import.meta.url));\nfork(join(here, 'x.js'))",
                "file Located ./x.js",
            ),
            (
                "const at = path.dirname(url.fileURLToPath(import.meta.url))\nfork(at + '/x.js')",
                "file Located ./x.js",
            ),
            ("const here = path.dirname(__filename); fork(`${here}/x.js`)", "file Located ./x.js"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_constant_name_is_left_alone() {
        for text in [
            "require('m')",
            "import('m')",
            "require(`m${x}`)",
            "`require('m')`",
            "// require(`m`)",
            "loader.require('m')",
            "new URL('./x.js', base)",
            "URL('./x.js', import.meta.url)",
            "Worker('./x.js')",
            "path.join(__dirname, name, 'x.js')",
            "path.join(__dirname, 'x', name)",
            "path.join('a', 'x.js')",
            "`${dir}/x.js`",
            "dir + '/x.js'",
            "const dir = __dirname + sub; fork(join(dir, 'x.js'))",
            "const dir = __dirname; fork(join(site.dir, 'x.js'))",
            "a = 'm', b = \"m\"",
            "load('m')",
        ] {
            assert_eq!(found(text), "", "{text}");
        }
    }
}
