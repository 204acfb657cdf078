//! `arcanos check`: validates the config and shows the plan.

use std::error::Error;

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::{
    cli::{
        args::Globals,
        client::{
            Wait,
            find::{self, Found},
        },
        exit::{self, Failure},
        json::{pretty, understand},
        load::{self, Folder, Site},
        plan_lines,
        terminal::{Output, Tone},
        wire::Plan,
    },
    config::{InstanceLocator, Loaded},
    domain::{RestartWhen, WorkerSpec, os_text},
    engine::local_zone_problem,
    files::state::Draft,
    plan::{Desired, unmatched_settings},
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
                let answer = json!({ "success": false, "errors": errors });
                out.line(&pretty(&answer))?;
                out.flush()?;
            }
            return Err(site.rejected(&errors));
        }
    };
    let found = find::by_locator(InstanceLocator::of(&loaded.config)).ok();
    let running = match &found {
        Some(found) => find::workers(found).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let folder = load::folder(globals, &loaded.config, &running)?;
    let specs = load::specs(&site, &loaded.config, &folder);
    let mut warnings = warnings(&loaded, &folder, &specs);
    let (pid, plan) = match ask(found, globals, &site).await {
        Answer::Plan { pid, plan, refused } => {
            warnings.extend(refused);
            (Some(pid), plan)
        }
        Answer::NoneRuns => (None, plan_for_a_start(&specs)),
        Answer::Silence(why) => {
            warnings.push(why);
            (None, plan_for_a_start(&specs))
        }
        Answer::Rejected { pid, errors } => {
            let message = format!("the arcanos that runs with the pid {pid} would not take it up");
            return Err(Failure::new(exit::BAD_USAGE, message).with_details(errors.join("\n")));
        }
    };
    if globals.json {
        out.line(&pretty(&as_json(&loaded, &warnings, &plan, pid)))?;
        return Ok(out.flush()?);
    }
    print_verdict(&site, &loaded, &warnings, out)?;
    out.line(&match pid {
        Some(pid) => format!("plan for the arcanos that runs with the pid {pid}:"),
        None => "plan for a start now:".to_owned(),
    })?;
    for line in plan_lines::of_plan(&plan, out.colours()) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// What the arcanos that runs would do.
enum Answer {
    /// Its plan.
    Plan {
        pid: u32,
        plan: Plan,
        /// Keys whose edit it would refuse.
        refused: Vec<String>,
    },
    /// It would reject the config, since its environment is another one.
    Rejected { pid: u32, errors: Vec<String> },
    /// There is none.
    NoneRuns,
    /// There is one, and it gave no plan; says why.
    Silence(String),
}

/// Asks the arcanos that runs, if one does: it alone knows its environment and what it runs.
async fn ask(found: Option<Found>, globals: &Globals, site: &Site) -> Answer {
    let Some(found) = found else {
        return Answer::NoneRuns;
    };
    let pid = found.instance.pid;
    let silence = |why: &dyn Error| {
        let why = load::chain(why);
        Answer::Silence(format!("the arcanos that runs with the pid {pid} told no plan: {why}"))
    };
    // What it follows it finds itself; any other config is laid down where only its owner can.
    let is_its_own =
        found.instance.config == site.file && globals.profile.is_none() && globals.set.is_empty();
    let draft = Draft {
        config: site.file.clone(),
        profile: globals.profile.clone(),
        overrides: globals.set.clone(),
    };
    let laid = (!is_its_own).then(|| found.state.lay_draft(&draft)).transpose();
    let laid = match laid {
        Ok(laid) => laid,
        Err(error) => return silence(&error),
    };
    let path = match &laid {
        Some(laid) => format!("/plan?draft={}", laid.name()),
        None => "/plan".to_owned(),
    };
    let answer = match found.client.ask(Method::GET, &path, None, Wait::Short).await {
        Ok(answer) => answer,
        Err(error) => return silence(&error),
    };
    let mut body = answer.body.clone();
    let errors: Vec<String> = understand(body["errors"].take()).unwrap_or_default();
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
        return Answer::Rejected { pid, errors };
    }
    match answer.good().and_then(|mut body| understand(body["plan"].take())) {
        Ok(plan) => Answer::Plan { pid, plan, refused: errors },
        Err(error) => silence(&error),
    }
}

fn plan_for_a_start(specs: &Desired) -> Plan {
    let mut plan = Plan::default();
    for spec in specs.workers.values() {
        match why_started(spec) {
            Some(reason) => {
                plan.started.push(spec.id.to_string());
                plan.reasons.insert(spec.id.to_string(), reason);
            }
            None => plan.unchanged += 1,
        }
    }
    plan
}

/// Why a worker would start; `None` if it is disabled.
fn why_started(spec: &WorkerSpec) -> Option<String> {
    let policy = &spec.policy;
    let rule = format!("rule `{}`", spec.rule);
    let reason = match (&policy.schedule, policy.restart.policy) {
        (Some(schedule), _) => format!("{rule}, by schedule `{}`", schedule.expression),
        (None, RestartWhen::Always) => format!("{rule}, and again after every exit"),
        (None, RestartWhen::OnFailure | RestartWhen::Never) => rule,
    };
    policy.enabled.then_some(reason)
}

/// What is not wrong and should be known all the same, of the config and of each worker.
fn warnings(loaded: &Loaded, folder: &Folder, specs: &Desired) -> Vec<String> {
    let of_workers = specs
        .workers
        .values()
        .flat_map(|spec| spec.warnings.iter().map(|warning| format!("{}: {warning}", spec.id)));
    let of_config = loaded.warnings.iter().cloned();
    let unmatched = match folder.note {
        Some(_) => Vec::new(),
        None => {
            let unmatched = unmatched_settings(&loaded.config, &folder.discovered);
            unmatched.into_iter().map(|unmatched| unmatched.text).collect()
        }
    };
    let of_machine = local_zone_problem();
    of_config
        .chain(of_machine)
        .chain(unmatched)
        .chain(folder.note.clone())
        .chain(of_workers)
        .collect()
}

fn print_verdict(
    site: &Site,
    loaded: &Loaded,
    warnings: &[String],
    out: &mut Output,
) -> Result<(), Failure> {
    let file = os_text::shown_path(&site.file);
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
