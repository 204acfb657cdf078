//! Tasks: a worker's default export, called once as its run, by a real Node.

use crate::{
    site::{Setup, Site},
    six_workers::NAMES,
};

const IMPORTS: &str = "import OpenAI from 'openai';\n";

fn site(file: &str, text: &str) -> Site {
    Setup::new().openai().worker(file, text).start()
}

#[test]
fn a_default_export_is_called_and_its_value_is_the_result() {
    let text = format!(
        "{IMPORTS}export default async (input, {{ logger, id, model, signal }}) => {{
           logger('one'); logger.warn('two');
           return {{ input: input ?? null, id, model, aborted: signal.aborted }};
         }};"
    );
    let site = Setup::new().openai().env("AI_MODEL", "gpt-task").worker("a.mjs", &text).start();
    site.wait_state("a", "completed");
    let log = site.wait_said("result: ");
    assert!(log.contains("one") && log.contains("two"), "{log}");
    assert!(
        log.contains(r#"[a] result: {"input":null,"id":"a","model":"gpt-task","aborted":false}"#),
        "{log}"
    );
    assert!(log.contains("✅ a running with model: gpt-task"), "{log}");
}

#[test]
fn module_exports_of_a_function_is_a_task_too() {
    let site = site("a.js", "require('openai'); module.exports = async () => ({ fine: 1 });");
    site.wait_state("a", "completed");
    site.wait_said(r#"result: {"fine":1}"#);
}

#[test]
fn what_exits_by_itself_or_exports_nothing_is_a_script() {
    let site = Setup::new()
        .openai()
        .worker("exits.mjs", &format!("{IMPORTS}export default () => 'never'; process.exit(0);"))
        .worker("plain.mjs", &format!("{IMPORTS}console.log('merely ran');"))
        .start();
    site.wait_state("exits", "completed");
    site.wait_state("plain", "completed");
    site.wait_text("memory/logs/plain.log", "merely ran");
    assert!(!site.session().contains("result:"), "{}", site.session());
}

#[test]
fn a_throw_is_logged_with_its_stack_and_fails_the_run() {
    let site = Setup::new()
        .openai()
        .set("restart.max_attempts", "0")
        .worker(
            "a.mjs",
            &format!(
                "{IMPORTS}export default async function breaks() {{ throw new Error('no luck'); }}"
            ),
        )
        .start();
    assert_eq!(site.wait_state("a", "failed").at("/lastExit/code"), 1);
    let log = site.wait_said("no luck");
    assert!(log.contains("at breaks") && log.contains("a.mjs:2"), "{log}");
}

#[test]
fn mode_task_without_a_function_fails_and_says_why() {
    let site = Setup::new()
        .openai()
        .set("restart.max_attempts", "0")
        .set("workers.a.mode", "'task'")
        .worker("a.mjs", IMPORTS)
        .start();
    let a = site.wait_state("a", "failed");
    assert!(a.at("/lastExit/reason").to_string().contains("default export"), "{a:?}");
}

#[test]
fn the_idioms_of_a_main_file_stay_true() {
    let site = Setup::new()
        .openai()
        .worker("cjs.js", "require('openai'); if (require.main === module) console.log('main cjs'); module.exports = () => 1;")
        .worker(
            "esm.mjs",
            &format!(
                "{IMPORTS}import {{ pathToFileURL }} from 'node:url';
                 if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log('main esm');
                 export default () => 1;"
            ),
        )
        .start();
    site.wait_text("memory/logs/cjs.log", "main cjs");
    site.wait_text("memory/logs/esm.log", "main esm");
}

#[test]
fn a_run_by_hand_has_the_input_that_was_posted() {
    let site = site(
        "a.mjs",
        &format!("{IMPORTS}export default async (input) => ({{ got: input ?? null }});"),
    );
    site.wait_state("a", "completed");
    let json = [("Content-Type", "application/json")];
    let reply = site.request("POST", "/workers/run/a?wait=1", &json, r#"{"n":4711}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    site.wait_said(r#"result: {"got":{"n":4711}}"#);
    assert_eq!(site.wait_state("a", "completed").starts(), 2);
}

#[test]
fn a_stop_aborts_the_signal_of_a_running_task() {
    let text = format!(
        "{IMPORTS}export default (input, {{ signal, logger }}) => new Promise((done) => {{
           logger('begun');
           const alive = setInterval(() => {{}}, 1e6);
           signal.addEventListener('abort', () => {{ clearInterval(alive); done('stopped in time'); }});
         }});"
    );
    let site = site("a.mjs", &text);
    site.wait_state("a", "running");
    site.wait_said("begun");
    assert_eq!(site.post("/workers/stop/a").status, 200);
    assert_eq!(site.wait_state("a", "stopped").at("/lastExit/code"), 0);
    site.wait_said(r#"result: "stopped in time""#);
}

/// The worker files of the Node system before arcanos: each imports only a helper, exports its task
/// as default, and does nothing when it is merely run.
#[test]
fn six_workers_that_reach_the_sdk_through_a_helper_complete() {
    let helper = format!(
        "{IMPORTS}let client;
         export const ai = () => (client ??= new OpenAI({{ apiKey: process.env.OPENAI_API_KEY }}));
         export const model = () => process.env.AI_MODEL;"
    );
    let mut setup = Setup::new()
        .unset("discovery.rules")
        .openai()
        .worker("package.json", r#"{"type":"module"}"#)
        .worker("shared/workerUtils.js", &helper);
    for name in NAMES {
        let text = format!(
            "import {{ ai, model }} from './shared/workerUtils.js';
             export default async function runWorkerTask(input, context) {{
               context.logger('working on it');
               return {{ worker: '{name}', model: model(), hasClient: ai() !== undefined, id: context.id }};
             }}"
        );
        setup = setup.worker(&format!("{name}.js"), &text);
    }
    let site = setup.start();
    let done = site.wait("six completed", |picture| picture.count("completed") == NAMES.len());
    assert_eq!(done.ids(), NAMES);
    for name in NAMES {
        let result = r#"{"worker":"NAME","model":"gpt-4o-mini","hasClient":true,"id":"NAME"}"#;
        site.wait_said(&format!("[{name}] result: {}", result.replace("NAME", name)));
        site.wait_said(&format!("Found OpenAI SDK worker: {name}.js"));
    }
    assert_eq!(site.get("/workers/status")["summary"]["totalWorkers"], 6);
}
