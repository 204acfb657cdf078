//! What the runner makes of files, with real Node.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::{Done, Exit, Incoming, Mode, node, run};

pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(super) fn file(&self, name: &str, body: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, body).expect("a file");
        path
    }
}

async fn task(name: &str, body: &str, mode: Mode, input: Option<&str>) -> Done {
    let folder = Folder::new();
    run(node(&folder.file(name, body), mode, input)).await
}

pub(super) fn results(done: &Done) -> Vec<&str> {
    let said = done.said.iter();
    said.filter_map(|incoming| match incoming {
        Incoming::Result { value } => Some(value.as_str()),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn a_default_export_is_called_once_with_its_input() {
    for (name, body) in [
        ("a.mjs", "export default async (x) => { console.log('called'); return { z: x, a: 1 } }"),
        (
            "a.js",
            "import fs from 'node:fs'; export default (x) => { console.log('called'); return { z: x, a: 1 } }",
        ),
        ("a.cjs", "module.exports = async (x) => { console.log('called'); return { z: x, a: 1 } }"),
        (
            "a.js",
            "exports.other = 1; exports.default = function (x) { console.log('called'); return { z: x, a: 1 } }",
        ),
        (
            "a.mjs",
            "await new Promise(r => setTimeout(r, 20)); export default (x) => { console.log('called'); return { z: x, a: 1 } }",
        ),
        (
            "a.mjs",
            "export async function other() {}\nexport default async function runWorkerTask(input, context) { console.log('called'); return { z: input, a: 1 } }",
        ),
    ] {
        let done = task(name, body, Mode::Auto, Some("[\"ä\",null]")).await;
        assert_eq!(done.exit, Exit::Code(0), "{body} {done:?}");
        assert_eq!(done.stdout, "called\n", "{body} {done:?}");
        assert_eq!(results(&done), [r#"{"z":["ä",null],"a":1}"#], "{body}");
    }
}

#[tokio::test]
async fn what_is_not_a_task_is_a_script() {
    for (name, body, stdout, code) in [
        ("a.mjs", "console.log('on'); export default 7", "on\n", 0),
        ("a.mjs", "console.log('on'); export default class Worker {}", "on\n", 0),
        ("a.cjs", "console.log('on'); module.exports = class {}", "on\n", 0),
        (
            "a.js",
            "setTimeout(() => { console.log('late'); process.exit(3) }, 20); module.exports = () => console.log('CALLED')",
            "late\n",
            3,
        ),
        ("a.js", "process.exitCode = 4; console.log('on')", "on\n", 4),
        (
            "a.js",
            "console.log(process.argv.length, process.execArgv.length, Object.keys(process.env).filter(n => n.startsWith('ARCANOS_') && n !== 'ARCANOS_RUN_ID').length, process.listenerCount('message') + process.listenerCount('SIGTERM'))",
            "2 0 0 0\n",
            0,
        ),
    ] {
        let done = task(name, body, Mode::Auto, Some("1")).await;
        assert_eq!(
            (done.exit, done.stdout.as_str()),
            (Exit::Code(code), stdout),
            "{body} {done:?}"
        );
        assert_eq!(results(&done), [""; 0], "{body}");
    }
    let body = "module.exports = () => console.log('CALLED')";
    assert_eq!(task("a.js", body, Mode::Script, None).await.stdout, "");
}

#[tokio::test]
async fn the_work_of_the_file_itself_comes_first() {
    let body = "import { pathToFileURL } from 'node:url';
        if (import.meta.url === pathToFileURL(process.argv[1]).href) setTimeout(() => console.log('own work'), 50);
        export default () => { console.log('called') };";
    assert_eq!(task("a.mjs", body, Mode::Auto, None).await.stdout, "own work\ncalled\n");
    let body = "console.log(require.main === module); module.exports = (x) => x === undefined";
    let done = task("a.js", body, Mode::Auto, None).await;
    assert_eq!((done.stdout.as_str(), results(&done)), ("true\n", vec!["true"]));
}

#[tokio::test]
async fn a_file_behind_a_link_is_still_the_main_one() {
    let folder = Folder::new();
    fs::create_dir(folder.0.path().join("real dir")).expect("a folder");
    let body = "let n = 0; n++; export default () => n";
    folder.file("real dir/a.mjs", body);
    symlink(folder.0.path().join("real dir"), folder.0.path().join("link")).expect("a link");
    let done = run(node(&folder.0.path().join("link/a.mjs"), Mode::Task, None)).await;
    assert_eq!((done.exit, results(&done)), (Exit::Code(0), vec!["1"]), "{done:?}");
}

#[tokio::test]
async fn a_stack_ends_where_the_file_does() {
    let body = "export default function top() { under() }\n\
        const under = () => { throw Object.assign(new Error('boom', { cause: new Error('root') }), { code: 7 }) }";
    let stderr = task("a.mjs", body, Mode::Auto, None).await.stderr;
    assert!(stderr.contains("at under") && stderr.contains("at top"), "{stderr}");
    assert!(stderr.contains(" {\n") && stderr.contains("code: 7"), "{stderr}");
    assert!(stderr.contains("Error: root"), "{stderr}");
    assert!(!stderr.contains("data:") && !stderr.contains("arcanos:task"), "{stderr}");
    assert!(stderr.len() < 2000, "{stderr}");
}

#[tokio::test]
async fn failures_fail_with_their_stack() {
    for (name, body, code, stderr) in [
        (
            "a.mjs",
            "export default async () => { throw new Error('task boom') }",
            1,
            "Error: task boom\n    at",
        ),
        ("a.cjs", "module.exports = () => Promise.reject('plain boom')", 1, "plain boom\n"),
        (
            "a.mjs",
            "await Promise.reject(new Error('tla boom')); export default () => console.log('CALLED')",
            1,
            "tla boom",
        ),
        ("a.mjs", "export default () => new Promise(() => {})", 13, "can never end"),
        ("a.mjs", "export default () => 10n", 1, "cannot be sent as JSON"),
        (
            "a.mjs",
            "export default () => { const o = {}; o.o = o; return o }",
            1,
            "cannot be sent as JSON",
        ),
        ("a.mjs", "await new Promise(() => {}); export default () => 1", 13, ""),
    ] {
        let done = task(name, body, Mode::Auto, None).await;
        assert_eq!(done.exit, Exit::Code(code), "{body} {done:?}");
        assert!(done.stderr.contains(stderr), "{body} {done:?}");
        assert_eq!(done.stdout, "", "{body}");
    }
}

#[tokio::test]
async fn a_task_without_a_function_says_so() {
    let done = task("a.mjs", "export const x = 1", Mode::Task, None).await;
    assert_eq!(done.exit, Exit::Code(1));
    let reason = "a.mjs has no default export that is a function";
    assert_eq!(done.stderr, format!("{reason}\n"));
    let said = Incoming::ExitReason { reason: reason.to_owned(), retry_after: None };
    assert_eq!(done.said, [said]);
}

#[tokio::test]
async fn results_of_any_kind_arrive() {
    for (value, expected) in [
        ("undefined", "null"),
        ("null", "null"),
        ("() => 1", "null"),
        ("'two\\nlines'", r#""two\nlines""#),
        ("new Date(0)", r#""1970-01-01T00:00:00.000Z""#),
        ("[1.50, {}]", "[1.5,{}]"),
    ] {
        let done =
            task("a.mjs", &format!("export default () => ({value})"), Mode::Auto, None).await;
        assert_eq!(
            (done.exit, results(&done)),
            (Exit::Code(0), vec![expected]),
            "{value} {done:?}"
        );
    }
    let done = task("a.mjs", "export default () => 'x'.repeat(300000)", Mode::Auto, None).await;
    assert_eq!(results(&done).first().map(|r| r.len()), Some(300_002));
    let done = task("a.mjs", "export default () => '\"'.repeat(3 << 20)", Mode::Auto, None).await;
    assert_eq!(done.exit, Exit::Code(0));
    assert!(results(&done).first().is_some_and(|r| r.ends_with("bytes of JSON]\"")), "{done:?}");
}

#[tokio::test]
async fn the_last_output_before_the_end_is_kept() {
    let body = "export default () => { for (let i = 1; i <= 5000; i++) console.log('line ' + i); \
                process.stderr.write('e'.repeat(300000)); return 'end' }";
    let done = task("a.mjs", body, Mode::Auto, None).await;
    assert!(done.stdout.ends_with("line 5000\n"));
    assert_eq!((done.stderr.len(), results(&done)), (300_000, vec!["\"end\""]));
}

#[tokio::test]
async fn the_context_names_and_logs() {
    let folder = Folder::new();
    let body = "export default (x, { logger, id, model }) => { logger('one'); logger.warn('two', { a: 1 }); return [id, model] }";
    let mut command = node(&folder.file("a.mjs", body), Mode::Auto, None);
    command.env.push(("ARCANOS_WORKER_ID".to_owned(), "a".to_owned()));
    command.env.push(("AI_MODEL".to_owned(), "m".to_owned()));
    let mut silent = command.clone();
    let done = run(command).await;
    let log = |level: &str, message: &str| Incoming::Log {
        level: level.to_owned(),
        message: message.to_owned(),
    };
    let result = Incoming::Result { value: r#"["a","m"]"#.to_owned() };
    let said = [Incoming::TaskBegan, log("info", "one"), log("warn", "two { a: 1 }"), result];
    assert_eq!(done.said, said);
    silent.ipc = false;
    let done = run(silent).await;
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("one\nresult: [\"a\",\"m\"]\n", "two { a: 1 }\n")
    );
}
