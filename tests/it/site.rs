//! What the integration tests do with a [`Site`]: build it, ask it and wait for its states.

mod picture;
mod questions;
mod setup;

use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) use self::{
    picture::{Picture, Worker},
    setup::{NODE_RULE, SH_RULE, Setup},
};
pub(crate) use crate::support::{
    http::{Connection, Event, Reply},
    processes::{self, Process, is_alive, zombies_of},
    site::{ARCANOS, Site},
    waiting::until,
};

// The config and the files.
impl Site {
    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Sets a key of the config, as TOML, and saves the config.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.set_all(&[(key, value)]);
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

    /// Writes the config as it stands.
    pub(crate) fn save(&self) {
        self.write_config();
    }
}

// The arcanos that runs here.
impl Site {
    /// Starts arcanos and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.launch();
        self.await_health();
    }

    /// Starts arcanos.
    pub(crate) fn launch(&mut self) {
        self.spawn();
    }

    /// Runs a subcommand to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.command(arguments).output().unwrap()
    }

    /// Sends arcanos a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Ends arcanos in the orderly way.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait_end();
        assert_eq!(status.code(), Some(0), "ended with {status}\n{}", self.stderr());
    }

    /// Kills arcanos.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_end();
    }

    /// The processes that live and belong to this folder, arcanos excepted.
    pub(crate) fn processes(&self) -> Vec<Process> {
        self.living()
    }
}

/// Ends arcanos in the orderly way, and fails the test if that is not what happens or if any
/// process of the folder is left.
impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- stderr of arcanos\n{}", self.stderr());
            // The test has failed; what is left of it only has to go.
            self.abandon();
            return;
        }
        if self.is_started() {
            self.stop();
        }
        let none = || processes::of_folder(self.root()).is_empty().then_some(());
        until("the processes of the site to end", none, || {
            format!("{:?}", processes::of_folder(self.root()))
        });
    }
}
