//! Node 18 to 22, and what runs TypeScript on it.

use super::{Case, Exit, ONE, check};

const UNCAUGHT: &[Case] = &[
    (
        ONE,
        "\n/w/a.cjs:1\nthrow {code:1}\n^\n{ code: 1 }\n\nNode.js v20.20.2",
        "it threw `{ code: 1 }`",
    ),
    (
        ONE,
        "node:internal/modules/run_main:123\n    triggerUncaughtException(\n    ^\noh no\n(Use `node \
         --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js v20.20.2",
        "it threw `oh no`",
    ),
    (
        ONE,
        "node:internal/process/promises:389\n      new UnhandledPromiseRejection(reason);\n      \
         ^\n\nUnhandledPromiseRejection: This error originated either by throwing inside of an async \
         function without a catch block, or by rejecting a promise which was not handled with \
         .catch(). The promise rejected with the reason \"#<Object>\".\n    at \
         throwUnhandledRejectionsMode (node:internal/process/promises:389:7) {\n  code: \
         'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v20.20.2",
        "a promise was rejected, and nothing caught it: UnhandledPromiseRejection: The promise \
         rejected with the reason \"#<Object>\"",
    ),
    (
        ONE,
        "node:internal/process/promises:288\n            triggerUncaughtException(err, true /* \
         fromPromise */);\n            ^\n\n[UnhandledPromiseRejection: This error originated either \
         by throwing inside of an async function without a catch block, or by rejecting a promise \
         which was not handled with .catch(). The promise rejected with the reason \"text\".] {\n  \
         code: 'ERR_UNHANDLED_REJECTION'\n}\n\nNode.js v18.19.0",
        "a promise was rejected, and nothing caught it: UnhandledPromiseRejection: The promise \
         rejected with the reason \"text\"",
    ),
    (
        ONE,
        "/w/a.cjs:1\nthrow new AggregateError([])\n^\n\nAggregateError\n    at Object.<anonymous> \
         (/w/a.cjs:1:7) {\n  [errors]: [\n    Error: connect ECONNREFUSED ::1:5432\n        at \
         Object.<anonymous> (/w/a.cjs:1:27),\n    Error: b\n        at Object.<anonymous> \
         (/w/a.cjs:1:70)\n  ]\n}\n\nNode.js v20.20.2",
        "::1:5432 refused the connection: AggregateError: Error: connect ECONNREFUSED ::1:5432",
    ),
    (
        ONE,
        "node:net:1 \n  x\n  ^\n\nAggregateError [ECONNREFUSED]: \n    at \
         internalConnectMultiple (node:net:1122:18) {\n  code: 'ECONNREFUSED',\n  [errors]: [\n    \
         Error: connect ECONNREFUSED ::1:6379\n        at createConnectionError \
         (node:net:1654:14),\n    Error: connect ECONNREFUSED 127.0.0.1:6379\n  ]\n}\n\nNode.js v22.1.0",
        "::1:6379 refused the connection: AggregateError [ECONNREFUSED]: Error: connect \
         ECONNREFUSED ::1:6379",
    ),
    (
        ONE,
        "node:events:502\n      throw er; // Unhandled 'error' event\n      ^\n\nError: connect \
         ECONNREFUSED 127.0.0.1:1\n    at TCPConnectWrap.afterConnect [as oncomplete] \
         (node:net:1611:16)\nEmitted 'error' event on Socket instance at:\n    at emitErrorNT \
         (node:internal/streams/destroy:169:8) {\n  errno: -111,\n  code: 'ECONNREFUSED',\n  port: \
         1\n}\n\nNode.js v20.20.2",
        "127.0.0.1:1 refused the connection: Error: connect ECONNREFUSED 127.0.0.1:1",
    ),
    (
        ONE,
        "node:events:502\n      throw er; // Unhandled 'error' event\n      ^\n\nError: listen \
         EADDRINUSE: address already in use :::3000\n    at Server.setupListenHandle [as _listen2] \
         (node:net:1886:21) {\n  code: 'EADDRINUSE',\n  port: 3000\n}\n\nNode.js v20.20.2",
        "port 3000 is in use: Error: listen EADDRINUSE: address already in use :::3000",
    ),
    (
        ONE,
        "Error: listen EADDRINUSE: address already in use /run/a.sock\n    at S (node:net:1:1)",
        "the socket /run/a.sock is in use: Error: listen EADDRINUSE: address already in use \
         /run/a.sock",
    ),
    (
        ONE,
        "node:internal/deps/undici/undici:14976\n      Error.captureStackTrace(err);\n            \
         ^\n\nTypeError: fetch failed\n    at node:internal/deps/undici/undici:14976:13 {\n  [cause]: \
         Error: getaddrinfo ENOTFOUND nope.invalid\n      at GetAddrInfoReqWrap.onlookupall \
         (node:dns:122:26) {\n    errno: -3008,\n    hostname: 'nope.invalid'\n  }\n}\n\nNode.js \
         v20.20.2",
        "the name `nope.invalid` cannot be resolved: TypeError: fetch failed; caused by: Error: \
         getaddrinfo ENOTFOUND nope.invalid",
    ),
    (
        ONE,
        "/w/a.cjs:1\nclass Foo extends Error{};throw new Foo(\"x\\ny\")\n                          \
         ^\n\nFoo [Error]: x\ny\n    at Object.<anonymous> (/w/a.cjs:1:33)\n\nNode.js v20.20.2",
        "Foo [Error]: x",
    ),
    (
        ONE,
        "/w/a.cjs:1\nthrow e\n^\n\nBoom: m\n    at Object.<anonymous> (/w/a.cjs:1:21) {\n  code: \
         3\n}\n\nNode.js v20.20.2",
        "Boom: m",
    ),
    (
        ONE,
        "\n/w/a.cjs:1\nthrow new DOMException(\"aborted\",\"AbortError\")\n^\nDOMException \
         [AbortError]: aborted\n    at new DOMException (node:internal/per_context/domexception:53:5)\n\n\
         Node.js v20.20.2",
        "DOMException [AbortError]: aborted",
    ),
    (
        ONE,
        "node:fs:573\n  return binding.open(\n                 ^\n\nError: ENOENT: no such file or \
         directory, open '/n/c.json'\n    at Object.openSync (node:fs:573:18) {\n  errno: -2,\n  \
         path: '/n/c.json'\n}\n\nNode.js v20.20.2",
        "Error: ENOENT: no such file or directory, open '/n/c.json'",
    ),
    (
        ONE,
        "/w/a.cjs:1\nthrow z\n^\n\nZodError: [\n  {\n    \"code\": \"invalid_type\",\n    \"path\": [\n      \
         \"A\"\n    ],\n    \"message\": \"Required\"\n  }\n]\n    at Object.<anonymous> \
         (/w/a.cjs:1:164)\n\nNode.js v20.20.2",
        "ZodError: [ { \"code\": \"invalid_type\", \"path\": [ \"A\" ], \"message\": \"Required\" } ]",
    ),
    (
        ONE,
        "failed: Error: boom\n    at Object.<anonymous> (/w/a.cjs:1:26)\n    at node:internal/main/run_main_module:28:49",
        "failed: Error: boom",
    ),
    (
        ONE,
        "TypeError: x is not a function\n    at main (a.js:1:1)",
        "TypeError: x is not a function",
    ),
    (
        Exit::Signal(6),
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- \
         Native stack trace -----\n\n 1: 0xb78db3 node::OOMErrorHandler(char const*) [node]\n 2: \
         0xf06250 v8::Utils::ReportOOMFailure [node]",
        "Node ran out of its heap (raise it with `--max-old-space-size` in the command): FATAL ERROR: \
         Reached heap limit Allocation failed - JavaScript heap out of memory",
    ),
    (
        Exit::Code(13),
        "Warning: Detected unsettled top-level await at\nfile:///w/e.mjs:1\nawait new \
         Promise(()=>{})\n^\n\n\n",
        "it waits for a promise that can never settle",
    ),
];

const MODULES: &[Case] = &[
    (
        ONE,
        "node:internal/modules/esm/resolve:873\n  throw new ERR_MODULE_NOT_FOUND(x);\n        \
         ^\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'openai' imported from /w/a.js\n    at \
         packageResolve (node:internal/modules/esm/resolve:873:9) {\n  code: \
         'ERR_MODULE_NOT_FOUND'\n}\n\nNode.js v20.20.2",
        "the package `openai` is missing (install it beside the workers): Error \
         [ERR_MODULE_NOT_FOUND]: Cannot find package 'openai' imported from /w/a.js",
    ),
    (
        ONE,
        "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module \
         'dotenv/config'\nRequire stack:\n- /w/a.cjs\n    at Module._resolveFilename \
         (node:internal/modules/cjs/loader:1207:15) {\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js \
         v20.20.2",
        "the package `dotenv` is missing (install it beside the workers): Error: Cannot find \
         module 'dotenv/config'",
    ),
    (
        ONE,
        "Error: Cannot find module '@scope/name/deep/x.js'\nRequire stack:\n- /w/a.cjs\n    at M (node:x:1:1)",
        "the package `@scope/name` is missing (install it beside the workers): Error: Cannot find \
         module '@scope/name/deep/x.js'",
    ),
    (
        ONE,
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/w/gone.js' imported from /w/a.js\n    at f (node:i:1:1)",
        "the file `/w/gone.js` is missing: Error [ERR_MODULE_NOT_FOUND]: Cannot find module \
         '/w/gone.js' imported from /w/a.js",
    ),
    (
        ONE,
        "/w/a.js:1\nimport x from 'y'\n^^^^^^\n\nSyntaxError: Cannot use import statement outside a \
         module\n    at wrapSafe (node:internal/modules/cjs/loader:1464:18)\n\nNode.js v20.20.2",
        "it is an ES module in a folder whose package.json lacks `\"type\": \"module\"`: SyntaxError: \
         Cannot use import statement outside a module",
    ),
    (
        ONE,
        "file:///w/a.mjs:1\nimport { Nope } from 'openai'\n         ^^^^\nSyntaxError: The requested \
         module 'openai' does not provide an export named 'Nope'\n    at ModuleJob._instantiate \
         (node:internal/modules/esm/module_job:134:21)",
        "SyntaxError: The requested module 'openai' does not provide an export named 'Nope'",
    ),
];

const SYNTAX: &[Case] = &[
    (
        ONE,
        "file:///w/a.js:2\nconst x = {;\n           ^\n\nSyntaxError: Unexpected token ';'\n    at \
         compileSourceTextModule (node:internal/modules/esm/utils:346:16)\n\nNode.js v20.20.2",
        "a syntax error in a.js, line 2: SyntaxError: Unexpected token ';'",
    ),
    (
        ONE,
        "/w/bad.cjs:1\nx = {;\n     ^\n\nSyntaxError: Unexpected token ';'\n    at wrapSafe \
         (node:internal/modules/cjs/loader:1464:18)\n    at Object.<anonymous> \
         (/w/a.cjs:1:1)\n\nNode.js v20.20.2",
        "a syntax error in bad.cjs, line 1: SyntaxError: Unexpected token ';'",
    ),
    (
        ONE,
        "<anonymous_script>:1\n{a\n ^\n\nSyntaxError: Expected property name or '}' in JSON at position \
         1\n    at JSON.parse (<anonymous>)\n    at Object.<anonymous> (/w/a.cjs:1:6)\n\nNode.js \
         v20.20.2",
        "SyntaxError: Expected property name or '}' in JSON at position 1",
    ),
    (
        ONE,
        "undefined:1\n<!DOCTYPE html>\n^\n\nSyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not \
         valid JSON\n    at JSON.parse (<anonymous>)\n    at async file:///w/a.js:2:3\n\nNode.js v18.1.0",
        "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    ),
    (
        ONE,
        "/w/a.cjs:1\nnew RegExp(\"(\")\n^\n\nSyntaxError: Invalid regular expression: /(/: Unterminated \
         group\n    at new RegExp (<anonymous>)\n    at Object.<anonymous> (/w/a.cjs:1:1)\n\nNode.js \
         v20.20.2",
        "SyntaxError: Invalid regular expression: /(/: Unterminated group",
    ),
    (ONE, "SyntaxError: Unexpected end of input", "SyntaxError: Unexpected end of input"),
];

const TYPESCRIPT: &[Case] = &[
    (
        ONE,
        "node:internal/modules/esm/get_format:189\n  throw new ERR_UNKNOWN_FILE_EXTENSION(ext, \
         filepath);\n        ^\n\nTypeError [ERR_UNKNOWN_FILE_EXTENSION]: Unknown file extension \
         \".ts\" for /w/h.ts\n    at Object.getFileProtocolModuleFormat (node:internal/x:189:9)\n\n\
         Node.js v20.20.2",
        "this Node does not run TypeScript (a rule with `tsx` does): TypeError \
         [ERR_UNKNOWN_FILE_EXTENSION]: Unknown file extension \".ts\" for /w/h.ts",
    ),
    (
        ONE,
        "/w/node_modules/ts-node/src/index.ts:859\n    return new TSError(diagnosticText);\n           \
         ^\nTSError: ⨯ Unable to compile TypeScript:\nsrc/a.ts:3:7 - error TS2322: Type 'string' is \
         not assignable to type 'number'.\n\n3 const x: number = 'a'\n        ~\n\n    at \
         createTSError (/w/node_modules/ts-node/src/index.ts:859:12) {\n  diagnosticCodes: [ 2322 ]\n}",
        "TSError: ⨯ Unable to compile TypeScript: src/a.ts:3:7 - error TS2322: Type 'string' is not \
         assignable to type 'number'.",
    ),
    (
        ONE,
        "node:internal/process/promises:394\n      triggerUncaughtException(err, true);\n      \
         ^\n\nError: Transform failed with 1 error:\n/w/a.ts:3:7: ERROR: Expected \";\" but found \
         \"x\"\n    at failureErrorWithLog (/w/node_modules/esbuild/lib/main.js:1472:15)\n\nNode.js \
         v22.4.0",
        "Error: Transform failed with 1 error: /w/a.ts:3:7: ERROR: Expected \";\" but found \"x\"",
    ),
    (
        ONE,
        "error: Uncaught (in promise) Error: boom\n    throw new Error(\"boom\");\n          ^\n    at \
         file:///w/a.ts:1:7",
        "error: Uncaught (in promise) Error: boom",
    ),
    (
        ONE,
        "error: Module not found \"file:///w/gone.ts\".\n    at file:///w/a.ts:1:8",
        "the file `file:///w/gone.ts` is missing: error: Module not found \"file:///w/gone.ts\".",
    ),
    (
        ONE,
        "1 | throw new Error(\"boom\")\n          ^\nerror: boom\n      at /w/a.ts:1:7\n\nBun v1.1.0 (Linux \
         x64)",
        "error: boom",
    ),
    (
        ONE,
        "error: Cannot find package \"openai\" from \"/w/a.ts\"\n\nBun v1.1.0 (Linux x64)",
        "the package `openai` is missing (install it beside the workers): error: Cannot find \
         package \"openai\" from \"/w/a.ts\"",
    ),
];

const NPM: &[Case] = &[
    (
        ONE,
        "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/x\nnpm error \
         404\nnpm error 404  The requested resource 'x@*' could not be found\nnpm error A complete log \
         of this run can be found in: /root/.npm/_logs/x.log",
        "npm error 404 Not Found - GET https://registry.example/x",
    ),
    (
        ONE,
        "npm ERR! Missing script: \"nosuch\"\nnpm ERR! \nnpm ERR! To see a list of scripts, run:\nnpm \
         ERR!   npm run\n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     \
         /root/.npm/_logs/x.log",
        "npm ERR! Missing script: \"nosuch\"",
    ),
    (
        Exit::Code(127),
        "sh: 1: tsx: not found\nnpm error Lifecycle script `w` failed with error:\nnpm error code \
         127\nnpm error path /w\nnpm error workspace w@1.0.0",
        "the command `tsx`, which it runs, was not found: sh: 1: tsx: not found",
    ),
    (
        ONE,
        "/w/a.js:1\nx()\n^\n\nReferenceError: x is not defined\n    at Object.<anonymous> \
         (/w/a.js:1:1)\n\nNode.js v20.20.2\nnpm ERR! Lifecycle script `w` failed with error: \nnpm \
         ERR! Error: command failed \nnpm ERR!   in workspace: w@1.0.0",
        "ReferenceError: x is not defined",
    ),
    (ONE, "The token is bad\n ELIFECYCLE  Command failed with exit code 1.", "The token is bad"),
    (
        ONE,
        "The token is bad\nerror Command failed with exit code 1.\ninfo Visit \
         https://yarnpkg.com/en/docs/cli/run for documentation about this command.",
        "The token is bad",
    ),
];

#[test]
fn uncaught_errors_of_node() {
    check(UNCAUGHT);
}

#[test]
fn modules_that_are_missing() {
    check(MODULES);
}

#[test]
fn a_file_that_cannot_be_parsed_differs_from_text_that_cannot() {
    check(SYNTAX);
}

#[test]
fn typescript_deno_and_bun() {
    check(TYPESCRIPT);
}

#[test]
fn package_managers_around_a_script() {
    check(NPM);
}
