//! How tasks end when they are asked to stop, and what they leave.

use super::{
    Channel, Duration, Exit, Incoming, Mode, Receiver, Spawned, Spawner, finish, first_line, node,
    run, spawn,
    tasks::{Folder, results},
    within,
};
use crate::domain::{StopMessage, StopTarget};

#[tokio::test]
async fn a_stop_ends_a_task_by_its_signal_and_aborts_first() {
    let hang = "await new Promise(r => setTimeout(r, 60000))";
    for (body, exit, rest) in [
        (format!("export default async () => {{ console.log('at work'); {hang} }}"), Exit::Signal(15), ""),
        (format!("export default async (x, {{ signal }}) => {{ signal.onabort = () => console.log('aborted'); console.log('at work'); {hang} }}"), Exit::Signal(15), "aborted"),
        ("import { setTimeout as t } from 'node:timers/promises'; export default async (x, { signal }) => { console.log('at work'); await t(60000, 0, { signal }) }".to_owned(), Exit::Signal(15), ""),
        ("export default (x, { signal }) => new Promise(r => { signal.onabort = () => { console.log('saved'); r('early') }; setTimeout(r, 60000); console.log('at work') })".to_owned(), Exit::Code(0), "saved"),
    ] {
        let folder = Folder::new();
        let spawner = Spawner::start().expect("threads");
        let command = node(&folder.file("a.mjs", &body), Mode::Auto, None);
        let mut spawned = spawn(&spawner, command).await;
        let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
        assert_eq!(first_line(&mut stdout).await, "at work");
        spawned.process.ask_to_stop(15, StopTarget::Group);
        assert_eq!(within(spawned.process.exited()).await, exit, "{body}");
        assert_eq!(first_line(&mut stdout).await, rest, "{body}");
    }
}

#[tokio::test]
async fn the_shutdown_message_aborts_a_task_that_asked_for_its_signal() {
    for form in [StopMessage::Object, StopMessage::String] {
        aborts_by(form).await;
    }
}

async fn aborts_by(form: StopMessage) {
    let folder = Folder::new();
    let body = "export default (x, { signal }) => new Promise(r => { signal.onabort = () => r('early'); setTimeout(r, 60000) })";
    let spawner = Spawner::start().expect("threads");
    let mut spawned = spawn(&spawner, node(&folder.file("a.mjs", body), Mode::Auto, None)).await;
    let mut channel = Channel::new(spawned.channel.take().expect("a channel")).expect("a channel");
    within(async {
        assert_eq!(channel.recv().await, Some(Incoming::TaskBegan));
    })
    .await;
    channel.shutdown(form, Duration::from_secs(5)).expect("it listens");
    let early = Incoming::Result { value: "\"early\"".to_owned() };
    assert_eq!(within(channel.recv()).await, Some(early));
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn children_of_a_task_are_ordinary_node() {
    let body = "import { fork } from 'node:child_process'; import { Worker } from 'node:worker_threads';
        export default async () => {
          const child = fork(new URL('./child.cjs', import.meta.url), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
          let out = ''; child.stdout.on('data', d => out += d);
          const code = await new Promise(r => child.on('close', r));
          const thread = await new Promise((r, no) => new Worker('module.exports = () => 1; require(\"worker_threads\").parentPort.postMessage(\"thread\")', { eval: true }).on('message', r).on('error', no));
          return [code, out, thread];
        }";
    let folder = Folder::new();
    folder.file("child.cjs", "module.exports = () => console.log('CALLED'); console.log('child', process.execArgv.length)");
    let done = run(node(&folder.file("a.mjs", body), Mode::Auto, None)).await;
    assert_eq!(results(&done), [r#"[0,"child 0\n","thread"]"#], "{done:?}");
}

#[tokio::test]
async fn a_script_that_listens_on_the_channel_stays() {
    let folder = Folder::new();
    let body = "process.on('message', m => console.log('got ' + m.type)); process.send('up'); module.exports = () => console.log('CALLED')";
    let spawner = Spawner::start().expect("threads");
    let mut spawned: Spawned =
        spawn(&spawner, node(&folder.file("a.js", body), Mode::Auto, None)).await;
    let mut channel = Channel::new(spawned.channel.take().expect("a channel")).expect("a channel");
    within(channel.recv()).await;
    // Were it not held by the channel, it would be gone before it could read this.
    channel.run("1").expect("it listens");
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let said = within(async {
        tokio::select! {
            line = first_line(&mut stdout) => line,
            said = channel.recv() => format!("{said:?}"),
        }
    });
    assert_eq!(said.await, "got run");
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

#[tokio::test]
async fn finished_tasks_leave_no_handle_behind() {
    let body = "export default () => { setInterval(() => {}, 1000); require('net').createServer().listen(0); return 1 }";
    let body = format!(
        "import {{ createRequire }} from 'node:module'; const require = createRequire(import.meta.url); {body}"
    );
    let folder = Folder::new();
    let spawner = Spawner::start().expect("threads");
    let done =
        finish(spawn(&spawner, node(&folder.file("a.mjs", &body), Mode::Auto, None)).await).await;
    assert_eq!((done.exit, results(&done)), (Exit::Code(0), vec!["1"]));
}
