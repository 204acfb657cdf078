//! A folder with workers in it, and an arcanos that runs them.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    load,
    probe::{Mark, Marks, monotonic, wait_until},
};

/// The program under measurement.
pub(crate) const ARCANOS: &str = env!("CARGO_BIN_EXE_arcanos");

/// A folder of its own, removed in the end.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) marks: Marks,
    pub(crate) address: SocketAddr,
}

/// What is to run.
pub(crate) struct Setting<'a> {
    /// How many workers there are.
    pub(crate) workers: usize,
    /// What each does, without the program.
    pub(crate) verb: &'a str,
    /// More of `arcanos.toml`.
    pub(crate) config: &'a str,
}

impl Site {
    /// A folder with these workers. `worker` is the program that each of them is.
    pub(crate) fn new(worker: &Path, setting: &Setting<'_>) -> Self {
        let folder = TempDir::with_prefix_in("site", env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder for the site");
        let marks = Marks { path: folder.path().join("marks") };
        marks.clear();
        let address = free_address();
        let site = Self { folder, marks, address };
        site.configure(worker, setting);
        fs::create_dir(site.workers()).expect("the folder of workers");
        for index in 0..setting.workers {
            fs::write(site.file(index), "1\n").expect("a worker");
        }
        site
    }

    /// Writes `arcanos.toml`.
    pub(crate) fn configure(&self, worker: &Path, setting: &Setting<'_>) {
        let mut words = setting.verb.split(' ');
        let verb = words.next().unwrap_or_default();
        let rest: String = words.map(|word| format!(", {word:?}")).collect();
        let text = format!(
            "discovery.prepare = []\nmodel.upstream = \"openai\"\nmodel.preflight = false\n\
             server.listen = \"{}\"\nstart.concurrency = \"unlimited\"\n\
             [env.set]\nOPENAI_API_KEY = \"sk-bench-0123456789abcdef\"\n\
             [[discovery.rules]]\nname = \"bench\"\nfiles = [\"*.work\"]\n\
             command = [{:?}, {verb:?}, {:?}{rest}]\n\
             [[discovery.rules]]\nname = \"node\"\nfiles = [\"*.mjs\"]\n\
             command = [\"node\", \"{{file}}\"]\nipc = true\n{}\n",
            self.address,
            worker.display().to_string(),
            self.marks.path.display().to_string(),
            setting.config
        );
        self.put(&text, &self.folder.path().join("arcanos.toml"));
    }

    /// The folder of workers.
    pub(crate) fn workers(&self) -> PathBuf {
        self.folder.path().join("workers")
    }

    /// The file of the worker with this number.
    pub(crate) fn file(&self, index: usize) -> PathBuf {
        self.workers().join(format!("w{index:04}.work"))
    }

    /// Puts a file in its place as a whole; returns the moment at which that began.
    pub(crate) fn put(&self, text: &str, path: &Path) -> u64 {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, text).expect("a draft");
        let at = monotonic();
        fs::rename(&draft, path).expect("to put the draft in its place");
        at
    }

    /// Starts arcanos here; returns it with the moment before.
    pub(crate) fn start(&self) -> Running {
        let at = monotonic();
        let child = Command::new(ARCANOS)
            .arg("run")
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.path().join("stderr")).expect("a file for stderr"))
            .spawn()
            .expect("to start arcanos");
        Running { child, at }
    }

    /// Starts arcanos and waits until so many workers are `running` by its own account.
    pub(crate) fn bring_up(&self, workers: usize) -> (Running, Vec<Mark>) {
        let running = self.start();
        let marks = self.marks.await_count("start", workers);
        wait_until("all workers are running", || self.n_running() == Some(workers));
        (running, marks)
    }

    fn n_running(&self) -> Option<usize> {
        let body = load::fetch(self.address, "/health")?;
        let health: serde_json::Value = serde_json::from_slice(&body).ok()?;
        health.pointer("/workers/running")?.as_u64()?.try_into().ok()
    }
}

/// A running arcanos; killed if it is dropped.
pub(crate) struct Running {
    child: Child,
    /// The moment before it was started.
    pub(crate) at: u64,
}

impl Running {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        kill_process(pid, signal).expect("to signal arcanos");
    }

    /// Asks it to end and waits for that; returns how long it took, in nanoseconds.
    pub(crate) fn stop(mut self) -> u64 {
        let start = monotonic();
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("arcanos ends");
        let end = monotonic();
        assert!(status.success(), "arcanos ended with {status}");
        end - start
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on loopback that nobody listens at.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}
