//! What `package.json` and `tsconfig.json` say about where a module's name leads.

use std::{ffi::OsStr, path::Path};

use serde_json::{Map, Value};

/// Nested conditions are read so deep; real ones have two or three levels.
const MAX_DEPTH: usize = 16;

/// So many targets of one name are tried.
const MAX_TARGETS: usize = 32;

/// One such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    json: Map<String, Value>,
}

/// How a module is loaded, as far as conditions depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// `import`.
    Import,
    /// `require`.
    Require,
}

impl Manifest {
    /// Reads a file, if its name is one of those. What cannot be read says nothing.
    pub(super) fn read(path: &Path, text: &str) -> Option<Self> {
        let json = match path.file_name().and_then(OsStr::to_str)? {
            "package.json" => serde_json::from_str(text),
            name if name.starts_with("tsconfig") && name.ends_with(".json") => {
                serde_json::from_str(&without_comments(text))
            }
            // `extends` may name a file of any name.
            name if name.ends_with(".json") && text.contains("\"compilerOptions\"") => {
                serde_json::from_str(&without_comments(text))
            }
            _ => return None,
        };
        Some(Self { json: json.unwrap_or_default() })
    }

    /// `name` of a package.
    pub(super) fn name(&self) -> Option<&str> {
        self.json.get("name")?.as_str()
    }

    /// Where `#name` leads, by `imports`, best first.
    pub(super) fn imports(&self, name: &str, condition: Condition) -> Vec<String> {
        targets(self.json.get("imports"), name, condition)
    }

    /// Where a path in the package leads, `.` being the package itself: by `exports`, or else by
    /// `main`.
    pub(super) fn exports(&self, subpath: &str, condition: Condition) -> Vec<String> {
        match self.json.get("exports") {
            Some(Value::Object(map)) if map.keys().any(|key| key.starts_with('.')) => {
                targets(self.json.get("exports"), subpath, condition)
            }
            Some(exports) if subpath == "." => {
                let mut found = Vec::new();
                collect(exports, "", condition, 0, &mut found);
                found
            }
            Some(_) => Vec::new(),
            None if subpath == "." => {
                let main = self.json.get("main").and_then(Value::as_str);
                main.into_iter().chain(["./index"]).map(relative).collect()
            }
            None => vec![subpath.to_owned()],
        }
    }

    /// The files that this tsconfig adds to, by relative paths, the last being the strongest.
    pub(super) fn extends(&self) -> Vec<&str> {
        let extends = self.json.get("extends");
        let listed = extends.and_then(Value::as_array).into_iter().flatten();
        let all = extends.into_iter().filter(|value| value.is_string()).chain(listed);
        all.filter_map(Value::as_str).filter(|path| path.starts_with('.')).collect()
    }

    /// `baseUrl` of a tsconfig.
    pub(super) fn base_url(&self) -> Option<&str> {
        self.json.get("compilerOptions")?.get("baseUrl")?.as_str()
    }

    /// Where a name leads by the `paths` of a tsconfig, if it has any that fits.
    pub(super) fn paths(&self, name: &str) -> Option<Vec<String>> {
        let paths = self.json.get("compilerOptions")?.get("paths")?.as_object()?;
        let (targets, star) = best_match(paths, name)?;
        let targets = targets.as_array().into_iter().flatten().filter_map(Value::as_str);
        Some(targets.take(MAX_TARGETS).map(|target| target.replace('*', star)).collect())
    }

    /// Whether it has `paths` at all: those of what it extends do not count then.
    pub(super) fn has_paths(&self) -> bool {
        self.json.get("compilerOptions").is_some_and(|options| options.get("paths").is_some())
    }
}

/// A path that begins with a dot.
fn relative(path: &str) -> String {
    if path.starts_with('.') { path.to_owned() } else { format!("./{path}") }
}

/// The targets of the key that fits a name best.
fn targets(map: Option<&Value>, name: &str, condition: Condition) -> Vec<String> {
    let mut found = Vec::new();
    let best = map.and_then(Value::as_object).and_then(|map| best_match(map, name));
    if let Some((target, star)) = best {
        collect(target, star, condition, 0, &mut found);
    }
    found
}

/// The value of the key that is the name, or whose pattern fits it with the longest beginning; and
/// what stands for the star.
fn best_match<'a, 'n>(map: &'a Map<String, Value>, name: &'n str) -> Option<(&'a Value, &'n str)> {
    if let Some(value) = map.get(name) {
        return Some((value, ""));
    }
    let fits = map.iter().filter_map(|(key, value)| {
        let (before, after) = key.split_once('*')?;
        let star = name.strip_prefix(before)?.strip_suffix(after)?;
        Some((before.len(), value, star))
    });
    fits.max_by_key(|(length, ..)| *length).map(|(_, value, star)| (value, star))
}

/// Collects the relative targets of a value, in order, through conditions and lists.
fn collect(value: &Value, star: &str, condition: Condition, depth: usize, found: &mut Vec<String>) {
    if depth == MAX_DEPTH || found.len() == MAX_TARGETS {
        return;
    }
    match value {
        Value::String(target) => found.push(target.replace('*', star)),
        Value::Array(list) => {
            list.iter().for_each(|value| collect(value, star, condition, depth + 1, found));
        }
        Value::Object(conditions) => {
            let own = if condition == Condition::Import { "import" } else { "require" };
            let active = |key: &str| {
                matches!(key, "node" | "default" | "module-sync" | "node-addons") || key == own
            };
            for (_, value) in conditions.iter().filter(|(key, _)| active(key)) {
                collect(value, star, condition, depth + 1, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON as the TypeScript compiler reads it: comments and commas before a closing bracket are left
/// out.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let width = match first {
            '"' => string_width(rest),
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest[2..].find("*/").map_or("", |end| &rest[end + 4..]);
                continue;
            }
            '}' | ']' => {
                let kept = plain.trim_end();
                plain.truncate(kept.strip_suffix(',').unwrap_or(kept).len());
                1
            }
            _ => first.len_utf8(),
        };
        plain.push_str(&rest[..width]);
        rest = &rest[width..];
    }
    plain
}

/// How many bytes the string has that begins a text.
fn string_width(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, text: &str) -> Manifest {
        Manifest::read(Path::new(name), text).expect("its name is one of them")
    }

    #[test]
    fn names_lead_where_the_key_that_fits_best_says() {
        let package = manifest(
            "package.json",
            r##"{"imports": {"#a": "./a.js", "#lib/*": "./lib/*.js", "#lib/x/*": "./x/*",
                "#c": {"browser": "./no.js", "node": {"require": "./c.cjs", "import": "./c.mjs"}}},
                "exports": {".": "./main.js", "./deep/*": {"default": ["./d/*.js"]}}}"##,
        );
        for (name, expected) in
            [("#a", "./a.js"), ("#lib/q", "./lib/q.js"), ("#lib/x/q", "./x/q"), ("#c", "./c.mjs")]
        {
            assert_eq!(package.imports(name, Condition::Import), [expected], "{name}");
        }
        assert_eq!(package.imports("#c", Condition::Require), ["./c.cjs"]);
        assert_eq!(package.imports("#none", Condition::Import), [""; 0]);
        assert_eq!(package.exports(".", Condition::Import), ["./main.js"]);
        assert_eq!(package.exports("./deep/y", Condition::Require), ["./d/y.js"]);
        let main = manifest("package.json", r#"{"main": "lib/m.js"}"#);
        assert_eq!(main.exports(".", Condition::Require), ["./lib/m.js", "./index"]);
        assert_eq!(main.exports("./x", Condition::Require), ["./x"]);
    }

    #[test]
    fn a_tsconfig_has_comments_and_paths() {
        let text = "{ // it's\n \"extends\": [\"./base\", \"@x/y\"], /* \" */\n \"compilerOptions\": {\
                    \"baseUrl\": \".\", \"paths\": {\"@app/*\": [\"src/*\", \"//\\\"*\",],},},\n}";
        let config = manifest("tsconfig.json", text);
        assert_eq!(config.extends(), ["./base"]);
        assert_eq!(config.base_url(), Some("."));
        assert_eq!(config.paths("@app/x"), Some(vec!["src/x".to_owned(), "//\"x".to_owned()]));
        assert_eq!(config.paths("other"), None);
        assert_eq!(manifest("tsconfig.json", "{ broken"), Manifest::default());
        assert_eq!(Manifest::read(Path::new("data.json"), "{}"), None);
    }
}
