//! The spec of a worker in tests.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use crate::{
    domain::{
        Attempts, Backoff, EnvMap, Fingerprint, Launch, Limits, Mode, OnChange, Policy, ReadyRule,
        RestartPolicy, RestartWhen, StartPolicy, Stdin, StopMessage, StopPolicy, StopTarget,
        WorkerId, WorkerSpec,
    },
    worker::Schedule,
};

pub(super) fn spec(version: u64, change: impl FnOnce(&mut WorkerSpec)) -> Arc<WorkerSpec> {
    let seconds = Duration::from_secs;
    let mut spec = WorkerSpec {
        id: WorkerId::parse("a").expect("a good id"),
        file: PathBuf::from("a.js"),
        rule: "r".to_owned(),
        model: Some("m".to_owned()),
        lacks_key: false,
        accepts_open: false,
        warnings: Vec::new(),
        untrusted: None,
        launch: Launch {
            program: "node".to_owned(),
            args: Vec::new(),
            file: PathBuf::from("/w/a.js"),
            env: EnvMap::default(),
            cwd: PathBuf::from("/"),
            ipc: true,
            mode: Mode::Script,
            stdin: Stdin::default(),
            limits: Limits::default(),
            user: None,
            new_privileges: false,
            fingerprint: Fingerprint(version.into()),
        },
        policy: Policy {
            enabled: true,
            restart: RestartPolicy {
                policy: RestartWhen::OnFailure,
                max_attempts: Attempts::Max(3),
                delay: seconds(5),
                backoff: Backoff::Exponential,
                max_delay: seconds(300),
                jitter: 0.0,
                reset_after: seconds(60),
                success_codes: [0].into_iter().collect(),
            },
            start: StartPolicy {
                ready: ReadyRule::Alive,
                ready_line: None,
                alive_after: seconds(1),
                timeout: seconds(30),
                run_timeout: None,
            },
            probe: None,
            stop: StopPolicy {
                signal: 15,
                to: StopTarget::Group,
                message: StopMessage::Object,
                timeout: seconds(10),
            },
            reload: OnChange::Replace,
            schedule: None,
            after: Vec::new(),
        },
    };
    change(&mut spec);
    Arc::new(spec)
}

pub(super) fn schedule_of(spec: &WorkerSpec) -> Option<Schedule> {
    let policy = spec.policy.schedule.as_ref()?;
    Some(Schedule::new(policy, TimeZone::UTC).expect("a good schedule"))
}
