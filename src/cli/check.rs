//! `arcanos check`: is the config good, and what would arcanos do?

use serde_json::json;

use crate::{
    cli::{
        args::Globals,
        client::find,
        exit::Failure,
        load::{self, Folder, Site},
        plan_lines::{self, Wanted, Wants},
        status::pretty,
        terminal::{Output, Tone},
        wire::{Plan, Worker},
    },
    config::Loaded,
    domain::{RestartWhen, WorkerSpec},
    plan::Desired,
    text::escape,
};

/// Checks the config, and shows the plan.
///
/// # Errors
/// Exit 2 with every error of the config; the folder cannot be followed.
pub(crate) async fn run(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let site = Site::read(globals)?;
    let loaded = match site.load() {
        Ok(loaded) => loaded,
        Err(errors) => {
            if globals.json {
                let errors: Vec<_> = errors.0.iter().map(ToString::to_string).collect();
                let told = json!({ "success": false, "errors": errors });
                out.line(&pretty(&told))?;
                out.flush()?;
            }
            return Err(site.rejected(&errors));
        }
    };
    let (pid, running) = find::workers(globals).await.unzip();
    let folder = load::folder(globals, &loaded.config, running.as_deref().unwrap_or_default())?;
    let specs = load::specs(&site, &loaded.config, &folder);
    let plan = plan(&specs, running.as_deref());
    let warnings = warnings(&loaded, &folder, &specs);
    if globals.json {
        out.line(&pretty(&as_json(&loaded, &warnings, &plan, pid)))?;
        return Ok(out.flush()?);
    }
    tell(&site, &loaded, &warnings, out)?;
    out.line(&match pid {
        Some(pid) => format!("plan for the arcanos that runs with the pid {pid}:"),
        None => "plan for a start now:".to_owned(),
    })?;
    for line in plan_lines::of_plan(&plan, out.colours()) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// What arcanos would do: the difference between what config and folder ask for and what runs.
fn plan(specs: &Desired, running: Option<&[Worker]>) -> Plan {
    let wanted: Vec<_> = specs.workers.values().map(|spec| wanted(spec)).collect();
    plan_lines::difference(&wanted, running)
}

fn wanted(spec: &WorkerSpec) -> Wanted {
    let rule = format!("rule `{}`", spec.rule);
    let policy = &spec.policy;
    let (wants, reason) = match (&policy.schedule, policy.restart.policy) {
        _ if !policy.enabled => (Wants::Rest, format!("`workers.{}.enabled = false`", spec.id)),
        (Some(schedule), _) => {
            (Wants::Run, format!("{rule}, by schedule `{}`", schedule.expression))
        }
        (None, RestartWhen::Always) => (Wants::Run, format!("{rule}, and again after every exit")),
        (None, RestartWhen::OnFailure | RestartWhen::Never) => (Wants::Run, rule),
    };
    let file = spec.file.to_string_lossy().into_owned();
    Wanted { id: spec.id.to_string(), file, reason, wants }
}

/// What is not wrong and should be known all the same, of the config and of each worker.
fn warnings(loaded: &Loaded, folder: &Folder, specs: &Desired) -> Vec<String> {
    let of_workers = specs
        .workers
        .values()
        .flat_map(|spec| spec.warnings.iter().map(|warning| format!("{}: {warning}", spec.id)));
    let of_config = loaded.warnings.iter().cloned();
    of_config.chain(folder.note.clone()).chain(of_workers).collect()
}

fn tell(
    site: &Site,
    loaded: &Loaded,
    warnings: &[String],
    out: &mut Output,
) -> Result<(), Failure> {
    let file = site.file.to_string_lossy();
    let good = out.colours().paint(Tone::Good, "is good").into_owned();
    out.line(&format!(
        "{} {good} (profile {})",
        escape(file.as_bytes()),
        escape(loaded.config.profile.as_bytes())
    ))?;
    for warning in warnings {
        let text = format!("warning: {}", escape(warning.as_bytes()));
        let text = out.colours().paint(Tone::Busy, &text).into_owned();
        out.line(&text)?;
    }
    Ok(())
}

fn as_json(
    loaded: &Loaded,
    warnings: &[String],
    plan: &Plan,
    running: Option<u32>,
) -> serde_json::Value {
    json!({
        "success": true,
        "profile": loaded.config.profile,
        "warnings": warnings,
        "running": running,
        "plan": plan,
    })
}
