//! The launch of a run: makes its command, has it spawned, and gives it up when it hangs or when
//! the run is to end before it has begun.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use super::{context::Context, launch_limiter::HANGING, live_run::RunTask};
use crate::{
    domain::{RunId, WorkerSpec, os_text, reachable_address},
    files,
    process::{self, Command, SpawnError, Spawned},
};

/// How long the launch of a run may still take that is to end. It is given up after that: no
/// program of the worker has begun, which would need its time.
const STOPPED_LAUNCH: Duration = Duration::from_millis(500);

/// Launches a run. Its worker is among the problems of `/health` from when this hangs until a
/// launch does not hang, or nobody wants it.
pub(super) async fn launch(task: &RunTask) -> Result<Spawned, SpawnError> {
    let context = &task.context;
    let id = &task.spec.id;
    let turn = context.launch_turn(id);
    let limit = task.spec.policy.start.timeout;
    let inputs = CommandInputs {
        context: Arc::clone(context),
        spec: Arc::clone(&task.spec),
        id: task.id.clone(),
        input: task.input.clone(),
    };
    let launched = context.spawner.launch(&turn, limit, move || inputs.command());
    let spawned = tokio::select! {
        spawned = lending(task, launched) => spawned,
        limit = unwanted(task) => {
            let step = "it was to end before its program began";
            Err(SpawnError::Hangs { step, limit })
        }
    };
    let hang = spawned.as_ref().err().filter(|error| matches!(error, SpawnError::Hangs { .. }));
    let is_wanted = task.stop_request.with(|request| request.stop.is_none() && !request.is_kill);
    if !is_wanted {
        // `unwanted` may have taken the change, and whoever watches the process must see it.
        task.stop_request.change(|_| {});
    }
    let problem = hang.filter(|_| is_wanted).map(|error| format!("Worker {id}: cannot {error}"));
    context.set_launch_problem(id, problem.map(|text| context.logs.redact(&text)));
    spawned
}

/// Drives a launch; gives its permit back if it has no process in time.
async fn lending<T>(task: &RunTask, launch: impl Future<Output = T>) -> T {
    let mut launch = std::pin::pin!(launch);
    match tokio::time::timeout(HANGING, &mut launch).await {
        Ok(launched) => launched,
        Err(_) => {
            task.permit.give_back();
            launch.await
        }
    }
}

/// Waits until the run is to end and its launch has had [`STOPPED_LAUNCH`] for that, or is to be
/// killed.
async fn unwanted(task: &RunTask) -> Duration {
    let request = &task.stop_request;
    while request.with(|request| request.stop.is_none() && !request.is_kill) {
        request.changed().await;
    }
    let limit = tokio::time::timeout(STOPPED_LAUNCH, async {
        while request.with(|request| !request.is_kill) {
            request.changed().await;
        }
    });
    let _ = limit.await;
    STOPPED_LAUNCH
}

/// What the command of a run is made of.
struct CommandInputs {
    context: Arc<Context>,
    spec: Arc<WorkerSpec>,
    id: RunId,
    input: Option<String>,
}

impl CommandInputs {
    /// The command of this run: that of the spec, with what differs from run to run.
    /// Blocks, as long as the disk of the file does.
    fn command(&self) -> Result<Command, SpawnError> {
        let launch = &self.spec.launch;
        // The folder is away for now (a share, a checkout), or the file was removed and the
        // observer has not noticed yet. Neither is a failure of the worker, so it must not cost an
        // attempt.
        if matches!(launch.file.try_exists(), Ok(false)) {
            return Err(SpawnError::ResourceShortage {
                step: "find the worker's file".to_owned(),
                errno: libc::ENOENT,
            });
        }
        // Check the mode anew: a restart after a crash may come before the observer sees that the
        // file was opened to others.
        let is_asked = !self.spec.accepts_open;
        let open = is_asked.then(|| files::open_to_all(&launch.file)).flatten();
        if let Some(reason) = open.or_else(|| self.spec.untrusted.clone()) {
            let path = os_text::shown_path(&launch.file);
            return Err(SpawnError::Failed { step: "run", path, reason });
        }
        let mut env: BTreeMap<String, String> = launch.env.0.clone();
        if let Some(address) = *self.context.address.borrow() {
            env.insert("ARCANOS_URL".to_owned(), format!("http://{}", reachable_address(address)));
        }
        // Node resolves the links of the main file but not those of `process.argv[1]`; the idioms
        // that compare the two hold only for a path without links.
        let real = std::fs::canonicalize(&launch.file).unwrap_or_else(|_| launch.file.clone());
        let real = os_text::kept_path(&real);
        let mut command = Command {
            program: launch.program.clone(),
            args: launch.args.iter().map(|arg| arg.for_file(&real)).collect(),
            env: env.into_iter().collect(),
            cwd: launch.cwd.clone(),
            ipc: launch.ipc,
            stdin: launch.stdin,
            limits: launch.limits,
            user: launch.user.clone(),
            new_privileges: launch.new_privileges,
            run: self.id.clone(),
        };
        process::prepare_node(&mut command, &launch.file, launch.mode, self.input.as_deref())?;
        Ok(command)
    }
}
