//! The domain types that all other modules share.
//!
//! Worker ids and specs, run states and exits, snapshots and events. Nothing here does I/O, waits, or knows how a thing is shown on
//! the wire; the server and the command line have shapes of their own.

mod command;
mod env_map;
mod event;
mod exit;
mod host;
mod id;
pub mod os_text;
mod plan;
mod probe;
mod schedule;
mod spec;
mod stamp;
mod state;
mod task_file;
mod view;

pub use command::Command;
pub use env_map::EnvMap;
pub use event::{Event, EventKind};
pub use exit::{Exit, ExitCause, ExitReason, signal_name, signal_named, signal_number};
pub use host::{Authority, Host, is_localhost, reachable_address};
pub use id::{Generation, InstanceName, RunId, WorkerId, is_main_module};
pub use plan::{
    Cause, Change, KeptBy, PlanEntry, PlanList, PlanSummary, ReloadReport, ReloadResult,
};
pub use probe::{Probe, ProbeAnswer, ProbeCommand, ProbeTarget};
pub use schedule::{CatchUp, ScheduleMark, SchedulePolicy};
pub use spec::{
    Argument, Attempts, Backoff, Concurrency, Fingerprint, Launch, Limits, Mode, OnChange, Policy,
    ReadyRule, RestartPolicy, RestartWhen, StartPolicy, Stdin, StopMessage, StopPolicy, StopTarget,
    WorkerSpec,
};
pub use stamp::{Stamp, human_delay, human_uptime};
pub use state::State;
pub use task_file::{is_node, may_be_task};
pub use view::{
    ActivityKind, AiStatus, ConfigStatus, DiscoveryStatus, Evidence, LastActivity, LastExit,
    LogCounters, PastRun, RunOutcome, Snapshot, Started, Usage, WorkerView,
};
