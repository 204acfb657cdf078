//! `arcanos why`: the verdict on one file, with the line that decided, and how its worker fares.

mod lines;
mod story;
mod target;

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    cli::{
        args::{Globals, Why},
        client::find::{self, Found},
        exit::{self, Failure},
        json::{pretty, understand},
        load::{self, Site},
        terminal::Output,
        verbs::segment,
        wire,
    },
    config::{Config, InstanceLocator},
    discovery::{Verdict, VerdictKind},
    domain::os_text,
    files::{Settled, read_settled},
    plan::Desired,
    text::escape,
};
use story::Story;
use target::Target;

/// The largest file whose line is shown, in bytes: no larger one is a worker.
const MAX_FILE: u64 = 1024 * 1024;

/// Explains a file or a worker.
///
/// # Errors
/// The config is bad (exit 2); there is no such file or worker (exit 1).
pub(crate) async fn run(globals: &Globals, args: &Why, out: &mut Output) -> Result<(), Failure> {
    let site = Site::read(globals)?;
    let config = site.load().map_err(|errors| site.rejected(&errors))?.config;
    let found = find::by_locator(InstanceLocator::of(&config)).ok();
    let running = match &found {
        Some(found) => find::workers(found).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let folder = load::folder(globals, &config, &running)?;
    let name = os_text::shown_path(Path::new(&args.target));
    let directory = &config.discovery.directory;
    let mut target = target::find(directory, &args.target, &folder.discovered);
    if target == Target::Unknown
        && let Some(file) = file_of(&running, &name)
    {
        // A file that is rejected has no id of its own, though a worker may still run from it.
        target = target::find(directory, directory.join(file).as_os_str(), &folder.discovered);
    }
    let mut story = match target {
        Target::File(verdict) => {
            story(&config, verdict.clone(), &load::specs(&site, &config, &folder))
        }
        Target::PassedOver(reason) => {
            out.line(&escape(reason.as_bytes()))?;
            return Ok(out.flush()?);
        }
        Target::Unknown => return gone(globals, found.as_ref(), &name, out).await,
    };
    if let Some(id) = worker_of(&running, &story.verdict) {
        story.worker = ask(found.as_ref(), &id).await;
    }
    if globals.json {
        out.line(&pretty(&as_json(&story)))?;
        return Ok(out.flush()?);
    }
    for line in lines::lines(&story, lines::LineLayout::of(out))? {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// The file from which the worker with this id runs.
fn file_of<'a>(running: &'a [wire::Worker], id: &str) -> Option<&'a str> {
    running.iter().find(|worker| worker.id == id)?.file.as_deref()
}

/// The id of the worker that the file is, or that still runs from it.
fn worker_of(running: &[wire::Worker], verdict: &Verdict) -> Option<String> {
    if verdict.verdict == VerdictKind::Worker {
        return verdict.id.as_ref().map(ToString::to_string);
    }
    let runs =
        |worker: &&wire::Worker| worker.file.as_deref().map(Path::new) == Some(&verdict.file);
    running.iter().find(runs).map(|worker| worker.id.clone())
}

fn story(config: &Config, verdict: Verdict, specs: &Desired) -> Story {
    let directory = &config.discovery.directory;
    let rule = config.discovery.rules.iter().find(|r| Some(&r.name) == verdict.rule.as_ref());
    let spec = specs.workers.values().find(|spec| spec.file == verdict.file);
    let folder = directory.file_name().map_or_else(|| Path::new(""), Path::new);
    Story {
        path: os_text::shown_path(&folder.join(&verdict.file)),
        source: verdict.line.and_then(|line| source(&directory.join(&verdict.file), line)),
        packages: rule.map_or_else(Vec::new, |rule| rule.imports.clone()),
        warnings: spec.map_or_else(Vec::new, |spec| spec.warnings.clone()),
        worker: None,
        verdict,
    }
}

/// One line of a file, from 1; `None` if the file or the line has gone meanwhile.
fn source(path: &Path, line: u32) -> Option<String> {
    let Ok(Settled::Content(content)) = read_settled(path, MAX_FILE) else {
        return None;
    };
    let text = String::from_utf8_lossy(&content).into_owned();
    text.lines().nth(line.checked_sub(1)? as usize).map(str::to_owned)
}

/// The worker as the running arcanos sees it, if there are both.
async fn ask(found: Option<&Found>, id: &str) -> Option<Value> {
    found?.client.read(&format!("/workers/{}", segment(id))).await.ok()
}

/// A name without a file: perhaps a worker whose file was removed.
async fn gone(
    globals: &Globals,
    found: Option<&Found>,
    name: &str,
    out: &mut Output,
) -> Result<(), Failure> {
    let shown = escape(name.as_bytes());
    let Some(worker) = ask(found, name).await else {
        return Err(Failure::new(
            exit::FAILED,
            format!("there is no file and no worker `{shown}`"),
        )
        .with_remedy("`arcanos scan` lists the files, `arcanos status` the workers"));
    };
    if globals.json {
        out.line(&pretty(&json!({ "worker": worker })))?;
        return Ok(out.flush()?);
    }
    out.line(&format!("the file of the worker `{shown}` is gone"))?;
    let worker: wire::Worker = understand(worker)?;
    for line in lines::life(&worker, lines::LineLayout::of(out)) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

fn as_json(story: &Story) -> Value {
    json!({
        "file": story.verdict.file,
        "verdict": story.verdict.verdict,
        "id": story.verdict.id,
        "rule": story.verdict.rule,
        "line": story.verdict.line,
        "reason": story.verdict.reason,
        "source": story.source,
        "warnings": story.warnings,
        "worker": story.worker,
    })
}
