//! The timers of a machine, as a table.

use super::event::RunKey;
use crate::worker::clock::Moment;

/// What a timer is for. Of timers that are due together, the one that stands first here goes
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A run is old enough to have shown life: the next worker may launch.
    ShownLife(RunKey),
    /// A run has been up for `start.alive_after`.
    Ready(RunKey),
    /// A run had `start.timeout` to get ready.
    StartTimeout(RunKey),
    /// A run had `start.run_timeout` to do its work.
    RunTimeout(RunKey),
    /// A run had `stop.timeout` to end.
    StopTimeout(RunKey),
    /// The probe of a run is to be asked.
    Probe(RunKey),
    /// The main run has lasted for `restart.reset_after`: spent attempts are given back.
    ResetAttempts,
    /// The schedule names this moment.
    Tick,
    /// A change that came too soon after others is taken up.
    TakeUpChange,
    /// A worker without a run tries again.
    Retry,
}

/// When each timer is due. A worker has a handful, so they are searched one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable(Vec<(Timer, Moment)>);

impl TimerTable {
    /// Sets a timer, which is due at this moment and no other.
    pub(super) fn set(&mut self, timer: Timer, at: Moment) {
        self.cancel(timer);
        self.0.push((timer, at));
    }

    /// Stops a timer, if it is set.
    pub(super) fn cancel(&mut self, timer: Timer) {
        self.0.retain(|(known, _)| *known != timer);
    }

    /// Stops all timers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<Moment> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes out a timer that is due by now.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<Timer> {
        let due = self.0.iter().filter(|(_, at)| *at <= now).map(|(timer, _)| *timer);
        let timer = due.min()?;
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_table_names_what_is_due_in_order_and_once() {
        let at = |seconds| Moment(Duration::from_secs(seconds));
        let run = RunKey(3);
        let mut table = TimerTable::default();
        assert_eq!((table.next(), table.pop_due(at(99))), (None, None));
        table.set(Timer::Retry, at(5));
        table.set(Timer::Ready(run), at(7));
        table.set(Timer::Tick, at(9));
        table.set(Timer::Tick, at(6));
        table.set(Timer::StopTimeout(run), at(1));
        table.cancel(Timer::StopTimeout(run));
        assert_eq!((table.next(), table.pop_due(at(4))), (Some(at(5)), None));
        assert_eq!(table.pop_due(at(7)), Some(Timer::Ready(run)));
        assert_eq!(table.pop_due(at(7)), Some(Timer::Tick));
        assert_eq!(table.pop_due(at(7)), Some(Timer::Retry));
        assert_eq!((table.next(), table.pop_due(at(99))), (None, None));
    }
}
