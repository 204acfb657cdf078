use super::*;

fn said(exit: Exit, text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    diagnose(exit, &lines).unwrap_or_default()
}

#[test]
fn common_causes_are_named_in_plain_words() {
    for (text, part) in [
        (
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'openai' imported from /w/a.js",
            "the package `openai` is missing; install it beside the workers",
        ),
        (
            "Error: Cannot find module 'left-pad'\nRequire stack:\n- /w/a.cjs\n    at M (node:x:1:1) {",
            "the package `left-pad` is missing",
        ),
        (
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/w/gone.js' imported from /w/a.js",
            "the file `/w/gone.js` is missing",
        ),
        (
            "  File \"/w/a.py\", line 1, in <module>\nModuleNotFoundError: No module named 'openai'",
            "the package `openai` is missing; install it for the Python",
        ),
        (
            "OpenAIError: Missing credentials. Please pass an `apiKey`, `workloadIdentity`, or",
            "no OPENAI_API_KEY reached it",
        ),
        ("KeyError: 'OPENAI_API_KEY'", "no OPENAI_API_KEY reached it"),
        (
            "AuthenticationError: 401 Incorrect API key provided: sk-x.\n    at A {\n  status: 401,",
            "refuses the API key",
        ),
        (
            "openai.AuthenticationError: Error code: 401 - Incorrect API key provided: sk-x.",
            "refuses the API key",
        ),
        ("NotFoundError: 404 The model `x` does not exist or you do", "does not know the model"),
        (
            "openai.NotFoundError: Error code: 404 - The model `x` does not exist or you do",
            "does not know the model",
        ),
        ("RateLimitError: 429 You exceeded your current quota, please", "quota is used up"),
        ("RateLimitError: 429 Rate limit reached for gpt-4o", "limits the rate"),
        ("BadRequestError: 400 This model's maximum context length is 128000", "model's context"),
        ("InternalServerError: 500 The server had an error", "the upstream failed"),
        (
            "APIConnectionError: Connection error.\n  cause: TypeError: fetch failed\n    [cause]: \
             Error: getaddrinfo ENOTFOUND nope.invalid",
            "cannot be resolved",
        ),
        ("openai.APIConnectionError: Connection error.", "the upstream cannot be reached"),
        ("Error: listen EADDRINUSE: address already in use :::3000\n    at S", "a port it wants"),
        ("OSError: [Errno 98] Address already in use", "a port it wants"),
        ("TypeError: x is not a function\n    at main (a.js:1:1)", "TypeError: x is not a fun"),
        ("Error: ENOENT: no such file or directory, open '/n/c.json'", "ENOENT: no such file"),
        (
            "SyntaxError: The requested module 'openai' does not provide an export named 'Nope'",
            "does not provide an export named 'Nope'",
        ),
    ] {
        let said = said(Exit::Code(1), text);
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn a_syntax_error_comes_with_its_place() {
    for (text, expected) in [
        (
            "file:///w/a.js:2\nconst x = {;\n           ^\n\nSyntaxError: Unexpected token ';'\n    at \
             compileSourceTextModule (node:internal/modules/esm/utils:346:16)",
            "a syntax error in a.js, line 2: Unexpected token ';'",
        ),
        (
            "/w/a.cjs:7\nx = {;\n     ^\n\nSyntaxError: Unexpected token ';'",
            "a syntax error in a.cjs, line 7: Unexpected token ';'",
        ),
        (
            "  File \"/w/a.py\", line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax",
            "a syntax error in a.py, line 2: invalid syntax",
        ),
        (
            "  File \"/w/a.py\", line 2\n    pass\n    ^\nIndentationError: expected an indented block",
            "a syntax error in a.py, line 2: expected an indented block",
        ),
        ("SyntaxError: Unexpected end of input", "a syntax error: Unexpected end of input"),
    ] {
        assert_eq!(said(Exit::Code(1), text), expected);
    }
}

#[test]
fn only_the_error_that_ended_the_run_counts() {
    let text = "RateLimitError: 429 Rate limit reached\n    at x\ntrying again\n/w/a.js:3\n\n\
                TypeError: answer is undefined\n    at y";
    assert_eq!(said(Exit::Code(1), text), "TypeError: answer is undefined");
    let text = "could not ask: AuthenticationError: 401 Incorrect API key provided\ngiving up";
    assert!(said(Exit::Code(1), text).contains("refuses the API key"));
}

#[test]
fn the_end_of_a_heap_is_found_above_its_native_stack() {
    let stack = " 1: 0xb78db3 node::OOMErrorHandler(char const*) [node]\n".repeat(30);
    let text = format!(
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n\
         ----- Native stack trace -----\n\n{stack}"
    );
    assert!(said(Exit::Signal(6), &text).contains("its heap"));
}

#[test]
fn a_thrown_value_is_repeated() {
    let text = "node:internal/modules/run_main:123\n    triggerUncaughtException(\n    ^\noh no\n\
                (Use `node --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js";
    assert_eq!(said(Exit::Code(1), text), "it threw `oh no`");
}

#[test]
fn where_nothing_is_known_nothing_is_said() {
    assert_eq!(diagnose(Exit::Code(3), &["all is lost"]), None);
    assert_eq!(diagnose::<&str>(Exit::Code(1), &[]), None);
    assert_eq!(diagnose(Exit::Code(1), &["Error: "]), None);
    assert!(diagnose::<&str>(Exit::Signal(9), &[]).is_some());
    let endless = diagnose::<&str>(Exit::Code(13), &[]).expect("a reason");
    assert!(endless.contains("a promise that can never settle"), "a task's, or a top-level await");
}

#[test]
fn the_lines_that_are_kept_begin_with_the_error_or_end_with_the_end() {
    let stack: Vec<String> = (0..30).map(|n| format!("    at f{n} (a.js:1:1)")).collect();
    let mut lines = vec!["before".to_owned(), "TypeError: x".to_owned()];
    lines.extend(stack);
    assert_eq!(
        telling(&lines, 3),
        ["TypeError: x", "    at f0 (a.js:1:1)", "    at f1 (a.js:1:1)"]
    );
    assert_eq!(telling(&["a", "b", "TypeError: x", "at"], 3), ["b", "TypeError: x", "at"]);
    assert_eq!(telling(&["a", "b", "c"], 2), ["b", "c"]);
    assert_eq!(telling::<&str>(&[], 2), [""; 0]);
}
