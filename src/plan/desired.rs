//! Makes the spec of each worker from the config and the candidates.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::environment::{environment, unpassed};
use crate::{
    config::{Config, Rule, WorkerSettings},
    discovery::Candidate,
    domain::{Argument, Launch, WorkerId, WorkerSpec},
};

/// What surrounds the config and is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The folder of the config file: where workers run by default.
    pub base: PathBuf,
    /// The base URL that workers get; `None` leaves the SDK's own.
    pub upstream: Option<String>,
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
    let before = previous.made_with.as_ref().filter(|(_, s)| s == surroundings);
    let before = before.map(|(before, _)| before).filter(|before| is_alike(before, config));
    let known = |candidate: &Arc<Candidate>| {
        let (id, before) = (&candidate.id, before?);
        let is_known = previous.sources.get(id) == Some(candidate)
            && (Arc::ptr_eq(before, config)
                || before.worker(id.as_str()) == config.worker(id.as_str()));
        previous.workers.get(id).filter(|_| is_known).cloned()
    };
    let mut next = Desired {
        made_with: Some((Arc::clone(config), surroundings.clone())),
        ..Desired::default()
    };
    for candidate in candidates {
        let spec =
            known(candidate).unwrap_or_else(|| Arc::new(spec_of(config, candidate, surroundings)));
        next.workers.insert(candidate.id.clone(), spec);
        next.sources.insert(candidate.id.clone(), Arc::clone(candidate));
    }
    next
}

/// Whether two configs make the same of a worker whose own settings are the same in both.
fn is_alike(one: &Arc<Config>, other: &Arc<Config>) -> bool {
    Arc::ptr_eq(one, other)
        || (one.env == other.env
            && one.discovery.directory == other.discovery.directory
            && one.discovery.rules == other.discovery.rules)
}

fn spec_of(config: &Config, candidate: &Candidate, surroundings: &Surroundings) -> WorkerSpec {
    let settings = config.worker(candidate.id.as_str());
    let rule = &config.discovery.rules[candidate.rule_index];
    let upstream = surroundings.upstream.as_deref();
    let environment = environment(config, &settings, &candidate.id, upstream);
    let mut warnings = candidate.warnings.clone();
    warnings.extend(unpassed(config, &environment.vars, &candidate.env_reads));
    let file = config.discovery.directory.join(&candidate.file);
    let (program, args) = command(rule, &settings, &candidate.id, &file);
    WorkerSpec {
        id: candidate.id.clone(),
        file: candidate.file.clone(),
        rule: rule.name.clone(),
        model: environment.vars.0.get("AI_MODEL").cloned(),
        lacks_key: environment.lacks_key,
        warnings,
        untrusted: candidate.untrusted.clone(),
        policy: settings.policy(),
        launch: Launch {
            program,
            args,
            file,
            env: environment.vars,
            cwd: settings.cwd.clone().unwrap_or_else(|| surroundings.base.clone()),
            ipc: rule.ipc,
            mode: settings.mode.unwrap_or(rule.mode),
            limits: settings.limits,
            user: settings.user.clone(),
            fingerprint: candidate.fingerprint,
        },
    }
}

/// The program with its placeholders filled in, and its arguments, the worker's own ones last.
fn command(
    rule: &Rule,
    settings: &WorkerSettings,
    id: &WorkerId,
    file: &Path,
) -> (String, Vec<Argument>) {
    let words = settings.command.as_ref().unwrap_or(&rule.command);
    let dir = file.parent().unwrap_or(file).to_string_lossy();
    let fill = |part: &str| part.replace("{id}", id.as_str()).replace("{dir}", &dir);
    let mut words = words.iter().map(|word| Argument::template(word, fill));
    let program = words.next().unwrap_or_default().for_file(&file.to_string_lossy());
    let own = settings.args.iter().cloned().map(Argument::literal);
    (program, words.chain(own).collect())
}
