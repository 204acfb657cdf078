//! Commands of people to a worker: start, stop, restart, run.

use super::{
    event::{Effect, Level, RunKey},
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, Leaving, MachineState, PendingStart},
};
use crate::{
    domain::{Command, Mode, signal_name},
    worker::clock::Present,
};

/// A request that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedCommand {
    /// The epoch in which it will have been done.
    pub epoch: u64,
    /// What is to be done.
    pub effects: Vec<Effect>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its settings say that it should not run.
    Disabled,
    /// It has a run that cannot take an input.
    AlreadyRunning,
    /// It has no process that could get a signal.
    NotRunning,
    /// It is leaving.
    Leaving,
    /// No run may begin, for this reason; one that runs goes on.
    Untrusted(String),
}

impl MachineState {
    /// A person asks for something. `untrusted` is why no run may begin, as far as that is known
    /// now. Where it is refused, nothing has changed.
    pub(super) fn request(
        &mut self,
        command: Command,
        untrusted: Option<String>,
        now: Present,
    ) -> Result<AcceptedCommand, Refusal> {
        if self.leaving != Leaving::No {
            return Err(Refusal::Leaving);
        }
        if let Command::Signal(signal) = command {
            return self.on_signal(signal);
        }
        if command != Command::Stop && !self.spec.policy.enabled {
            return Err(Refusal::Disabled);
        }
        if let Some(reason) = untrusted.filter(|_| self.needs_another_run(&command)) {
            return Err(Refusal::Untrusted(reason));
        }
        let mut out = Vec::new();
        match command {
            Command::Start => self.on_start(now),
            Command::Stop => self.on_stop(now, &mut out),
            Command::Restart => self.on_restart(now, &mut out),
            Command::Run(input) => self.on_run(input, now, &mut out)?,
            Command::Signal(_) => {}
        }
        self.settle(&mut out);
        Ok(AcceptedCommand { epoch: self.epoch, effects: out })
    }

    /// Whether a command can be fulfilled only by a run that there is not yet.
    fn needs_another_run(&self, command: &Command) -> bool {
        match command {
            Command::Stop | Command::Signal(_) => false,
            Command::Restart => true,
            Command::Start => self.main().is_none_or(Run::is_stopping),
            Command::Run(_) => self.listener().is_none(),
        }
    }

    fn on_start(&mut self, now: Present) {
        self.release(now);
        match self.runs.iter_mut().find(|run| run.role == Role::Main) {
            Some(Run { stage: Stage::Stopping { then, .. }, .. }) => {
                *then = AfterStop::Again { by_restart: false };
                self.epoch += 1;
            }
            Some(_) => {}
            None if self.pending.is_some() => {}
            None => self.begin_by_person(PendingStart::default()),
        }
    }

    fn on_stop(&mut self, now: Present, out: &mut Vec<Effect>) {
        self.epoch += 1;
        self.is_held = true;
        self.pending = None;
        self.wants_candidate = false;
        self.facts.reason = None;
        self.facts.note = None;
        self.idle = Idle::Stopped;
        self.retick(now);
        out.push(Effect::Log(Level::Info, format!("Stopping worker: {}", self.id)));
        self.stop_runs(&AfterStop::Idle, now, out);
    }

    fn on_restart(&mut self, now: Present, out: &mut Vec<Effect>) {
        if self.is_restarting() {
            return;
        }
        self.release(now);
        self.wants_candidate = false;
        out.push(Effect::Log(Level::Info, format!("Restarting worker: {}", self.id)));
        if self.main().is_some() {
            self.epoch += 1;
            self.stop_runs(&AfterStop::Again { by_restart: true }, now, out);
        } else {
            self.begin_by_person(PendingStart { by_restart: true, ..PendingStart::default() });
        }
    }

    /// Whether a restart that somebody asked for is still being carried out: fifty clicks are one
    /// request. Once its run is up, or has ended, the next request is a new one, however soon.
    fn is_restarting(&self) -> bool {
        if self.is_held {
            return false;
        }
        match self.main() {
            Some(run) => match &run.stage {
                Stage::Stopping { then, .. } => *then == AfterStop::Again { by_restart: true },
                Stage::Running => false,
                Stage::Spawning | Stage::Starting => {
                    run.by_restart && run.spec.launch == self.spec.launch
                }
            },
            // A run with an input has yet to begin: another one in its place would lose the input.
            None => self.pending.as_ref().is_some_and(|p| p.by_restart || p.input.is_some()),
        }
    }

    fn on_run(
        &mut self,
        input: Option<String>,
        now: Present,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if let Some(key) = self.listener() {
            let input = input.unwrap_or_else(|| "null".to_owned());
            out.push(Effect::Deliver { run: key, input });
            return Ok(());
        }
        if !self.runs.is_empty() || self.pending.is_some() {
            return Err(Refusal::AlreadyRunning);
        }
        self.release(now);
        self.begin_by_person(PendingStart { input, by_restart: false });
        Ok(())
    }

    /// The signal goes to the run that counts. It changes nothing of what the machine wants: an end
    /// by the signal is an end like any other.
    fn on_signal(&self, signal: i32) -> Result<AcceptedCommand, Refusal> {
        let main = self.main().filter(|run| run.is_spawned()).ok_or(Refusal::NotRunning)?;
        let line = format!("Sending {} to worker: {}", signal_name(signal), self.id);
        let effects =
            vec![Effect::Log(Level::Info, line), Effect::Signal { run: main.key, signal }];
        Ok(AcceptedCommand { epoch: self.epoch, effects })
    }

    /// The run that takes inputs as messages: a script that is up and has a channel.
    fn listener(&self) -> Option<RunKey> {
        let run = self.main()?;
        let launch = &run.spec.launch;
        let is_script = launch.mode != Mode::Task && !run.is_task;
        (run.is_up() && launch.ipc && is_script).then_some(run.key)
    }

    /// A person wants it to run: an earlier stop is over.
    fn release(&mut self, now: Present) {
        if std::mem::replace(&mut self.is_held, false) {
            self.retick(now);
        }
    }

    fn begin_by_person(&mut self, pending: PendingStart) {
        self.epoch += 1;
        self.begin(pending);
    }
}
