//! Models: the stand-in asked by the real `openai` client, and a server that we did not write.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use crate::{
    npm,
    site::{Setup, Site},
};

/// Asks for everything that the stand-in serves, streaming and not.
const ASKS: &str = r"
import OpenAI from 'openai';
export default async function runWorkerTask(input, { model }) {
  const client = new OpenAI();
  const messages = [{ role: 'user', content: 'three small words' }];
  const chat = await client.chat.completions.create({ model, messages });
  let streamed = '';
  for await (const part of await client.chat.completions.create({ model, messages, stream: true })) {
    streamed += part.choices[0]?.delta?.content ?? '';
  }
  const response = await client.responses.create({ model, input: 'three small words' });
  const kinds = new Set();
  for await (const event of await client.responses.create({ model, input: 'x', stream: true })) kinds.add(event.type);
  const embedded = await client.embeddings.create({ model, input: ['one', 'two'] });
  const listed = [];
  for await (const entry of client.models.list()) listed.push(entry.id);
  return {
    chat: chat.choices[0].message.content.startsWith('[arcanos stand-in]'), usage: chat.usage.prompt_tokens > 0,
    same: streamed === chat.choices[0].message.content, response: response.output_text.startsWith('[arcanos stand-in]'),
    completed: kinds.has('response.completed'), embedded: embedded.data.length, listed: listed.includes('arcanos-echo'),
  };
}";

/// Asks one question.
const ASKS_ONCE: &str = r"
import OpenAI from 'openai';
export default async (input, { model }) => {
  const answer = await new OpenAI().chat.completions.create({ model, messages: [{ role: 'user', content: 'hello there' }] });
  return answer.choices[0].message.content;
};";

/// Serves a fixed answer with aimock, and says where.
const SERVES: &str = r"
const { LLMock } = require('@copilotkit/aimock');
const mock = new LLMock({ port: 0 });
mock.onMessage(/hello/, { content: 'not ours 4711' });
mock.start().then((url) => console.log(typeof url === 'string' ? url : mock.url));
setInterval(() => {}, 1e6);";

/// A site whose workers find the real packages.
fn with_packages(setup: Setup) -> Site {
    let mut site = setup.worker("package.json", r#"{"type":"module"}"#).lay();
    symlink(npm::modules(), site.path("workers/node_modules")).unwrap();
    site.start();
    site
}

/// A server of aimock, ended with the test.
struct Mock(Child);

impl Mock {
    fn start() -> (Self, String) {
        let mut child = Command::new("node")
            .args(["-e", SERVES])
            .env("NODE_PATH", npm::modules())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let url = stdout.lines().map_while(Result::ok).find(|line| line.starts_with("http"));
        (Self(child), url.expect("it says where it listens"))
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_stand_in_satisfies_the_real_client() {
    let site = with_packages(Setup::new().worker("a.js", ASKS));
    let log = site.wait_said("result: ");
    let result = log.split("result: ").nth(1).unwrap().lines().next().unwrap();
    let expected = serde_json::json!({
        "chat": true, "usage": true, "same": true, "response": true,
        "completed": true, "embedded": 2, "listed": true,
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(result).unwrap(), expected);
    let ai = site.get("/health")["ai"].clone();
    assert_eq!((ai["upstream"].as_str(), ai["reachable"].as_bool()), (Some("echo"), Some(true)));
    site.await_text("stderr", "set OPENAI_API_KEY");
}

#[test]
fn a_server_that_is_not_ours_answers_the_workers() {
    let (_mock, url) = Mock::start();
    let setup =
        Setup::new().set("model.upstream", &format!("'{url}/v1'")).worker("a.js", ASKS_ONCE);
    let site = with_packages(setup);
    site.wait_said(r#"[a] result: "not ours 4711""#);
    assert_eq!(site.get("/health")["ai"]["upstream"], format!("{url}/v1"));
}

#[test]
fn an_upstream_that_is_not_there_is_shown_and_stops_nothing() {
    let site = Setup::new()
        .set("model.upstream", "'http://127.0.0.1:9/v1'")
        .env("OPENAI_API_KEY", "sk-model-0123456789abcdef")
        .worker("a.sh", "exec sleep 86400")
        .start();
    site.wait_running(&["a"]);
    let health =
        site.wait_health("the upstream to be missed", |health| health["ai"]["reachable"] == false);
    assert_eq!(health["status"], "degraded");
    assert!(!health.to_string().contains("0123456789abcdef"), "{health}");
}

#[test]
fn an_upstream_of_ones_own_is_asked_without_a_key_too() {
    let site = Setup::new()
        .set("model.upstream", "'http://127.0.0.1:9/v1'")
        .worker("a.sh", "exec sleep 86400")
        .start();
    let health =
        site.wait_health("the upstream to be missed", |health| health["ai"]["reachable"] == false);
    assert!(health["problems"].to_string().contains("127.0.0.1:9"), "{health}");
}

#[test]
fn another_upstream_is_taken_up_by_the_next_run() {
    let (_mock, url) = Mock::start();
    let mut site = with_packages(Setup::new().worker("a.js", ASKS_ONCE));
    site.wait_said("result: \"[arcanos stand-in]");
    site.set("model.upstream", &format!("'{url}/v1'"));
    site.wait_said(r#"result: "not ours 4711""#);
}
