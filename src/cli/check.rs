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
    config::{Config, Loaded},
    discovery::Discovered,
    domain::RestartWhen,
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
    let folder = load::folder(&loaded.config, running.as_deref().unwrap_or_default())?;
    let plan = plan(&loaded.config, &folder.discovered, running.as_deref());
    if globals.json {
        out.line(&pretty(&as_json(&loaded, &plan, pid)))?;
        return Ok(out.flush()?);
    }
    tell(&site, &loaded, &folder, out)?;
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
pub(crate) fn plan(config: &Config, discovered: &Discovered, running: Option<&[Worker]>) -> Plan {
    plan_lines::difference(&wanted(config, discovered), running)
}

fn wanted(config: &Config, discovered: &Discovered) -> Vec<Wanted> {
    let of_candidate = |candidate: &crate::discovery::Candidate| {
        let id = candidate.id.as_str();
        let settings = config.worker(id);
        let rule = format!("rule `{}`", candidate.rule);
        let (wants, reason) = match (&settings.schedule, settings.restart.policy) {
            _ if !settings.enabled => (Wants::Rest, format!("`workers.{id}.enabled = false`")),
            (Some(schedule), _) => {
                (Wants::Run, format!("{rule}, by schedule `{}`", schedule.expression))
            }
            (None, RestartWhen::Always) => {
                (Wants::Run, format!("{rule}, and again after every exit"))
            }
            (None, RestartWhen::OnFailure | RestartWhen::Never) => (Wants::Run, rule),
        };
        let file = candidate.file.to_string_lossy().into_owned();
        Wanted { id: id.to_owned(), file, reason, wants }
    };
    discovered.candidates.iter().map(of_candidate).collect()
}

fn tell(site: &Site, loaded: &Loaded, folder: &Folder, out: &mut Output) -> Result<(), Failure> {
    let file = site.file.to_string_lossy();
    let good = out.colours().paint(Tone::Good, "is good").into_owned();
    out.line(&format!(
        "{} {good} (profile {})",
        escape(file.as_bytes()),
        escape(loaded.config.profile.as_bytes())
    ))?;
    let of_files = folder.discovered.candidates.iter().flat_map(|candidate| {
        candidate.warnings.iter().map(|warning| format!("{}: {warning}", candidate.id))
    });
    for warning in loaded.warnings.iter().cloned().chain(folder.note.clone()).chain(of_files) {
        let text = format!("warning: {}", escape(warning.as_bytes()));
        let text = out.colours().paint(Tone::Busy, &text).into_owned();
        out.line(&text)?;
    }
    Ok(())
}

fn as_json(loaded: &Loaded, plan: &Plan, running: Option<u32>) -> serde_json::Value {
    json!({
        "success": true,
        "profile": loaded.config.profile,
        "warnings": loaded.warnings,
        "running": running,
        "plan": plan,
    })
}
