//! A folder with a config, workers and an arcanos of its own, all gone when the test is.
//!
//! Everything that runs here has the folder, or one below it, as its working directory: that is
//! how a process of the site is told from all others, whatever it did to its environment.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    http::{self, Answer},
    procs,
};

/// How long anything that must happen may take; far more than it takes, for a machine that has
/// other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is promised to take a second, for a program that is optimised and a machine that is free.
pub(crate) const A_SECOND: Duration =
    Duration::from_secs(if cfg!(debug_assertions) { 2 } else { 1 });

/// Waits for something, asking again and again.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// See the module.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    settings: BTreeMap<String, String>,
    tables: String,
    env: Vec<(String, String)>,
    /// What arcanos is started through: `prlimit --nofile=64`, say. It must exec.
    wrapper: Vec<String>,
    arcanos: Option<Child>,
    pid: Option<u32>,
    /// The record of the arcanos before this one.
    earlier: Option<Value>,
    mounts: Vec<PathBuf>,
}

impl Site {
    /// A site whose rules run `*.sh` by `sh` and `*.js` by `node`, with short delays.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("arcanos-fault-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("workers")).unwrap();
        let settings = [
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
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Self {
            folder,
            settings,
            tables: String::new(),
            env: Vec::new(),
            wrapper: Vec::new(),
            arcanos: None,
            pid: None,
            earlier: None,
            mounts: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets one key of the config to a TOML value.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds tables to the end of the config.
    pub(crate) fn table(&mut self, text: &str) -> &mut Self {
        self.tables.push_str(text);
        self.tables.push('\n');
        self
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.to_owned(), value.to_owned()));
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

    /// Writes a file whole, by rename.
    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        let draft = path.with_file_name(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &path).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// The worker's own log.
    pub(crate) fn log(&self, id: &str) -> String {
        self.read(&format!("memory/logs/{id}.log"))
    }

    pub(crate) fn session(&self) -> String {
        self.read("memory/session.log")
    }

    pub(crate) fn stderr(&self) -> String {
        self.read("stderr")
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

    pub(crate) fn write_config(&self) {
        let lines = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let text = format!("{}{}", lines.collect::<String>(), self.tables);
        self.write("arcanos.toml", &text);
    }

    /// A command that runs arcanos here, with an environment that holds little.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_arcanos");
        let mut words = self.wrapper.iter().map(String::as_str).chain([binary]);
        let mut command = Command::new(words.next().expect("arcanos itself"));
        command.args(words).args(args).current_dir(self.folder.path());
        let inherited = ["PATH", "HOME", "TMPDIR"];
        let inherited = inherited.iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
        command.env_clear().envs(inherited).envs(self.env.iter().map(|(n, v)| (n, v)));
        // A group of its own, as a shell gives it: else whether Ctrl-Z stops it would depend on
        // who started the tests (the members of an orphaned group are not stopped).
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    /// Writes the config, starts arcanos and waits until it answers.
    pub(crate) fn start(&mut self) -> &mut Self {
        self.launch();
        self.await_health();
        self
    }

    /// Writes the config and starts arcanos.
    pub(crate) fn launch(&mut self) {
        self.write_config();
        self.earlier = self.instance();
        let stderr = fs::OpenOptions::new().create(true).append(true).open(self.path("stderr"));
        let mut command = self.command(&["run"]);
        command.stdout(Stdio::null()).stderr(stderr.unwrap());
        self.adopt(command.spawn().unwrap());
    }

    /// Takes an arcanos as the site's own.
    pub(crate) fn adopt(&mut self, arcanos: Child) {
        self.pid = Some(arcanos.id());
        self.arcanos = Some(arcanos);
    }

    pub(crate) fn await_health(&mut self) {
        until("arcanos answers", || {
            let ended = self.arcanos.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "arcanos ended with {ended:?}: {}", self.stderr());
            let port = self.try_port()?;
            http::try_get(port, "/health").filter(|answer| answer.status == 200)
        });
    }

    fn instance(&self) -> Option<Value> {
        serde_json::from_str(&self.read(".arcanos/instance.json")).ok()
    }

    fn try_port(&self) -> Option<u16> {
        let instance = self.instance().filter(|found| Some(found) != self.earlier.as_ref())?;
        instance["address"].as_str()?.rsplit(':').next()?.parse().ok()
    }

    pub(crate) fn port(&self) -> u16 {
        self.try_port().expect("arcanos listens")
    }

    /// The process that was started, which is arcanos unless it is wrapped by one that stays.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.expect("arcanos was started")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::ask(self.port(), "GET", path, "", b"")
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        http::ask(self.port(), "POST", path, "", b"")
    }

    pub(crate) fn worker(&self, id: &str) -> Value {
        self.json(&format!("/workers/{id}"))
    }

    /// Waits until a worker is in this state, and returns it.
    pub(crate) fn wait(&self, id: &str, state: &str) -> Value {
        let mut last = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            last = self.worker(id);
            if last["state"] == state {
                return last;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{id} does not become {state}: {last}\n{}", self.stderr());
    }

    pub(crate) fn signal(&self, signal: &str) {
        procs::signal(self.pid(), signal);
    }

    /// Ends arcanos as a person would, and says how it ended and how long that took.
    pub(crate) fn stop(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.signal("TERM");
        (self.ended(), start.elapsed())
    }

    /// Waits until arcanos has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut child = self.arcanos.take().expect("arcanos was started");
        until("arcanos ends", || child.try_wait().unwrap())
    }

    /// Kills arcanos without a warning.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        assert_eq!(self.ended().signal(), Some(9));
    }

    /// Every living process of the site but arcanos.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut pids = procs::with_folder(self.folder.path());
        pids.retain(|pid| Some(*pid) != self.pid || self.arcanos.is_none());
        pids
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Demands that nothing but arcanos runs here now.
    pub(crate) fn is_empty(&self) {
        let names = self.processes().into_iter().map(|pid| (pid, procs::status(pid, "Name")));
        let names: Vec<(u32, String)> = names.collect();
        assert!(names.is_empty(), "left over: {names:?}");
    }

    /// Waits until nothing runs here any more.
    pub(crate) fn await_silence(&self) {
        until("all processes of the site are gone", || self.processes().is_empty().then_some(()));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut arcanos) = self.arcanos.take() {
            let _ = arcanos.kill();
            let _ = arcanos.wait();
        }
        for pid in procs::with_folder(self.folder.path()) {
            procs::try_signal(pid, "KILL");
        }
        for mount in &self.mounts {
            let _ = Command::new("umount").arg("-l").arg(mount).status();
        }
    }
}
