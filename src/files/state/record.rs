//! Records: the running and the last instance, and the digests that folders were prepared for.

use std::{
    collections::BTreeMap,
    fmt, fs,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::SystemTime,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{StateDir, StateError, failed};
use crate::{
    domain::{ScheduleMark, WorkerId, os_text},
    procfs::{self, Stat},
    sync::lock,
};

const INSTANCE: &str = "instance.json";
const LAST_INSTANCE: &str = "last_instance.json";
const PREPARED: &str = "prepared.json";

/// One instance of arcanos; no other one ever equals it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its process.
    pub pid: u32,
    /// When that process began, in clock ticks since the machine came up; with the pid and the
    /// boot, a name for good.
    pub start_time: u64,
    /// The boot of the machine it belongs to; empty where the system has none.
    pub boot_id: String,
    /// Its own random name, with which the ids of its runs begin: 16 hexadecimal digits.
    pub id: String,
    /// Where its status server listens; `None` without one.
    pub address: Option<SocketAddr>,
    /// Its config file, absolute.
    #[serde(with = "os_text")]
    pub config: PathBuf,
}

/// What a folder's packages were installed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// A digest of the lock file.
    pub digest: String,
    /// The command that installed them.
    pub command: Vec<String>,
    /// The major version of Node; `None` where there was no Node.
    pub node: Option<String>,
    /// Whether the command left a `node_modules` there.
    pub has_modules: bool,
}

impl Instance {
    /// This process, with a new random name, not listening yet.
    #[must_use]
    pub fn own(config: &Path) -> Self {
        let Identity { pid, start_time, boot_id } = Identity::own();
        // The hasher's keys are random: the same facts give another name each time.
        let seed = (pid, start_time, SystemTime::now());
        let id = format!("{:016x}", RandomState::new().hash_one(seed));
        Self { pid, start_time, boot_id, id, address: None, config: config.to_owned() }
    }

    /// Whether its process still runs; one with the same pid is not taken for it.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let Self { pid, start_time, boot_id, .. } = self.clone();
        Identity { pid, start_time, boot_id }.is_alive()
    }
}

impl StateDir {
    /// The record of the arcanos that runs here, or that ended without tidying up; `None` if
    /// there is none or it cannot be understood.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read_instance(&self) -> Result<Option<Instance>, StateError> {
        self.read_record(INSTANCE)
    }

    /// Puts down who runs here. Only for the holder of the lock.
    ///
    /// The record of another instance that stands there is kept as the last one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_instance(&self, instance: &Instance) -> Result<(), StateError> {
        if self.read_instance()?.is_some_and(|earlier| earlier.id != instance.id) {
            self.retire_instance()?;
        }
        self.keep_record(INSTANCE, instance)
    }

    /// Says that none runs here any more: its record becomes the last one.
    ///
    /// # Errors
    /// The file cannot be renamed. A missing file is not an error.
    pub fn retire_instance(&self) -> Result<(), StateError> {
        let path = self.file(INSTANCE);
        // Held until the file is renamed too: the keeper would write it again.
        let mut records = lock(&self.records);
        if let Some(record) = records.remove(INSTANCE) {
            records.insert(LAST_INSTANCE.to_owned(), record);
        }
        match fs::rename(&path, self.file(LAST_INSTANCE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("rename", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// The record of the arcanos before this one, whose runs may have been left over. Before
    /// [`StateDir::write_instance`] that is one that was killed, if one was.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn last_instance(&self) -> Result<Option<Instance>, StateError> {
        let own = Identity::own();
        match self.read_instance()? {
            Some(killed) if (killed.pid, killed.start_time) != (own.pid, own.start_time) => {
                Ok(Some(killed))
            }
            _ => self.read_record(LAST_INSTANCE),
        }
    }

    /// What this folder was last prepared for.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn prepared(&self, folder: &Path) -> Result<Option<Prepared>, StateError> {
        let mut all = self.all_prepared()?;
        Ok(all.remove(&os_text::kept_path(folder)))
    }

    /// Remembers what this folder is prepared for.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn set_prepared(&self, folder: &Path, prepared: Prepared) -> Result<(), StateError> {
        let mut all = self.all_prepared()?;
        all.insert(os_text::kept_path(folder), prepared);
        self.keep_record(PREPARED, &all)
    }

    /// Forgets what this folder was prepared for: a preparation begins, and may be cut short.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn forget_prepared(&self, folder: &Path) -> Result<(), StateError> {
        let mut all = self.all_prepared()?;
        match all.remove(&os_text::kept_path(folder)) {
            Some(_) => self.keep_record(PREPARED, &all),
            None => Ok(()),
        }
    }

    /// How far the schedule of this worker had come; `None` if nothing is known of it.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn schedule_mark(&self, worker: &WorkerId) -> Result<Option<ScheduleMark>, StateError> {
        self.read_record(&schedule_file(worker))
    }

    /// Remembers how far the schedule of this worker has come; `None` forgets it.
    ///
    /// # Errors
    /// The file cannot be written or removed.
    pub fn keep_schedule_mark(
        &self,
        worker: &WorkerId,
        mark: Option<&ScheduleMark>,
    ) -> Result<(), StateError> {
        let name = schedule_file(worker);
        let Some(mark) = mark else {
            let path = self.file(&name);
            lock(&self.records).remove(&name);
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed("remove", &path, error))
                }
                _ => Ok(()),
            };
        };
        self.keep_record(&name, mark)
    }

    fn all_prepared(&self) -> Result<BTreeMap<String, Prepared>, StateError> {
        Ok(self.read_record(PREPARED)?.unwrap_or_default())
    }

    /// Takes the records that are there as those that should be, but for that of an instance.
    pub(super) fn adopt_records(&self) -> Result<(), StateError> {
        let mut records = lock(&self.records);
        for name in [LAST_INSTANCE, PREPARED] {
            if let Some(content) = self.read(name)? {
                records.insert(name.to_owned(), content);
            }
        }
        Ok(())
    }

    /// Writes a record that is written again if it goes while this arcanos runs, or if the disk is
    /// full now.
    fn keep_record<T: Serialize>(&self, name: &str, record: &T) -> Result<(), StateError> {
        let text = serde_json::to_vec_pretty(record).expect("records have string keys only");
        let mut records = lock(&self.records);
        records.insert(name.to_owned(), text.clone());
        // What cannot be written now is written by the keeper, once it can be.
        self.write(name, &text).inspect_err(|_| self.wake_keeper())
    }

    /// A record that cannot be understood counts as none: it was torn or is from another version,
    /// and what it says can be found out again.
    pub(super) fn read_record<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StateError> {
        Ok(self.read(name)?.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    pub(super) fn write_record<T: Serialize>(
        &self,
        name: &str,
        record: &T,
    ) -> Result<(), StateError> {
        let text = serde_json::to_vec_pretty(record).expect("records have string keys only");
        self.write(name, &text)
    }
}

fn schedule_file(worker: &WorkerId) -> String {
    format!("schedule-{worker}.json")
}

/// One process; no other one, of any boot, ever equals it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: u32,
    pub(super) start_time: u64,
    pub(super) boot_id: String,
}

impl Identity {
    /// This process.
    pub(super) fn own() -> Self {
        let pid = std::process::id();
        Self { pid, start_time: start_time(pid).unwrap_or(0), boot_id: boot_id() }
    }

    /// Whether the process runs now.
    pub(super) fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && start_time(self.pid) == Some(self.start_time)
    }
}

/// `PID START BOOT`, on one line.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.pid, self.start_time, self.boot_id)
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Without its end the line is half written.
        let mut words = text.strip_suffix('\n').ok_or(())?.split(' ');
        let mut word = || words.next().ok_or(());
        Ok(Self {
            pid: word()?.parse().map_err(|_| ())?,
            start_time: word()?.parse().map_err(|_| ())?,
            boot_id: word()?.to_owned(),
        })
    }
}

/// When a process that runs started, in clock ticks since boot.
fn start_time(pid: u32) -> Option<u64> {
    procfs::stat(pid).filter(Stat::is_alive).map(|stat| stat.start)
}

/// The id of this boot; empty where the system has none.
fn boot_id() -> String {
    procfs::boot_id().unwrap_or_default()
}
