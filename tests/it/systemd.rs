//! arcanos under systemd: what it reports to the manager, and the socket that it is handed.
//!
//! The manager is a datagram socket of the test's; the unit files of the README are read by
//! `systemd-analyze`, where it is installed.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    needs::lacks,
    site::ARCANOS,
    waiting::{DEADLINE, until},
};

/// A worker that shows its environment and stays.
const WORKER: &str = "env | sort\nexec sleep 86400\n";

const CONFIG: &str = r#"
    [discovery]
    prepare = []
    [[discovery.rules]]
    name = "sh"
    files = ["*.sh"]
    command = ["sh", "{file}"]
    ipc = false
    [env]
    inherit = ["*"]
    [server]
    listen = "127.0.0.1:0"
    [model]
    upstream = "echo"
    preflight = false
"#;

/// A folder with one worker.
fn site(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("workers")).unwrap();
    fs::write(folder.path().join("workers/stay.sh"), WORKER).unwrap();
    fs::write(folder.path().join("arcanos.toml"), config).unwrap();
    folder
}

/// An arcanos that is killed, should the test fail.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn end(&mut self) -> ExitStatus {
        until("arcanos to end", || self.0.try_wait().unwrap(), String::new)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next message that has this in it, and all that came before it.
fn heard(manager: &UnixDatagram, part: &str) -> String {
    let end = Instant::now() + DEADLINE;
    let mut others = Vec::new();
    let mut bytes = [0; 4096];
    while Instant::now() < end {
        let Ok(length) = manager.recv(&mut bytes) else { continue };
        let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if message.contains(part) {
            return message;
        }
        others.push(message);
    }
    panic!("waited in vain for {part}; heard {others:?}");
}

#[test]
fn the_manager_hears_of_every_turn() {
    let folder = site(CONFIG);
    let at = folder.path().join("notify");
    let manager = UnixDatagram::bind(&at).unwrap();
    manager.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let child = Command::new(ARCANOS)
        .current_dir(folder.path())
        .env("NOTIFY_SOCKET", &at)
        .env("WATCHDOG_USEC", "200000")
        .stderr(Stdio::null())
        .spawn();
    let mut arcanos = Running(child.unwrap());
    let ready = heard(&manager, "READY=1");
    assert!(ready.contains("STATUS=1 worker: 1 "), "{ready}");
    heard(&manager, "STATUS=1 worker: 1 running");
    heard(&manager, "WATCHDOG=1");
    arcanos.signal("-HUP");
    assert!(heard(&manager, "RELOADING=1").contains("\nMONOTONIC_USEC="));
    heard(&manager, "READY=1");
    heard(&manager, "WATCHDOG=1");
    // A worker that inherits everything still cannot speak for arcanos.
    let log = fs::read_to_string(folder.path().join("memory/session.log")).unwrap();
    assert!(log.contains("PATH=") && !log.contains("NOTIFY_SOCKET"), "{log}");
    arcanos.signal("-TERM");
    heard(&manager, "STOPPING=1");
    assert_eq!(arcanos.end().code(), Some(0));
}

/// Starts arcanos as systemd does for a socket unit: with the socket as descriptor 3.
fn activated(folder: &Path, socket: TcpListener) -> Running {
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" 3<&0 0</dev/null";
    let child = Command::new("sh")
        .args(["-c", script, ARCANOS])
        .current_dir(folder)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stderr(Stdio::piped())
        .spawn();
    Running(child.unwrap())
}

#[test]
fn a_socket_that_is_handed_over_is_served_on() {
    let folder = site(CONFIG);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Systemd's clients may come before arcanos does.
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut arcanos = activated(folder.path(), socket);
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let instance = Command::new(ARCANOS).arg("status").current_dir(folder.path()).output();
    let status = String::from_utf8(instance.unwrap().stdout).unwrap();
    assert!(status.contains(&format!("http://{address}")), "{status}");
    arcanos.signal("-TERM");
    assert_eq!(arcanos.end().code(), Some(0));
}

#[test]
fn a_socket_that_the_world_can_reach_needs_a_token() {
    let folder = site(CONFIG);
    let mut arcanos = activated(folder.path(), TcpListener::bind("0.0.0.0:0").unwrap());
    assert_eq!(arcanos.end().code(), Some(2));
    let mut said = String::new();
    arcanos.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("server.token"), "{said}");
}

#[test]
fn the_unit_files_of_the_readme_are_good() {
    if lacks(&["systemd-analyze"]) {
        return;
    }
    let readme = include_str!("../../README.md");
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for block in readme.split("```ini\n").skip(1) {
        let text = block.split("```").next().unwrap();
        // A block that is not named is the service.
        let name = text.lines().next().unwrap().strip_prefix("# /etc/systemd/system/");
        let name = name.unwrap_or("arcanos.service");
        // Quoted: there may be a space in it.
        let text = text.replace("/usr/local/bin/arcanos", &format!("{ARCANOS:?}"));
        fs::write(folder.path().join(name), text).unwrap();
        names.push(folder.path().join(name));
    }
    assert!(!names.is_empty(), "the README shows a unit");
    let output = Command::new("systemd-analyze").arg("verify").args(&names).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // What it says of other units of this machine is not about ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("arcanos")).collect();
    assert!(ours.is_empty(), "{said}");
}
