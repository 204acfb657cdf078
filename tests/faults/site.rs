//! What the fault tests do with a [`Site`].

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) use crate::support::site::Site;
use crate::{http, procs, support::waiting};

/// How much longer than promised something may take: the promises are those of a program that is
/// optimised, on a machine that is free. Else only what would wait for ever is found.
pub(crate) const SLACK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 0 });

/// What is promised to take a second.
pub(crate) const A_SECOND: Duration = Duration::from_secs(1).saturating_add(SLACK);

/// What a site without settings of its own is set to: sh and Node workers, short delays.
const SETTINGS: [(&str, &str); 8] = [
    (
        "discovery.rules",
        "[{ name = 'sh', files = ['*.sh'], command = ['sh', '{file}'] }, \
         { name = 'node', files = ['*.js', '*.mjs'], command = ['node', '{file}'], \
         ipc = true, mode = 'script' }]",
    ),
    ("model.upstream", "'echo'"),
    ("model.preflight", "false"),
    ("restart.delay", "'100ms'"),
    ("restart.jitter", "0.0"),
    ("start.alive_after", "'100ms'"),
    ("stop.timeout", "'2s'"),
    ("server.listen", "'127.0.0.1:0'"),
];

/// Waits for something, asking again and again.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    waiting::until(what, look, String::new)
}

// Before it starts.
impl Site {
    /// A site whose rules run `*.sh` by `sh` and `*.js` by `node`, with short delays.
    pub(crate) fn new() -> Self {
        let mut site = Self::empty();
        fs::create_dir(site.path("workers")).unwrap();
        site.keys = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        site.arguments = vec!["run".to_owned()];
        // As a shell gives it: else whether Ctrl-Z stops it would depend on who started the tests
        // (the members of an orphaned group are not stopped).
        site.group = Some(0);
        site
    }

    /// Sets one key of the config to a TOML value.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.keys.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds tables to the end of the config.
    pub(crate) fn table(&mut self, text: &str) -> &mut Self {
        self.tables.extend([text, "\n"]);
        self
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts arcanos through another program, which must exec it.
    pub(crate) fn through(&mut self, words: &[&str]) -> &mut Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub(crate) fn sh(&self, id: &str, body: &str) -> &Self {
        self.write(&format!("workers/{id}.sh"), body)
    }

    pub(crate) fn js(&self, id: &str, body: &str) -> &Self {
        self.write(&format!("workers/{id}.js"), body)
    }

    /// Mounts a small file system of its own over a folder of the site. Needs root.
    pub(crate) fn mount_tmpfs(&mut self, name: &str, options: &str) {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(mounted.success(), "tmpfs on {}", path.display());
        self.mounts.push(path);
    }
}

// The arcanos that runs here.
impl Site {
    /// Writes the config, starts arcanos and waits until it answers.
    pub(crate) fn start(&mut self) -> &mut Self {
        self.launch();
        self.await_health();
        self
    }

    /// Writes the config and starts arcanos.
    pub(crate) fn launch(&mut self) {
        self.write_config();
        self.spawn();
    }

    /// Where arcanos listens.
    pub(crate) fn port(&self) -> u16 {
        self.address().expect("arcanos listens").port()
    }

    pub(crate) fn get(&self, path: &str) -> http::Reply {
        http::ask(self.port(), "GET", path, "", b"")
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    pub(crate) fn post(&self, path: &str) -> http::Reply {
        http::ask(self.port(), "POST", path, "", b"")
    }

    pub(crate) fn worker(&self, id: &str) -> Value {
        self.json(&format!("/workers/{id}"))
    }

    /// Waits until a worker is in this state, and returns it.
    pub(crate) fn wait(&self, id: &str, state: &str) -> Value {
        let look = || Some(self.worker(id)).filter(|worker| worker["state"] == state);
        let describe = || format!("{}\n{}", self.worker(id), self.stderr());
        waiting::until(&format!("{id} to become {state}"), look, describe)
    }

    pub(crate) fn signal(&self, signal: &str) {
        procs::signal(self.pid(), signal);
    }

    /// Ends arcanos as a person would; how it ended and how long that took.
    pub(crate) fn stop(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.signal("TERM");
        (self.ended(), start.elapsed())
    }

    /// Sends arcanos this signal again and again until it has ended: one that comes too soon after
    /// the first belongs to the same stop.
    pub(crate) fn insist(&mut self, signal: &str) -> ExitStatus {
        self.wait_end_while(|pid| procs::signal(pid, signal))
    }

    /// Waits until arcanos has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.wait_end()
    }

    /// Kills arcanos without a warning.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        assert_eq!(self.ended().signal(), Some(9));
    }

    /// Every living process of the site but arcanos.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.living().into_iter().map(|process| process.pid).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.root()
    }

    /// Demands that nothing but arcanos runs here now.
    pub(crate) fn is_empty(&self) {
        let left = self.living();
        assert!(left.is_empty(), "left over: {left:?}");
    }

    /// Waits until nothing runs here any more.
    pub(crate) fn await_silence(&self) {
        until("all processes of the site are gone", || self.processes().is_empty().then_some(()));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.abandon();
        for process in self.living() {
            procs::try_signal(process.pid, "KILL");
        }
        for mount in &self.mounts {
            let _ = Command::new("umount").arg("-l").arg(mount).status();
        }
    }
}
