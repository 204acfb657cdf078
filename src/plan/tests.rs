//! From config and candidates to specs and differences.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;

use super::{Action, Desired, Surroundings, desired, reconcile};
use crate::{
    config::{self, Config, Inputs},
    discovery::Candidate,
    domain::{Fingerprint, PlanList, WorkerId, WorkerSpec},
};

fn config(text: &str, environment: &[(&str, &str)]) -> Arc<Config> {
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: BTreeMap<String, String> = pairs.collect();
    let inputs = Inputs {
        file: Path::new("/site/arcanos.toml"),
        text,
        environment: &environment,
        read: &|_| Ok(None),
        profile: None,
        overrides: &[],
    };
    Arc::new(config::load(&inputs).expect("a good config").config)
}

/// The config of an empty file; reading one for each of many cases would take long.
static EMPTY: LazyLock<Arc<Config>> = LazyLock::new(|| config("", &[]));

fn candidate(name: &str, content: u128) -> Arc<Candidate> {
    Arc::new(Candidate {
        id: WorkerId::parse(name).expect("a good id"),
        file: PathBuf::from(format!("{name}.js")),
        rule: "openai-node".to_owned(),
        rule_index: 0,
        fingerprint: Fingerprint(content),
        uses: vec![(PathBuf::from("shared/util.js"), Fingerprint(content / 10))],
        env_reads: vec!["DATABASE_URL".to_owned(), "PATH".to_owned()],
        warnings: Vec::new(),
        untrusted: None,
    })
}

fn around(upstream: Option<&str>) -> Surroundings {
    Surroundings { base: PathBuf::from("/site"), upstream: upstream.map(str::to_owned) }
}

fn spec(text: &str, environment: &[(&str, &str)], upstream: Option<&str>) -> Arc<WorkerSpec> {
    let config = config(text, environment);
    let all = desired(&config, &[candidate("a", 1)], &around(upstream), &Desired::default());
    Arc::clone(all.workers.values().next().expect("one worker"))
}

fn var<'a>(spec: &'a WorkerSpec, name: &str) -> Option<&'a str> {
    spec.launch.env.0.get(name).map(String::as_str)
}

#[test]
fn a_worker_gets_the_command_of_its_rule_and_the_folder_of_the_config() {
    let spec = spec("[workers.a]\nargs = [\"--x\"]\n", &[], None);
    assert_eq!(spec.launch.program, "node");
    let args: Vec<_> = spec.launch.args.iter().map(|arg| arg.for_file("/real/a.js")).collect();
    assert_eq!(args, ["/real/a.js", "--x"]);
    assert_eq!(spec.launch.cwd, Path::new("/site"));
}

#[test]
fn with_an_upstream_of_our_own_the_sdk_is_pointed_there_and_gets_a_placeholder() {
    let url = "http://127.0.0.1:9/v1";
    let spec = spec("", &[("NO_PROXY", "corp")], Some(url));
    assert_eq!(var(&spec, "OPENAI_BASE_URL"), Some(url));
    assert_eq!(var(&spec, "OPENAI_API_BASE"), Some(url));
    assert_eq!(var(&spec, "NO_PROXY"), Some("corp,127.0.0.1,localhost"));
    assert!(var(&spec, "OPENAI_API_KEY").is_some() && spec.lacks_key);
}

#[test]
fn a_base_url_of_the_owner_wins() {
    let text = "[env.set]\nOPENAI_BASE_URL = \"http://own/v1\"\n";
    let spec = spec(text, &[("OPENAI_API_KEY", "sk-own")], Some("http://127.0.0.1:9/v1"));
    assert_eq!(var(&spec, "OPENAI_BASE_URL"), Some("http://own/v1"));
    assert_eq!(var(&spec, "OPENAI_API_BASE"), None);
    assert_eq!((var(&spec, "OPENAI_API_KEY"), spec.lacks_key), (Some("sk-own"), false));
}

#[test]
fn with_openai_itself_nothing_is_added_and_a_missing_key_is_known() {
    let spec = spec("", &[], None);
    assert_eq!((var(&spec, "OPENAI_BASE_URL"), var(&spec, "OPENAI_API_KEY")), (None, None));
    assert!(spec.lacks_key);
}

#[test]
fn a_variable_that_is_read_and_not_passed_on_is_named() {
    let spec = spec("", &[("DATABASE_URL", "x"), ("PATH", "/bin")], None);
    assert_eq!(spec.warnings.len(), 1, "{:?}", spec.warnings);
    assert!(spec.warnings[0].contains("DATABASE_URL"));
}

#[test]
fn an_unchanged_candidate_keeps_its_spec_and_a_restart_names_its_cause() {
    let before = desired(
        &config("", &[]),
        &[candidate("a", 1), candidate("b", 1)],
        &around(None),
        &Desired::default(),
    );
    let config = config("", &[]);
    let first = desired(&config, &[candidate("a", 1)], &around(None), &before);
    let same = desired(&config, &[candidate("a", 1)], &around(None), &first);
    let id = WorkerId::parse("a").expect("a good id");
    assert!(Arc::ptr_eq(&first.workers[&id], &same.workers[&id]));

    let actual: Vec<_> = first.workers.values().cloned().collect();
    let reason = |text: &str, content: u128| {
        let config = self::config(text, &[]);
        let next = desired(&config, &[candidate("a", content)], &around(None), &first);
        reconcile(&next, &actual, &first).summary.reasons().remove(&id).unwrap_or_default()
    };
    assert_eq!(reason("", 2), "a.js");
    assert_eq!(reason("", 20), "shared/util.js");
    assert_eq!(reason("[workers.a]\nenv = { E = \"1\" }\n", 1), "env E");
    assert_eq!(reason("[stop]\ntimeout = \"1s\"\n", 1), "stop.timeout");
    assert_eq!(reason("[workers.a]\nargs = [\"x\"]\nlimits.cpu = 1.0\n", 1), "args, limits.cpu");
    assert_eq!(reason("[workers.a]\ncommand = [\"deno\", \"{file}\"]\n", 1), "command");
    let policies = "restart = { delay = \"1s\", backoff = \"fixed\" }\nschedule = \"@daily\"\n\
                    timezone = \"Asia/Tokyo\"\n";
    assert_eq!(
        reason(&format!("[workers.a]\n{policies}"), 1),
        "restart.delay, restart.backoff, schedule, timezone"
    );
    let other = around(Some("http://127.0.0.1:9/v1"));
    let next = desired(&config, &[candidate("a", 1)], &other, &first);
    let summary = reconcile(&next, &actual, &first).summary;
    assert_eq!(summary.reasons()[&id], "model.upstream, env OPENAI_API_KEY");
    assert_eq!(reason("[server]\nmax_connections = 9\n", 1), "");
}

#[test]
fn a_run_that_is_kept_is_not_told_to_restart() {
    let text = "[workers.a]\nreload.on_change = \"manual\"\n";
    let of = |content, untrusted: Option<&str>, before: &Desired| {
        let untrusted = untrusted.map(str::to_owned);
        let candidate = Candidate { untrusted, ..Candidate::clone(&candidate("a", content)) };
        desired(&config(text, &[]), &[Arc::new(candidate)], &around(None), before)
    };
    let before = of(1, None, &Desired::default());
    let actual: Vec<_> = before.workers.values().cloned().collect();
    for (untrusted, why) in [
        (None, "a.js (a run waits for a restart, by `reload.on_change = \"manual\"`)"),
        (Some("it is open"), "a.js (what runs goes on: it is open)"),
    ] {
        let summary = reconcile(&of(2, untrusted, &before), &actual, &before).summary;
        assert_eq!(summary.list(PlanList::Updated).len(), 1);
        assert_eq!(summary.entries[0].to_string(), why);
    }
}

#[test]
fn a_spec_that_is_kept_over_an_edit_is_the_one_that_would_be_made() {
    let candidates = [candidate("a", 1), candidate("b", 1)];
    let make = |config, before: &Desired| desired(&config, &candidates, &around(None), before);
    let from_nothing = |text: &str| make(config(text, &[]), &Desired::default());
    let edits = [
        "",
        "[workers.a]\nargs = [\"--x\"]\n",
        "[workers.b]\nenv = { E = \"1\" }\n",
        "[stop]\ntimeout = \"1s\"\n",
        "[env.set]\nE = \"1\"\n",
        "[env]\ninherit = []\n",
        "[discovery]\ndirectory = \"other\"\n",
        "[[discovery.rules]]\nname = \"other\"\nfiles = [\"*.js\"]\ncommand = [\"deno\", \"{file}\"]\n",
        "[server]\nmax_connections = 9\n",
    ];
    for old in edits {
        let before = from_nothing(old);
        for new in edits {
            let after = make(config(new, &[]), &before);
            assert_eq!(after.workers, from_nothing(new).workers, "{old:?} then {new:?}");
        }
    }
    let before = from_nothing(edits[0]);
    let after = make(config(edits[1], &[]), &before);
    let is_kept = |id| Arc::ptr_eq(&before.workers[id], &after.workers[id]);
    assert_eq!(["a", "b"].map(is_kept), [false, true]);
}

#[test]
fn disabling_stops_and_enabling_starts() {
    let of = |text: &str| {
        let none = Desired::default();
        desired(&config(text, &[]), &[candidate("a", 1)], &around(None), &none)
    };
    let (on, off) = (of(""), of("[workers.a]\nenabled = false\n"));
    let actual = |d: &Desired| d.workers.values().cloned().collect::<Vec<_>>();
    assert_eq!(reconcile(&off, &actual(&on), &on).summary.list(PlanList::Stopped).len(), 1);
    assert_eq!(reconcile(&on, &actual(&off), &off).summary.list(PlanList::Started).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Carrying a plan out makes the two worlds equal, touches nothing that is the same in both,
    /// and leaves nothing to do.
    #[test]
    fn a_plan_that_is_carried_out_leaves_nothing_to_do(
        old in proptest::collection::btree_map("[a-e]", 0_u128..3, 0..5),
        new in proptest::collection::btree_map("[a-e]", 0_u128..3, 0..5),
    ) {
        let of = |files: &BTreeMap<String, u128>, before: &Desired| {
            let candidates: Vec<_> = files.iter().map(|(n, c)| candidate(n, *c)).collect();
            desired(&EMPTY, &candidates, &around(None), before)
        };
        let before = of(&old, &Desired::default());
        let after = of(&new, &before);
        let mut world: BTreeMap<_, _> = before.workers.clone();
        let actual = |world: &BTreeMap<WorkerId, Arc<WorkerSpec>>| {
            world.values().cloned().collect::<Vec<_>>()
        };
        let plan = reconcile(&after, &actual(&world), &before);
        let mut touched = BTreeSet::new();
        for action in plan.actions {
            match action {
                Action::Ensure(spec) => {
                    touched.insert(spec.id.to_string());
                    world.insert(spec.id.clone(), spec);
                }
                Action::Remove(id) => {
                    touched.insert(id.to_string());
                    world.remove(&id);
                }
            }
        }
        prop_assert_eq!(&world, &after.workers);
        prop_assert!(reconcile(&after, &actual(&world), &after).summary.is_empty());
        for (name, content) in &old {
            prop_assert_eq!(new.get(name) == Some(content), !touched.contains(name));
        }
    }
}
