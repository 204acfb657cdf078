//! A temporary folder with an arcanos in it, and what a test can see and do there.

mod client;
mod picture;
mod processes;
mod questions;
mod setup;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::{
    client::{Connection, Event, Reply},
    picture::{Picture, Worker},
    processes::{Process, is_alive, zombies_of},
    setup::{NODE_RULE, SH_RULE, Setup},
};

/// Longest wait for anything; generous, since a test that passes never waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The pause between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// The binary under test.
pub(crate) const ARCANOS: &str = env!("CARGO_BIN_EXE_arcanos");

/// A temporary folder and the arcanos that runs in it.
///
/// Dropping it ends arcanos in the orderly way, and fails the test if that is not what happens or
/// if any process of the folder is left.
pub(crate) struct Site {
    root: TempDir,
    keys: BTreeMap<String, String>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
}

/// Looks until `look` gives something; panics with `told` after [`DEADLINE`].
pub(crate) fn until<T>(
    what: &str,
    mut look: impl FnMut() -> Option<T>,
    told: impl FnOnce() -> String,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", told());
        thread::sleep(PAUSE);
    }
}

// Files.
impl Site {
    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Puts a file in place by rename: nobody sees it half written.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = self.path(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &path).unwrap();
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// What a file holds; empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// The session log.
    pub(crate) fn session(&self) -> String {
        self.read("memory/session.log")
    }

    /// The log file of a worker.
    pub(crate) fn log(&self, id: &str) -> String {
        self.read(&format!("memory/logs/{id}.log"))
    }

    /// Sets a key of the config, as TOML, and saves the config.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.keys.insert(key.to_owned(), value.to_owned());
        self.save();
    }

    /// Sets several keys of the config, and saves it once.
    pub(crate) fn set_all(&mut self, keys: &[(&str, &str)]) {
        self.keys.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        self.save();
    }

    /// Takes a key out of the config, and saves the config.
    pub(crate) fn unset(&mut self, key: &str) {
        self.keys.remove(key).expect("it was set");
        self.save();
    }

    /// The config as it stands, `KEY = VALUE` a line.
    pub(crate) fn config_text(&self) -> String {
        self.keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    /// Writes the config as it stands.
    pub(crate) fn save(&self) {
        self.write("arcanos.toml", self.config_text());
    }
}

// The arcanos that runs here.
impl Site {
    /// Starts arcanos and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.launch();
        let address = self.path(".arcanos/instance.json");
        let Running { child, stderr } = self.running.as_mut().unwrap();
        let told = || stderr.lock().unwrap().clone();
        let listens = || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "arcanos did not start: {ended:?}\n{}", told());
            listener(&address, child.id())
        };
        until("arcanos to listen", listens, told);
        self.get("/health");
    }

    /// Starts arcanos.
    pub(crate) fn launch(&mut self) {
        assert!(self.running.is_none(), "one arcanos a site");
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut child =
            self.command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (kept, pipe) = (Arc::clone(&stderr), BufReader::new(child.stderr.take().unwrap()));
        thread::spawn(move || {
            for line in pipe.lines().map_while(Result::ok) {
                kept.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        self.running = Some(Running { child, stderr });
    }

    /// A command line of arcanos in this folder, with the environment of the site and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ARCANOS);
        command
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a subcommand to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The pid of arcanos.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("it was started").child.id()
    }

    /// What arcanos has said on stderr.
    pub(crate) fn stderr(&self) -> String {
        self.running
            .as_ref()
            .map(|running| running.stderr.lock().unwrap().clone())
            .unwrap_or_default()
    }

    /// Sends arcanos a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits until arcanos has ended.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it was started");
        let stderr = Arc::clone(&running.stderr);
        let ended = || running.child.try_wait().unwrap();
        until("arcanos to end", ended, || stderr.lock().unwrap().clone())
    }

    /// Ends arcanos in the orderly way.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let stderr = Arc::clone(&self.running.as_ref().unwrap().stderr);
        let status = self.wait_end();
        assert_eq!(status.code(), Some(0), "ended with {status}\n{}", stderr.lock().unwrap());
    }

    /// Kills arcanos.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_end();
    }

    /// The processes that live and belong to this folder, arcanos excepted.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let own = self.running.as_ref().map(|running| running.child.id());
        let mut found = processes::of_folder(self.root());
        found.retain(|process| Some(process.pid) != own);
        found
    }

    /// Where the status server listens, once it does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        listener(&self.path(".arcanos/instance.json"), self.pid())
    }
}

/// The address that the record of an instance tells, if it is the one of this pid.
fn listener(record: &Path, pid: u32) -> Option<SocketAddr> {
    let record: Value = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
    (record["pid"] == pid).then(|| record["address"].as_str()?.parse().ok())?
}

impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            if let Some(running) = &mut self.running {
                eprintln!("--- stderr of arcanos\n{}", running.stderr.lock().unwrap());
                // The test has failed; what is left of it only has to go.
                let _ = running.child.kill();
                let _ = running.child.wait();
            }
            return;
        }
        if self.running.is_some() {
            self.stop();
        }
        let none = || processes::of_folder(self.root()).is_empty().then_some(());
        until("the processes of the site to end", none, || {
            format!("{:?}", processes::of_folder(self.root()))
        });
    }
}
