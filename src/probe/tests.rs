//! Probes of real servers and by real commands.

use std::{collections::BTreeMap, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{Question, ask};
use crate::{
    domain::{EnvMap, Probe, ProbeAnswer, ProbeCommand, ProbeTarget, RunId, os_text},
    process::Spawner,
};

/// Longer than anything takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn probe(target: ProbeTarget, timeout: Duration) -> Probe {
    Probe { target, every: DEADLINE, timeout, failures: 1 }
}

fn command(words: &[&str], cwd: &Path) -> ProbeTarget {
    let mut env = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
    env.insert(
        "PATH".to_owned(),
        std::env::var_os("PATH").map(|path| os_text::kept_os(&path)).unwrap_or_default(),
    );
    ProbeTarget::Command(ProbeCommand {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        env: EnvMap(env),
        cwd: cwd.to_owned(),
    })
}

async fn answer_of(probe: &Probe, dropped: &CancellationToken) -> ProbeAnswer {
    let spawner = Spawner::start().expect("a spawner");
    let id = RunId::new(&format!("test{}-probe", std::process::id()), 1);
    ask(&Question { probe, id, dropped }, &spawner).await
}

async fn asked(target: ProbeTarget) -> ProbeAnswer {
    answer_of(&probe(target, DEADLINE), &CancellationToken::new()).await
}

fn bad(reason: &str) -> ProbeAnswer {
    ProbeAnswer::Bad(reason.to_owned())
}

/// A server that answers each request so, and passes on its head; never with an empty answer.
async fn server(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/up", listener.local_addr().expect("an address"));
    let (heads, seen) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let n = stream.read(&mut head).await.unwrap_or(0);
            let _ = heads.send(String::from_utf8_lossy(&head[..n]).into_owned()).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            if answer.is_empty() {
                open.push(stream);
            }
        }
    });
    (url, seen)
}

#[tokio::test]
async fn a_status_of_two_or_three_hundred_is_a_success_and_redirects_are_not_followed() {
    for (answer, status) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 302),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404),
        ("HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n", 503),
        // A body that never ends is not waited for.
        ("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", 200),
    ] {
        let (url, mut heads) = server(answer).await;
        let expected = match status {
            200..=399 => ProbeAnswer::Good,
            _ => bad(&format!("GET {url} answered {status}")),
        };
        assert_eq!(asked(ProbeTarget::Http(url)).await, expected, "{answer}");
        let head = heads.recv().await.expect("a request");
        assert!(head.starts_with("GET /up HTTP/1.1\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_is_silent_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let ProbeAnswer::Bad(reason) = asked(ProbeTarget::Http(url.clone())).await else {
        panic!("nobody listens");
    };
    assert!(reason.starts_with(&format!("GET {url} failed: ")), "{reason}");
    assert!(reason.to_lowercase().contains("refused"), "{reason}");
    let (url, _heads) = server("").await;
    let target = ProbeTarget::Http(url.clone());
    let silent = probe(target, Duration::from_millis(50));
    let answer = answer_of(&silent, &CancellationToken::new()).await;
    assert_eq!(answer, bad(&format!("GET {url} did not answer within 50ms")));
}

#[tokio::test]
async fn a_command_succeeds_with_exit_code_0_in_its_folder_and_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("here"), "").expect("a file");
    let script = "test -e here && test \"$GREETING\" = hello && test -z \"$HOME\"";
    assert_eq!(asked(command(&["sh", "-c", script], folder.path())).await, ProbeAnswer::Good);
    for (words, reason) in [
        (&["sh", "-c", "exit 3"][..], "`sh -c exit 3` ended with code 3"),
        (&["sh", "-c", "kill -9 $$"], "`sh -c kill -9 $$` ended with SIGKILL"),
        (&["no-such-program"], "cannot find the program `no-such-program` on the worker's PATH"),
    ] {
        assert_eq!(asked(command(words, folder.path())).await, bad(reason));
    }
}

#[tokio::test]
async fn what_a_command_prints_never_holds_it_up() {
    let script = "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2";
    assert_eq!(asked(command(&["sh", "-c", script], Path::new("/"))).await, ProbeAnswer::Good);
}

/// A command that notes the pid of a process which it starts, and stays.
fn staying(folder: &Path) -> ProbeTarget {
    let script = "sleep 86400 & echo $! > pid.new && mv pid.new pid; wait";
    command(&["sh", "-c", script], folder)
}

fn is_alive(folder: &Path) -> bool {
    let pid = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
    !pid.is_empty() && Path::new("/proc").join(pid.trim()).exists()
}

#[tokio::test]
async fn a_late_command_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = probe(staying(folder.path()), Duration::from_secs(2));
    let answer = answer_of(&late, &CancellationToken::new()).await;
    assert!(matches!(&answer, ProbeAnswer::Bad(text) if text.ends_with("did not end within 2s")));
    assert!(!is_alive(folder.path()));
}

#[tokio::test]
async fn a_command_whose_answer_nobody_wants_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let dropped = CancellationToken::new();
    let question = probe(staying(folder.path()), DEADLINE);
    let drop_it = async {
        while !is_alive(folder.path()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        dropped.cancel();
    };
    let asked = async { tokio::join!(answer_of(&question, &dropped), drop_it).0 };
    let answer = tokio::time::timeout(DEADLINE, asked).await.expect("an end");
    assert_eq!(answer, ProbeAnswer::Unknown);
    assert!(!is_alive(folder.path()));
}
