//! Commands of people to a worker: start, stop, restart, run.

use std::time::Duration;

use super::{
    event::{Effect, Level, RunKey},
    run::{AfterStop, Role, Run, Stage},
    state::{Idle, Leaving, MachineState, PendingStart},
};
use crate::{
    domain::{Command, Mode},
    worker::clock::Present,
};

/// A restart asked for while a run that a person asked for is younger than this is taken as the
/// same request: fifty clicks are one request.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A request that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
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
    ) -> Result<Outcome, Refusal> {
        if self.leaving != Leaving::No {
            return Err(Refusal::Leaving);
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
        }
        self.settle(&mut out);
        Ok(Outcome { epoch: self.epoch, effects: out })
    }

    /// Whether a command can be fulfilled only by a run that there is not yet.
    fn needs_another_run(&self, command: &Command) -> bool {
        match command {
            Command::Stop => false,
            Command::Restart => true,
            Command::Start => self.main().is_none_or(Run::is_stopping),
            Command::Run(_) => self.listener().is_none(),
        }
    }

    fn on_start(&mut self, now: Present) {
        self.release(now);
        match self.runs.iter_mut().find(|run| run.role == Role::Main) {
            Some(Run { stage: Stage::Stopping { then, .. }, .. }) => {
                *then = AfterStop::Again { by_person: true };
                self.epoch += 1;
            }
            Some(_) => {}
            None if self.pending.is_some() => {}
            None => self.begin_by_person(None),
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
        if self.is_same_request(now) {
            return;
        }
        self.release(now);
        self.wants_candidate = false;
        out.push(Effect::Log(Level::Info, format!("Restarting worker: {}", self.id)));
        if self.main().is_some() {
            self.epoch += 1;
            self.stop_runs(&AfterStop::Again { by_person: true }, now, out);
        } else {
            self.begin_by_person(None);
        }
    }

    /// Whether what a restart would do is under way because somebody just asked for it.
    fn is_same_request(&self, now: Present) -> bool {
        if self.is_held {
            return false;
        }
        match self.main() {
            Some(run) => match &run.stage {
                Stage::Stopping { then, .. } => *then == AfterStop::Again { by_person: true },
                _ => {
                    let is_current = run.spec.launch == self.spec.launch;
                    run.by_person && is_current && run.age(now) < SAME_REQUEST
                }
            },
            None => self.pending.as_ref().is_some_and(|wanted| wanted.by_person),
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
        self.begin_by_person(input);
        Ok(())
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

    fn begin_by_person(&mut self, input: Option<String>) {
        self.epoch += 1;
        self.begin(PendingStart { input, by_person: true });
    }
}
