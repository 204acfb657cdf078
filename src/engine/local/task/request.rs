//! How a worker's task answers what a person asks for.

use super::Task;
use crate::{
    domain::Command,
    engine::{
        blocking::on_disk,
        command::CommandError,
        local::{
            context::{StopOrder, WorkerRequest},
            gate::Turn,
        },
    },
    failpoint::failpoint,
    files,
    worker::{Level, Now, Refusal},
};

impl Task {
    pub(super) fn answer(&mut self, request: WorkerRequest, now: Now) {
        failpoint("worker", self.id.as_str());
        let answer = match request.order {
            StopOrder::InTurn if self.takes_turn() => Ok(self.machine.epoch() + 1),
            StopOrder::InTurn | StopOrder::AtOnce => self.carry_out_command(request.command, now),
        };
        // The caller may be gone; the command is carried out all the same.
        let _ = request.answer.send(answer);
    }

    /// Returns the epoch in which the command will have been done.
    fn carry_out_command(&mut self, command: Command, now: Now) -> Result<u64, CommandError> {
        let spec = self.machine.spec();
        // Check the mode anew, as before a launch: this request may come before the observer sees
        // that the file was opened to others.
        let is_asked = !spec.accepts_open;
        let open = is_asked.then(|| on_disk(|| files::open_to_all(&spec.launch.file))).flatten();
        let untrusted = open.or_else(|| spec.untrusted.clone());
        let (wants_run, wants_stop) = match command {
            Command::Start | Command::Restart => (true, false),
            Command::Stop => (false, true),
            Command::Run(_) | Command::Signal(_) => (false, false),
        };
        match self.machine.request(command, untrusted, now) {
            Ok(outcome) => {
                if self.gate.turn == Some(Turn::Waits) {
                    if wants_run {
                        // It came after the stop that still waits, and goes over it.
                        self.call_off_turn();
                    } else if wants_stop {
                        self.gate.turn = Some(Turn::Stops);
                    }
                }
                self.carry_out(outcome.effects);
                match std::mem::take(&mut self.stopped_reading) {
                    true => Err(CommandError::NotReading(self.id.clone())),
                    false => Ok(outcome.epoch),
                }
            }
            Err(Refusal::Disabled) => Err(CommandError::Disabled(self.id.clone())),
            Err(Refusal::AlreadyRunning) => Err(CommandError::AlreadyRunning(self.id.clone())),
            Err(Refusal::NotRunning) => Err(CommandError::NotRunning(self.id.clone())),
            Err(Refusal::Leaving) => Err(CommandError::Unknown(self.id.to_string())),
            Err(Refusal::Untrusted(reason)) => {
                self.write(Level::Warn, &format!("Worker {} is not started: {reason}", self.id));
                Err(CommandError::Untrusted { worker: self.id.clone(), reason })
            }
        }
    }
}
