//! The domain types that all other modules share.
//!
//! Worker ids and specs, run states and exits, snapshots and events. Nothing here does I/O, waits, or knows how a thing is shown on
//! the wire; the server and the command line have shapes of their own.

mod command;
mod event;
mod exit;
mod host;
mod id;
mod plan;
mod spec;
mod stamp;
mod state;
mod view;

pub use command::Command;
pub use event::{Event, EventKind};
pub use exit::{Exit, ExitCause, ExitReason, signal_name, signal_number};
pub use host::{Authority, Host, is_localhost, reachable_address};
pub use id::{Generation, InstanceName, InvalidId, RunId, WorkerId};
pub use plan::{
    Cause, Change, KeptBy, PlanEntry, PlanList, PlanSummary, ReloadReport, ReloadResult,
};
pub use spec::{
    Argument, Attempts, Backoff, EnvMap, Fingerprint, Launch, Limits, Mode, OnChange, Policy,
    ReadyRule, RestartPolicy, RestartWhen, SchedulePolicy, StartPolicy, StopPolicy, WorkerSpec,
};
pub use stamp::{Stamp, human_delay, human_uptime};
pub use state::State;
pub use view::{
    ActivityKind, AiStatus, ConfigStatus, DiscoveryStatus, Evidence, LastActivity, LastExit,
    LogCounters, LogCounts, PastRun, RunOutcome, Snapshot, Started, StateCounts, Usage, WorkerView,
};
