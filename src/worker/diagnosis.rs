//! Why a run failed, in plain words: from how it ended and from its last lines on stderr.
//!
//! Deterministic, and modest: where nothing is recognised nothing is said.

use crate::domain::Exit;

/// A sign in the last lines, and what it means.
struct Sign {
    /// All of these stand in one line.
    words: &'static [&'static str],
    meaning: &'static str,
}

/// The signs, the most telling first.
const SIGNS: [Sign; 18] = [
    Sign {
        words: &["JavaScript heap out of memory"],
        meaning: "Node ran out of its heap; raise it with `--max-old-space-size` in the command",
    },
    Sign {
        words: &["The OPENAI_API_KEY environment variable is missing"],
        meaning: "no OPENAI_API_KEY reached it; set the variable for arcanos or in `[env.set]`",
    },
    Sign {
        words: &["Missing credentials"],
        meaning: "no OPENAI_API_KEY reached it; set the variable for arcanos or in `[env.set]`",
    },
    Sign {
        words: &["insufficient_quota"],
        meaning: "the OpenAI quota is used up; see the plan and billing of the key",
    },
    Sign {
        words: &["429", "quota"],
        meaning: "the OpenAI quota is used up; see the plan and billing of the key",
    },
    Sign { words: &["invalid_api_key"], meaning: "the upstream refuses the API key (401)" },
    Sign { words: &["Incorrect API key"], meaning: "the upstream refuses the API key (401)" },
    Sign {
        words: &["AuthenticationError", "401"],
        meaning: "the upstream refuses the API key (401)",
    },
    Sign {
        words: &["model_not_found"],
        meaning: "the upstream does not know the model; check AI_MODEL",
    },
    Sign {
        words: &["404", "model", "does not exist"],
        meaning: "the upstream does not know the model; check AI_MODEL",
    },
    Sign { words: &["RateLimitError"], meaning: "the upstream limits the rate of requests (429)" },
    Sign { words: &["EADDRINUSE"], meaning: "a port it wants to listen on is in use" },
    Sign { words: &["ECONNREFUSED"], meaning: "a server it needs refused the connection" },
    Sign { words: &["ENOTFOUND"], meaning: "the name of a server it needs cannot be resolved" },
    Sign { words: &["ENOSPC"], meaning: "the disk is full" },
    Sign {
        words: &["Cannot use import statement outside a module"],
        meaning: "it is an ES module in a folder whose package.json lacks `\"type\": \"module\"`",
    },
    Sign { words: &["SyntaxError"], meaning: "a syntax error" },
    Sign { words: &["No space left on device"], meaning: "the disk is full" },
];

/// Openings after which Node and Python name a package that is not there.
const MISSING: [(&str, char); 4] = [
    ("Cannot find package '", '\''),
    ("Cannot find module '", '\''),
    ("No module named '", '\''),
    ("ModuleNotFoundError: No module named ", '\n'),
];

/// What the facts and the last lines on stderr (oldest first) say about the cause.
#[must_use]
pub fn diagnose<S: AsRef<str>>(exit: Exit, last_lines: &[S]) -> Option<String> {
    let lines = || last_lines.iter().map(AsRef::as_ref);
    if let Some(name) = lines().rev().find_map(missing_package) {
        let remedy = "install it beside the workers";
        return Some(format!("the package `{name}` is missing; {remedy}"));
    }
    let is_sign = |sign: &&Sign| lines().any(|line| sign.words.iter().all(|w| line.contains(w)));
    if let Some(sign) = SIGNS.iter().find(is_sign) {
        return Some(sign.meaning.to_owned());
    }
    match exit {
        Exit::Signal(9) => Some(
            "something outside arcanos killed it; if the machine ran out of memory, the kernel did"
                .to_owned(),
        ),
        Exit::Signal(11) => Some("it crashed with a segmentation fault".to_owned()),
        Exit::Code(13) => Some("its top-level `await` never settled".to_owned()),
        Exit::Code(127) => Some("its command was not found".to_owned()),
        Exit::Code(_) | Exit::Signal(_) => error_line(last_lines),
    }
}

/// The name of a package that cannot be found.
fn missing_package(line: &str) -> Option<String> {
    let (start, end) = MISSING
        .iter()
        .find_map(|(opening, end)| line.find(opening).map(|at| (at + opening.len(), *end)))?;
    let name = line[start..].split(end).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The line that names the error, as Node and Python print it.
fn error_line<S: AsRef<str>>(last_lines: &[S]) -> Option<String> {
    let is_error = |line: &&str| {
        let head = line.split(':').next().unwrap_or_default();
        let name = head.strip_prefix("Uncaught ").unwrap_or(head).split(" [").next();
        line.contains(": ")
            && name.is_some_and(|n| {
                (n.ends_with("Error") || n.ends_with("Exception"))
                    && n.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
            })
    };
    let line = last_lines.iter().rev().map(|line| line.as_ref().trim()).find(is_error)?;
    Some(line.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_causes_are_named_in_plain_words() {
        for (lines, exit, part) in [
            (
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'openai' imported from /w/a.js",
                1,
                "the package `openai` is missing",
            ),
            ("Error: Cannot find module './gone.js'", 1, "`./gone.js` is missing"),
            ("ModuleNotFoundError: No module named 'openai'", 1, "the package `openai`"),
            ("SyntaxError: Unexpected token '}'", 1, "a syntax error"),
            ("OpenAIError: Missing credentials. Please pass an `apiKey`", 1, "OPENAI_API_KEY"),
            ("AuthenticationError: 401 Incorrect API key provided", 1, "refuses the API key"),
            ("NotFoundError: 404 The model `x` does not exist", 1, "does not know the model"),
            ("RateLimitError: 429 You exceeded your current quota", 1, "quota is used up"),
            ("Error: listen EADDRINUSE: address already in use :::3000", 1, "in use"),
            ("FATAL ERROR: Reached heap limit - JavaScript heap out of memory", 134, "its heap"),
            ("TypeError: x is not a function\n    at main (a.js:1:1)", 1, "TypeError: x is not"),
        ] {
            let lines: Vec<&str> = lines.split('\n').collect();
            let said = diagnose(Exit::Code(exit), &lines).unwrap_or_default();
            assert!(said.contains(part), "{lines:?}: {said}");
        }
    }

    #[test]
    fn where_nothing_is_known_nothing_is_said() {
        assert_eq!(diagnose(Exit::Code(3), &["all is lost"]), None);
        assert_eq!(diagnose::<&str>(Exit::Code(1), &[]), None);
        assert!(diagnose::<&str>(Exit::Signal(9), &[]).is_some());
    }
}
