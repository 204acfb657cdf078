//! A folder with workers in it, and an arcanos that runs them.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use crate::{
    load,
    probe::{Mark, Marks, monotonic, wait_until},
    support::{self, processes},
};

/// A folder of its own, removed in the end.
pub(crate) struct Site {
    base: support::site::Site,
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
        let base = support::site::Site::empty_in(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let marks = Marks { path: base.path("marks") };
        marks.clear();
        let address = free_address();
        let site = Self { base, marks, address };
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
        self.put(&text, &self.path("arcanos.toml"));
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.path(name)
    }

    /// The folder of workers.
    pub(crate) fn workers(&self) -> PathBuf {
        self.path("workers")
    }

    /// The file of the worker with this number.
    pub(crate) fn file(&self, index: usize) -> PathBuf {
        self.workers().join(format!("w{index:04}.work"))
    }

    /// Puts a file in its place as a whole; returns the moment at which that began.
    pub(crate) fn put(&self, text: &str, path: &Path) -> u64 {
        let draft = self.path("draft");
        fs::write(&draft, text).expect("a draft");
        let at = monotonic();
        fs::rename(&draft, path).expect("to put the draft in its place");
        at
    }

    /// Starts arcanos here; returns it with the moment before.
    pub(crate) fn start(&self) -> Running {
        let stderr = fs::File::create(self.path("stderr")).expect("a file for stderr");
        let mut command = self.base.command(&["run"]);
        command.stdout(Stdio::null()).stderr(stderr);
        let at = monotonic();
        let child = command.spawn().expect("to start arcanos");
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
        let health: serde_json::Value = serde_json::from_str(&body).ok()?;
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
    pub(crate) fn signal(&self, name: &str) {
        processes::signal(self.pid(), name);
    }

    /// Asks it to end and waits for that; returns how long it took, in nanoseconds.
    pub(crate) fn stop(mut self) -> u64 {
        let start = monotonic();
        self.signal("TERM");
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
