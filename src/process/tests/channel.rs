//! The channel, with real Node workers and with deaf ones.

use std::{fs, path::PathBuf};

use super::{
    Channel, Duration, Exit, Incoming, Mode, Receiver, Spawned, Spawner, first_line, node, sh,
    spawn, until, within,
};
use crate::{
    domain::StopMessage,
    process::{channel::link::Refused, usage},
};

fn script(folder: &tempfile::TempDir, body: &str) -> PathBuf {
    let file = folder.path().join("worker.js");
    fs::write(&file, body).expect("a file");
    file
}

fn activity(message: &str) -> Incoming {
    Incoming::Activity { message: message.to_owned() }
}

async fn open(spawner: &Spawner, command: super::Command) -> (Spawned, Channel) {
    let mut spawned = spawn(spawner, command).await;
    let fd = spawned.channel.take().expect("a channel");
    (spawned, Channel::new(fd).expect("a channel"))
}

#[tokio::test]
async fn a_node_worker_speaks_as_under_fork() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = "
        if (!process.connected || process.env.NODE_CHANNEL_FD) process.exit(9);
        process.on('message', m => { process.send({ got: m }); if (m === 'shutdown') process.disconnect() });
        process.send('ready'); process.send({ type: 'activity', message: 'hello' });";
    let spawner = Spawner::start().expect("threads");
    let command = node(&script(&folder, body), Mode::Script, None);
    let (mut spawned, mut channel) = open(&spawner, command).await;
    assert!(!channel.has_spoken());
    assert_eq!(within(channel.recv()).await, Some(Incoming::Ready));
    assert!(channel.has_spoken());
    assert_eq!(within(channel.recv()).await, Some(activity("hello")));
    assert_eq!(channel.run("{ \"b\": 1,\n\"a\": [] }"), Ok(()));
    assert_eq!(channel.run("{"), Err(Refused::NotJson));
    let got = activity(r#"{"got":{"type":"run","input":{"b":1,"a":[]}}}"#);
    assert_eq!(within(channel.recv()).await, Some(got));
    assert_eq!(channel.shutdown(StopMessage::Object, Duration::from_secs(2)), Ok(()));
    let got = activity(r#"{"got":{"timeoutMs":2000,"type":"shutdown"}}"#);
    let Some(Incoming::Activity { message }) = within(channel.recv()).await else {
        panic!("an answer");
    };
    let same = [got, activity(r#"{"got":{"type":"shutdown","timeoutMs":2000}}"#)];
    assert!(same.contains(&activity(&message)), "{message}");
    assert_eq!(channel.shutdown(StopMessage::String, Duration::from_secs(2)), Ok(()));
    assert_eq!(within(channel.recv()).await, Some(activity(r#"{"got":"shutdown"}"#)));
    assert_eq!(within(channel.recv()).await, None);
    assert_eq!(channel.shutdown(StopMessage::String, Duration::ZERO), Err(Refused::Closed));
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn a_passed_handle_holds_up_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = "
        const server = require('net').createServer().listen(0, '127.0.0.1', () => {
          process.send('with a handle', server);
          process.send('after', () => { server.close(); process.disconnect() });
        });";
    let spawner = Spawner::start().expect("threads");
    let command = node(&script(&folder, body), Mode::Script, None);
    let (mut spawned, mut channel) = open(&spawner, command).await;
    assert_eq!(within(channel.recv()).await, Some(activity("with a handle")));
    assert_eq!(within(channel.recv()).await, Some(activity("after")));
    assert_eq!(within(channel.recv()).await, None);
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn a_deaf_worker_is_refused_more_and_still_heard() {
    let spawner = Spawner::start().expect("threads");
    let mut command = sh("printf '\"deaf\"\\n' >&3; exec sleep 300");
    command.ipc = true;
    let (mut spawned, mut channel) = open(&spawner, command).await;
    let input = format!("\"{}\"", "x".repeat(50_000));
    let refusal = (0..100).find_map(|_| channel.run(&input).err());
    assert_eq!(refusal, Some(Refused::Full));
    assert_eq!(within(channel.recv()).await, Some(activity("deaf")));
    spawned.process.kill();
    assert_eq!(within(channel.recv()).await, None);
    within(spawned.process.exited()).await;
}

#[tokio::test]
async fn whole_frames_arrive_however_slowly_they_are_read() {
    let spawner = Spawner::start().expect("threads");
    let script = "exec python3 -c '
import os, sys
os.set_blocking(3, True)
text = b\"\"
while text.count(b\"\\n\") < 4: text += os.read(3, 777)
for line in text.split(b\"\\n\")[:4]: print(len(line))'";
    let mut command = sh(script);
    command.ipc = true;
    let (mut spawned, mut channel) = open(&spawner, command).await;
    for _ in 0..4 {
        let input = format!("\"{}\"", "y".repeat(60_000));
        assert_eq!(channel.run(&input), Ok(()));
    }
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    // Polling for messages is what writes the rest.
    let lengths = async {
        let mut lengths = Vec::new();
        for _ in 0..4 {
            lengths.push(first_line(&mut stdout).await);
        }
        lengths
    };
    let (lengths, end) = within(async { tokio::join!(lengths, channel.recv()) }).await;
    assert_eq!(lengths, ["60025"; 4]);
    assert_eq!(end, None);
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn what_was_said_before_the_exit_is_heard_after_it() {
    let spawner = Spawner::start().expect("threads");
    let mut command = sh("printf '\"one\"\\n\"two\"\\n' >&3; exit 4");
    command.ipc = true;
    let (mut spawned, mut channel) = open(&spawner, command).await;
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(4));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    assert_eq!(channel.recv_until(deadline).await, Some(activity("one")));
    assert_eq!(channel.recv_until(deadline).await, Some(activity("two")));
    assert_eq!(channel.recv_until(deadline).await, None);
}

#[tokio::test]
async fn listening_stops_at_the_deadline_and_floods_leave_others_their_turn() {
    let spawner = Spawner::start().expect("threads");
    let mut command = sh("while :; do printf '1\\n1\\n1\\n1\\n1\\n1\\n1\\n1\\n' >&3; done");
    command.ipc = true;
    let (mut spawned, mut channel) = open(&spawner, command).await;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(200);
    let mut heard = 0_u32;
    while channel.recv_until(deadline).await.is_some() {
        heard += 1;
    }
    assert!(heard > 64, "{heard}");
    spawned.process.kill();
    within(spawned.process.exited()).await;
    until("gone", || usage(spawned.process.pid()).is_none()).await;
}
