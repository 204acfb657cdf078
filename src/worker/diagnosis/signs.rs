//! Fixed phrases that identify common causes without a name from the text.

/// Words that stand in one line, and what they mean.
type Sign = (&'static [&'static str], &'static str);

const DISK: &str = "the disk is full";
const TOO_LONG: &str = "the request is longer than the model's context";
const TLS: &str = "the certificate of a server it needs is not trusted";
const TYPESCRIPT: &str = "this Node does not run TypeScript (a rule with `tsx` does)";

/// The signs, the most specific first. Checked against what Node 18 to 22, openai-node 4 to 6,
/// Python 3.11 and openai-python 1 to 2 print.
const SIGNS: [Sign; 20] = [
    (
        &["JavaScript heap out of memory"],
        "Node ran out of its heap (raise it with `--max-old-space-size` in the command)",
    ),
    (&["context_length_exceeded"], TOO_LONG),
    (&["maximum context length"], TOO_LONG),
    (&["ENOSPC"], DISK),
    (&["No space left on device"], DISK),
    (&["no space left on device"], DISK),
    (
        &["Cannot use import statement outside a module"],
        "it is an ES module in a folder whose package.json lacks `\"type\": \"module\"`",
    ),
    (&["ERR_UNKNOWN_FILE_EXTENSION", ".ts"], TYPESCRIPT),
    (&["ERR_UNKNOWN_FILE_EXTENSION", ".tsx"], TYPESCRIPT),
    (&["ERR_UNKNOWN_FILE_EXTENSION", ".cts"], TYPESCRIPT),
    (&["ERR_UNKNOWN_FILE_EXTENSION", ".mts"], TYPESCRIPT),
    (&["MemoryError"], "Python ran out of memory"),
    (&["java.lang.OutOfMemoryError"], "Java ran out of memory"),
    (&["EMFILE"], "it has too many files open (see `limits.open_files`)"),
    (&["Too many open files"], "it has too many files open (see `limits.open_files`)"),
    (&["too many open files"], "it has too many files open (see `limits.open_files`)"),
    (&["CERTIFICATE_VERIFY_FAILED"], TLS),
    (&["SELF_SIGNED_CERT_IN_CHAIN"], TLS),
    (&["UNABLE_TO_GET_ISSUER_CERT_LOCALLY"], TLS),
    (&["UnhandledPromiseRejection"], "a promise was rejected, and nothing caught it"),
];

/// What the first sign in these lines means.
pub(super) fn meaning(lines: &[String]) -> Option<&'static str> {
    let is_there =
        |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    SIGNS.iter().find(|(words, _)| is_there(words)).map(|(_, meaning)| *meaning)
}
