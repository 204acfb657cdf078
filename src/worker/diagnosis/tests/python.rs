//! Python: tracebacks, chains, groups, and what its libraries say.

use super::{Case, Exit, ONE, check};

const TRACEBACKS: &[Case] = &[
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 2, in <module>\n    \
         {}[\"a\"]\n    ~~^^^^^\nKeyError: 'a'\n\nDuring handling of the above exception, another \
         exception occurred:\n\nTraceback (most recent call last):\n  File \"/w/p.py\", line 4, in \
         <module>\n    raise RuntimeError(\"second\")\nRuntimeError: second",
        "RuntimeError: second",
    ),
    (
        ONE,
        "  + Exception Group Traceback (most recent call last):\n  |   File \"/w/p.py\", line 7, in \
         <module>\n  |     asyncio.run(main())\n  |            ^^^^^\n  |     raise me from None\n  | \
         ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n  +-+---------------- 1 \
         ----------------\n    | Traceback (most recent call last):\n    |   File \"/w/p.py\", line 3, \
         in job\n    |     raise ValueError(\"bad\")\n    | ValueError: bad\n    \
         +------------------------------------",
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): ValueError: bad",
    ),
    (
        ONE,
        "  + Exception Group Traceback (most recent call last):\n  |   File \"/w/p.py\", line 1, in \
         <module>\n  |     raise ExceptionGroup(\"two\", [])\n  | ExceptionGroup: two (2 \
         sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: bad prompt\n    \
         +---------------- 2 ----------------\n    | ExceptionGroup: in (1 sub-exception)\n    \
         +-+---------------- 1 ----------------\n      | KeyError: 'm'\n      \
         +------------------------------------",
        "ExceptionGroup: two (2 sub-exceptions): ValueError: bad prompt",
    ),
    (
        ONE,
        "  + Exception Group Traceback (most recent call last):\n  |   File \"/w/p.py\", line 1, in \
         <module>\n  |     raise BaseExceptionGroup(\"in\", [])\n  | BaseExceptionGroup: outer (1 \
         sub-exception)\n  +-+---------------- 1 ----------------\n    | Exception Group Traceback \
         (most recent call last):\n    |   File \"/w/p.py\", line 9, in f\n    |     raise g\n    | \
         ExceptionGroup: inner (1 sub-exception)\n    +-+---------------- 1 ----------------\n      | \
         Traceback (most recent call last):\n      |   File \"/w/p.py\", line 3, in h\n      |     \
         raise Quota(\"used up\")\n      | Quota: used up\n      \
         +------------------------------------",
        "BaseExceptionGroup: outer (1 sub-exception): Quota: used up",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 2, in <module>\n    raise \
         Quota(\"used up\")\n__main__.Quota: used up",
        "__main__.Quota: used up",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    assert \
         False\nAssertionError",
        "AssertionError",
    ),
    (
        ONE,
        "ERROR:root:failed\nTraceback (most recent call last):\n  File \"/w/p.py\", line 3, in \
         <module>\n    1/0\n    ~^~\nZeroDivisionError: division by zero",
        "ZeroDivisionError: division by zero",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 3, in <module>\n    \
         Settings()\npydantic_core._pydantic_core.ValidationError: 1 validation error for \
         Settings\nmodel_name\n  Field required [type=missing, input_value={}, input_type=dict]\n    For \
         further information visit https://errors.pydantic.dev/2.7/v/missing",
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings model_name \
         Field required [type=missing, input_value={}, input_type=dict]",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    \
         open(\"/nope\")\nFileNotFoundError: [Errno 2] No such file or directory: '/nope'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/nope'",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/x/subprocess.py\", line 571, in run\n    raise \
         CalledProcessError(retcode)\nsubprocess.CalledProcessError: Command '['false']' returned \
         non-zero exit status 1.",
        "subprocess.CalledProcessError: Command '['false']' returned non-zero exit status 1.",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    \
         input()\nEOFError: EOF when reading a line",
        "its stdin is empty (`stdin = \"open\"` under `[workers.ID]` keeps it open): EOFError: EOF \
         when reading a line",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    x = [0] * \
         10**12\nMemoryError",
        "Python ran out of memory: MemoryError",
    ),
];

const PARSED: &[Case] = &[
    (
        ONE,
        "  File \"/w/a.py\", line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax",
        "a syntax error in a.py, line 2: SyntaxError: invalid syntax",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import \
         bad\n  File \"/w/bad.py\", line 2\n    pass\n    ^\nIndentationError: expected an indented \
         block after function definition on line 1",
        "a syntax error in bad.py, line 2: IndentationError: expected an indented block after \
         function definition on line 1",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    \
         eval(\"1+\")\n  File \"<string>\", line 1\n    1+\nSyntaxError: invalid syntax",
        "SyntaxError: invalid syntax",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/x/json/decoder.py\", line 355, in \
         raw_decode\n    raise JSONDecodeError(\"Expecting value\", s, err.value) from \
         None\njson.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    ),
];

const MODULES: &[Case] = &[
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import \
         openai\nModuleNotFoundError: No module named 'openai'",
        "the package `openai` is missing (install it for the Python that runs the worker): \
         ModuleNotFoundError: No module named 'openai'",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import \
         mylib.sub\nModuleNotFoundError: No module named 'mylib.sub'",
        "the module `mylib.sub` is missing: ModuleNotFoundError: No module named 'mylib.sub'",
    ),
    (
        ONE,
        "/usr/bin/python3: No module named uvicorn",
        "the package `uvicorn` is missing (install it for the Python that runs the worker): \
         /usr/bin/python3: No module named uvicorn",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    from . import \
         x\nImportError: attempted relative import with no known parent package",
        "ImportError: attempted relative import with no known parent package",
    ),
];

const NETWORK: &[Case] = &[
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    \
         s.connect(x)\nConnectionRefusedError: [Errno 111] Connection refused",
        "a server it needs refused the connection: ConnectionRefusedError: [Errno 111] Connection \
         refused",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in \
         <module>\n    r.get(u)\nrequests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', \
         port=9999): Max retries exceeded with url: / (Caused by NewConnectionError('[Errno 111] \
         Connection refused'))",
        "localhost:9999 refused the connection: requests.exceptions.ConnectionError: \
         HTTPConnectionPool(host='localhost', port=9999): Max retries exceeded with url: / (Caused by \
         NewConnectionError('[Errno 111] Connection refused'))",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in \
         <module>\n    c()\npsycopg.OperationalError: connection to server at \"localhost\" (127.0.0.1), \
         port 5432 failed: Connection refused",
        "localhost:5432 refused the connection: psycopg.OperationalError: connection to server at \
         \"localhost\" (127.0.0.1), port 5432 failed: Connection refused",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in \
         <module>\n    c()\nredis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. \
         Connection refused.",
        "localhost:6379 refused the connection: redis.exceptions.ConnectionError: Error 111 connecting \
         to localhost:6379. Connection refused.",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in \
         <module>\n    c()\nsocket.gaierror: [Errno -2] Name or service not known",
        "the name of a server it needs cannot be resolved: socket.gaierror: [Errno -2] Name or service \
         not known",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 1, in <module>\n    \
         s.bind(x)\nOSError: [Errno 98] Address already in use",
        "a port it wants to listen on is in use: OSError: [Errno 98] Address already in use",
    ),
    (
        ONE,
        "INFO:     Started server process [42]\nINFO:     Waiting for application startup.\nERROR:    \
         [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in \
         use\nINFO:     Waiting for application shutdown.\nINFO:     Application shutdown complete.",
        "port 8000 is in use: ERROR:    [Errno 98] error while attempting to bind on address \
         ('0.0.0.0', 8000): address already in use",
    ),
    (
        Exit::Code(3),
        "ERROR:    Traceback (most recent call last):\n  File \"/x/starlette/routing.py\", line 732, in \
         lifespan\n    yield\nValueError: boom\n\nERROR:    Application startup failed. Exiting.",
        "ValueError: boom",
    ),
    (
        ONE,
        "ERROR:    Error loading ASGI app. Could not import module \"main\".",
        "ERROR:    Error loading ASGI app. Could not import module \"main\".",
    ),
];

const VARIABLES: &[Case] = &[
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 2, in <module>\n    \
         os.environ[\"NOPE_TOKEN\"]\n    ~~~~~~~~~~^^^^^^^^^^^^^^\n  File \"<frozen os>\", line 679, in \
         __getitem__\nKeyError: 'NOPE_TOKEN'",
        "`NOPE_TOKEN` is not passed on: arcanos has none (set it under `[env.set]`): KeyError: \
         'NOPE_TOKEN'",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/p.py\", line 2, in <module>\n    \
         config[\"name\"]\nKeyError: 'name'",
        "KeyError: 'name'",
    ),
];

#[test]
fn tracebacks_chains_and_groups() {
    check(TRACEBACKS);
}

#[test]
fn a_file_that_cannot_be_parsed_differs_from_text_that_cannot() {
    check(PARSED);
}

#[test]
fn modules_that_are_missing() {
    check(MODULES);
}

#[test]
fn servers_and_ports() {
    check(NETWORK);
}

#[test]
fn variables_that_are_not_there() {
    check(VARIABLES);
}
