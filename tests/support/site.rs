//! A temporary folder with an arcanos in it: its files, its config and its process.
//!
//! Everything that runs here works in the folder or below it: that is how a process of the site is
//! known, whatever it did to its environment. The suites add what they say of a site.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    http,
    processes::{self, Process},
    waiting::until,
};

/// Bytes of a file that are read: a log may lead to `/dev/full`, which has no end.
const MAX_READ: u64 = 64 << 20;

/// The binary under test.
pub(crate) const ARCANOS: &str = env!("CARGO_BIN_EXE_arcanos");

/// A temporary folder and the arcanos that runs in it.
pub(crate) struct Site {
    root: TempDir,
    /// Keys of the config with their values as TOML.
    pub(crate) keys: BTreeMap<String, String>,
    /// Tables that stand behind the keys.
    pub(crate) tables: String,
    /// The environment of arcanos, beside `PATH` and `HOME`.
    pub(crate) environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    /// The arguments of arcanos.
    pub(crate) arguments: Vec<String>,
    /// The program, with its arguments, that executes arcanos: `prlimit --nofile=64`, say.
    pub(crate) wrapper: Vec<String>,
    /// The process group of arcanos, as for [`CommandExt::process_group`]; the tests' own if none.
    pub(crate) group: Option<i32>,
    /// Folders of the site that a file system is mounted on.
    pub(crate) mounts: Vec<PathBuf>,
    arcanos: Option<Child>,
    pid: Option<u32>,
    /// The record of the arcanos before this one.
    earlier: Option<Value>,
}

// Files.
impl Site {
    /// An empty folder, which other users may enter.
    pub(crate) fn empty() -> Self {
        Self::empty_in(&env::temp_dir())
    }

    /// An empty folder in this one.
    pub(crate) fn empty_in(above: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("arcanos-test-").tempdir_in(above).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            root,
            keys: BTreeMap::new(),
            tables: String::new(),
            environment: Vec::new(),
            arguments: Vec::new(),
            wrapper: Vec::new(),
            group: None,
            mounts: Vec::new(),
            arcanos: None,
            pid: None,
            earlier: None,
        }
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Puts a file in place by rename: nobody sees it half written. It has the mode of the one
    /// before.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = self.path(".draft");
        fs::write(&draft, text).unwrap();
        if let Ok(before) = fs::metadata(&path) {
            fs::set_permissions(&draft, before.permissions()).unwrap();
        }
        fs::rename(&draft, &path).unwrap();
        self
    }

    /// What a file holds, at most [`MAX_READ`] of it; empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        let mut bytes = Vec::new();
        if let Ok(file) = fs::File::open(self.path(name)) {
            // What was read before an error counts too.
            let _ = file.take(MAX_READ).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The session log.
    pub(crate) fn session(&self) -> String {
        self.read("memory/session.log")
    }

    /// The log file of a worker.
    pub(crate) fn log(&self, id: &str) -> String {
        self.read(&format!("memory/logs/{id}.log"))
    }

    /// What every arcanos of the site has written to its standard error.
    pub(crate) fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Waits until a file of the site holds this text, and returns what it holds: what arcanos and
    /// its workers write is there a moment later.
    pub(crate) fn await_text(&self, file: &str, text: &str) -> String {
        let look = || Some(self.read(file)).filter(|found| found.contains(text));
        let describe = || format!("{file}:\n{}\n--- stderr\n{}", self.read(file), self.stderr());
        until(&format!("`{text}` in {file}"), look, describe)
    }

    /// The config as it stands: `KEY = VALUE` a line, then the tables.
    pub(crate) fn config_text(&self) -> String {
        let lines = self.keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
        lines.chain([self.tables.clone()]).collect()
    }

    /// Writes the config as it stands.
    pub(crate) fn write_config(&self) {
        self.write("arcanos.toml", self.config_text());
    }
}

// The arcanos that runs here.
impl Site {
    /// A command line of arcanos in this folder, with the environment of the site and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str).chain([ARCANOS]);
        let mut command = Command::new(words.next().expect("arcanos itself"));
        command.args(words).args(arguments).current_dir(self.root()).env_clear();
        command.env("PATH", env::var_os("PATH").unwrap()).env("HOME", self.root());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        if let Some(group) = self.group {
            command.process_group(group);
        }
        command
    }

    /// Starts arcanos with the config that lies there.
    pub(crate) fn spawn(&mut self) {
        assert!(self.arcanos.is_none(), "one arcanos a site");
        self.earlier = self.record();
        let stderr = fs::File::options().create(true).append(true).open(self.path("stderr"));
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.command(&arguments);
        command.stdout(Stdio::null()).stderr(stderr.unwrap());
        self.adopt(command.spawn().unwrap());
    }

    /// Takes an arcanos as the site's own.
    pub(crate) fn adopt(&mut self, arcanos: Child) {
        self.pid = Some(arcanos.id());
        self.arcanos = Some(arcanos);
    }

    /// Waits until arcanos answers.
    pub(crate) fn await_health(&mut self) {
        let stderr = self.path("stderr");
        let describe = || fs::read_to_string(stderr).unwrap_or_default();
        let answers = || {
            let ended = self.arcanos.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "arcanos ended with {ended:?}: {}", self.stderr());
            let reply = http::Connection::try_open(self.address()?)?.try_get("/health")?;
            (reply.status == 200).then_some(())
        };
        until("arcanos to answer", answers, describe);
    }

    /// The process that was started: arcanos, unless its wrapper stays.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.expect("arcanos was started")
    }

    /// Whether arcanos was started and nobody has waited for its end.
    pub(crate) const fn is_started(&self) -> bool {
        self.arcanos.is_some()
    }

    /// Where the status server listens, once it does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let record = self.record().filter(|record| Some(record) != self.earlier.as_ref())?;
        record["address"].as_str()?.parse().ok()
    }

    fn record(&self) -> Option<Value> {
        serde_json::from_str(&self.read(".arcanos/instance.json")).ok()
    }

    /// Waits until arcanos has ended.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        self.wait_end_while(|_| {})
    }

    /// Waits until arcanos has ended; until then `meanwhile` is called again and again with its pid.
    pub(crate) fn wait_end_while(&mut self, mut meanwhile: impl FnMut(u32)) -> ExitStatus {
        let mut child = self.arcanos.take().expect("arcanos was started");
        let look = || {
            let ended = child.try_wait().unwrap();
            if ended.is_none() {
                meanwhile(child.id());
            }
            ended
        };
        until("arcanos to end", look, || self.stderr())
    }

    /// Kills arcanos, if it runs.
    pub(crate) fn abandon(&mut self) {
        if let Some(mut arcanos) = self.arcanos.take() {
            let _ = arcanos.kill();
            let _ = arcanos.wait();
        }
    }

    /// The processes that live and belong to this folder, arcanos excepted.
    pub(crate) fn living(&self) -> Vec<Process> {
        let mut found = processes::of_folder(self.root());
        found.retain(|process| Some(process.pid) != self.pid || self.arcanos.is_none());
        found
    }
}
