//! Makes the spec of each worker from the config and the candidates.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::environment::{environment, of_probe, unpassed};
use crate::{
    config::{self, Config, Rule, WorkerSettings, WorldWritable, nearest},
    discovery::Candidate,
    domain::{
        Argument, EnvMap, Fingerprint, Launch, Mode, Policy, ProbeTarget, WorkerId, WorkerSpec,
        is_node, may_be_task, os_text,
    },
};

/// What surrounds the config and is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The folder of the config file: where workers run by default.
    pub base: PathBuf,
    /// The base URL that workers get; `None` leaves the SDK's own.
    pub upstream: Option<String>,
    /// The packages that are installed, if any are: runs on others are replaced.
    pub packages: Option<Installed>,
}

/// Packages that are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The lock file that they were installed by, absolute.
    pub lock_file: PathBuf,
    /// A digest of it.
    pub digest: Fingerprint,
    /// Whether they came after workers had been launched without them, so that those are replaced.
    pub is_late: bool,
}

impl Installed {
    /// Whether both were installed by the same lock file, with the same content.
    pub(crate) fn is_by_same_lock(&self, other: &Self) -> bool {
        (&self.lock_file, self.digest) == (&other.lock_file, other.digest)
    }

    /// What runs on these packages and not on others.
    const fn mark(&self) -> u128 {
        if self.is_late { !self.digest.0 } else { self.digest.0 }
    }
}

/// What should run.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// A spec for each worker.
    pub workers: BTreeMap<WorkerId, Arc<WorkerSpec>>,
    /// What each spec was made from, so that an unchanged one is not made again.
    sources: BTreeMap<WorkerId, Arc<Candidate>>,
    made_with: Option<(Arc<Config>, Surroundings)>,
}

impl Desired {
    /// What the spec of this worker was made from.
    pub(super) fn source(&self, id: &WorkerId) -> Option<&Candidate> {
        self.sources.get(id).map(Arc::as_ref)
    }

    /// The base URL that the workers got.
    pub(super) fn upstream(&self) -> Option<&str> {
        self.made_with.as_ref().and_then(|(_, surroundings)| surroundings.upstream.as_deref())
    }

    /// The packages that were installed.
    pub(crate) fn packages(&self) -> Option<&Installed> {
        self.made_with.as_ref().and_then(|(_, surroundings)| surroundings.packages.as_ref())
    }

    /// Leaves workers whose launch differs from what runs as they run, but for what changes in
    /// place: while packages are installed, a run that is stopped could not be replaced. A later
    /// [`desired`] makes their specs anew.
    pub fn hold(&mut self, actual: &[Arc<WorkerSpec>]) {
        for old in actual {
            let Some(new) = self.workers.get_mut(&old.id) else { continue };
            if new.launch != old.launch {
                let held = WorkerSpec { launch: old.launch.clone(), ..WorkerSpec::clone(new) };
                *new = Arc::new(held);
                self.sources.remove(&old.id);
            }
        }
    }

    /// The arguments that the config gives to this worker alone.
    pub(super) fn args(&self, id: &WorkerId) -> Vec<String> {
        let config = self.made_with.as_ref().map(|(config, _)| config);
        config.map(|config| config.worker(id.as_str()).args.clone()).unwrap_or_default()
    }
}

/// Makes a spec for each candidate. Where nothing differs from `previous`, its spec is shared.
#[must_use]
pub fn desired(
    config: &Arc<Config>,
    candidates: &[Arc<Candidate>],
    surroundings: &Surroundings,
    previous: &Desired,
) -> Desired {
    let ids: BTreeSet<&WorkerId> = candidates.iter().map(|candidate| &candidate.id).collect();
    // Which ids of `after` count depends on who is there.
    let is_same_crowd = previous.workers.keys().eq(ids.iter().copied());
    let before = previous.made_with.as_ref().filter(|(_, s)| s == surroundings);
    let before = before.map(|(before, _)| before).filter(|before| is_alike(before, config));
    let known = |candidate: &Arc<Candidate>| {
        let (id, before) = (&candidate.id, before?);
        let is_known = previous.sources.get(id) == Some(candidate)
            && (Arc::ptr_eq(before, config)
                || before.worker(id.as_str()) == config.worker(id.as_str()));
        let is_alone = is_same_crowd || config.worker(id.as_str()).after.is_empty();
        previous.workers.get(id).filter(|_| is_known && is_alone).cloned()
    };
    let mut next = Desired {
        made_with: Some((Arc::clone(config), surroundings.clone())),
        ..Desired::default()
    };
    for candidate in candidates {
        let spec = known(candidate).unwrap_or_else(|| {
            let mut spec = spec_of(config, candidate, surroundings);
            order(&mut spec, &config.worker(candidate.id.as_str()).after, &ids);
            Arc::new(spec)
        });
        next.workers.insert(candidate.id.clone(), spec);
        next.sources.insert(candidate.id.clone(), Arc::clone(candidate));
    }
    next
}

/// Whether two configs make the same of a worker whose own settings are the same in both.
fn is_alike(one: &Arc<Config>, other: &Arc<Config>) -> bool {
    Arc::ptr_eq(one, other)
        || (one.env == other.env
            && one.discovery.world_writable == other.discovery.world_writable
            && one.discovery.directory == other.discovery.directory
            && one.discovery.rules == other.discovery.rules)
}

/// Has the worker wait for those of `after` that are there, and warns of the others.
fn order(spec: &mut WorkerSpec, after: &[WorkerId], ids: &BTreeSet<&WorkerId>) {
    for id in after {
        if ids.contains(id) {
            spec.policy.after.push(id.clone());
            continue;
        }
        let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let hint = nearest(id.as_str(), &names)
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        spec.warnings.push(format!("`after` names {id}, and there is no such worker{hint}"));
    }
}

fn spec_of(config: &Config, candidate: &Candidate, surroundings: &Surroundings) -> WorkerSpec {
    let settings = config.worker(candidate.id.as_str());
    let rule = candidate.rule_index.map(|at| &config.discovery.rules[at]);
    let upstream = surroundings.upstream.as_deref();
    let packages = surroundings.packages.as_ref().map_or(0, Installed::mark);
    let environment = environment(config, &settings, &candidate.id, upstream);
    let mut warnings = candidate.warnings.clone();
    warnings.extend(unpassed(config, &environment.vars, &candidate.env_reads));
    let file = settings.file.clone();
    let file = file.unwrap_or_else(|| config.discovery.directory.join(&candidate.file));
    let (program, args) = command(rule, &settings, &candidate.id, &file);
    let mode = settings.mode.or_else(|| rule.map(|rule| rule.mode)).unwrap_or(Mode::Auto);
    let ipc = rule.map_or_else(|| is_node(&program), |rule| rule.ipc);
    let program = config::program_from(&surroundings.base, &program);
    if mode == Mode::Auto && is_node(&program) {
        warnings.extend(left_alone(&file, &args, &environment.vars));
    }
    WorkerSpec {
        id: candidate.id.clone(),
        file: candidate.file.clone(),
        rule: candidate.rule.clone(),
        model: environment.vars.0.get("AI_MODEL").map(|model| os_text::shown(model).into_owned()),
        lacks_key: environment.lacks_key,
        warnings,
        accepts_open: config.discovery.world_writable == WorldWritable::Warn,
        untrusted: candidate.untrusted.clone(),
        policy: policy(config, &settings, &candidate.id),
        launch: Launch {
            program,
            args,
            file,
            env: environment.vars,
            cwd: settings.cwd.clone().unwrap_or_else(|| surroundings.base.clone()),
            ipc,
            mode,
            stdin: settings.stdin,
            limits: settings.limits,
            user: settings.user.clone(),
            new_privileges: settings.new_privileges,
            fingerprint: Fingerprint(candidate.fingerprint.0 ^ packages),
        },
    }
}

/// That `mode = "auto"` never calls what this file exports, if that is so.
fn left_alone(file: &Path, args: &[Argument], vars: &EnvMap) -> Option<String> {
    let path = os_text::kept_path(file);
    let words: Vec<String> = args.iter().map(|word| word.for_file(&path)).collect();
    let own = words.iter().take_while(|word| **word != path).map(String::as_str);
    let set = vars.0.get("NODE_OPTIONS").into_iter().flat_map(|value| value.split_whitespace());
    (!may_be_task(file, own.chain(set))).then(|| {
        let kind = file.extension().unwrap_or_default().to_string_lossy();
        format!(
            "`mode = \"auto\"` runs a `.{kind}` file as a script and does not call its default \
             export: Node may load no such file; give the command a loader (`--import`), or set \
             `mode` to \"task\" or \"script\""
        )
    })
}

/// The policy of a worker, whose probe knows its environment.
fn policy(config: &Config, settings: &WorkerSettings, id: &WorkerId) -> Policy {
    let mut policy = settings.policy();
    if let Some(probe) = &mut policy.probe
        && let ProbeTarget::Command(command) = &mut Arc::make_mut(probe).target
    {
        command.env = of_probe(config, id);
    }
    policy
}

/// The program with its placeholders filled in, and its arguments, the worker's own ones last.
fn command(
    rule: Option<&Rule>,
    settings: &WorkerSettings,
    id: &WorkerId,
    file: &Path,
) -> (String, Vec<Argument>) {
    let words = settings.command.as_ref().or_else(|| rule.map(|rule| &rule.command));
    let dir = os_text::kept_path(file.parent().unwrap_or(file));
    let fill = |part: &str| part.replace("{id}", id.as_str()).replace("{dir}", &dir);
    let mut words = words.into_iter().flatten().map(|word| Argument::template(word, fill));
    let program = words.next().unwrap_or_default().for_file(&os_text::kept_path(file));
    let own = settings.args.iter().cloned().map(Argument::literal);
    (program, words.chain(own).collect())
}
