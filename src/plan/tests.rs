//! From config and candidates to specs and differences.

mod watched;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;

use super::{Action, Desired, Installed, Surroundings, desired, reconcile, unmatched_settings};
use crate::{
    config::{self, Config, Inputs},
    discovery::{Candidate, Discovered},
    domain::{Cause, Change, Fingerprint, PlanList, ProbeTarget, WorkerId, WorkerSpec},
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
        rule_index: Some(0),
        fingerprint: Fingerprint(content),
        uses: vec![(PathBuf::from("shared/util.js"), Fingerprint(content / 10))],
        env_reads: vec!["DATABASE_URL".to_owned(), "PATH".to_owned()],
        warnings: Vec::new(),
        untrusted: None,
    })
}

fn around(upstream: Option<&str>) -> Surroundings {
    Surroundings {
        base: PathBuf::from("/site"),
        upstream: upstream.map(str::to_owned),
        packages: None,
    }
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
fn settings_of_no_worker_are_a_warning_with_the_nearest_id() {
    let found = |names: &[&str]| Discovered {
        candidates: names.iter().map(|name| candidate(name, 1)).collect(),
        ..Discovered::default()
    };
    let text = "[workers.goalWatchr]\nenabled = false\n[workers.b]\nenabled = true\n";
    let config = config(text, &[("ARCANOS__WORKERS__OTHER__ENABLED", "true")]);
    let expected = [
        "workers.b: there is no such worker, so these settings have no effect",
        "workers.goalWatchr: there is no such worker, so these settings have no effect; did you mean \
         `goalWatcher`?",
    ];
    let unmatched = unmatched_settings(&config, &found(&["goalWatcher", "other"]));
    let seen: Vec<&str> = unmatched.iter().map(|unmatched| unmatched.text.as_str()).collect();
    assert_eq!(seen, expected);
    assert!(!unmatched[0].is_mistyped && unmatched[1].is_mistyped);
    assert_eq!(unmatched_settings(&EMPTY, &found(&["a"])), []);
}

#[test]
fn a_relative_program_starts_at_the_folder_of_the_config_whatever_the_cwd() {
    let rule = "[[discovery.rules]]\nname = \"r\"\nfiles = [\"*.js\"]\n";
    for (text, expected) in [
        (format!("{rule}command = [\"venv/bin/python\", \"{{file}}\"]\n"), "/site/venv/bin/python"),
        (format!("{rule}command = [\"{{dir}}/tool\"]\n"), "/site/workers/tool"),
        (format!("{rule}command = [\"{{file}}\"]\n"), "/site/workers/a.js"),
        ("[workers.a]\ncommand = [\"./tool\"]\n".to_owned(), "/site/tool"),
    ] {
        let cwd = "[workers.a]\ncwd = \"elsewhere\"\n";
        let text = match text.contains("[workers.a]") {
            true => text.replace("[workers.a]\n", cwd),
            false => format!("{text}{cwd}"),
        };
        let spec = spec(&text, &[], None);
        assert_eq!(spec.launch.program, expected);
        assert_eq!(spec.launch.cwd, Path::new("/site/elsewhere"));
    }
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
fn a_file_whose_kind_is_never_a_task_says_so_unless_somebody_chose() {
    let reported = |text: &str, file: &str| {
        let config = config(text, &[]);
        let odd = Candidate { file: PathBuf::from(file), ..(*candidate("a", 1)).clone() };
        let all = desired(&config, &[Arc::new(odd)], &around(None), &Desired::default());
        let spec = Arc::clone(all.workers.values().next().expect("one worker"));
        spec.warnings.iter().any(|warning| warning.contains("mode = \"auto\""))
    };
    let loader = "workers.a.command = [\"node\", \"--import\", \"tsx\", \"{file}\"]";
    for (text, file, expected) in [
        ("", "a.js", false),
        ("", "a.cts", true),
        ("", "a.prompt", true),
        (loader, "a.tsx", false),
        (loader, "a.prompt", true),
        ("workers.a.mode = \"script\"", "a.cts", false),
        ("workers.a.command = [\"tsx\", \"{file}\"]", "a.cts", false),
        ("env.set.NODE_OPTIONS = \"--import=tsx\"", "a.cts", false),
    ] {
        assert_eq!(reported(text, file), expected, "{text} {file}");
    }
}

#[test]
fn a_variable_that_is_read_and_not_passed_on_is_named() {
    let spec = spec("", &[("DATABASE_URL", "x"), ("PATH", "/bin")], None);
    assert_eq!(spec.warnings.len(), 1, "{:?}", spec.warnings);
    assert!(spec.warnings[0].contains("DATABASE_URL"));
}

#[test]
fn after_counts_the_workers_that_are_there_and_warns_of_the_others() {
    let config = config("[workers.web]\nafter = [\"db\"]\n", &[]);
    let [web, db, dc] = ["web", "db", "dc"].map(|id| candidate(id, 1));
    let id = |text| WorkerId::parse(text).expect("a good id");
    let with = |candidates: &[_], before: &Desired| {
        let next = desired(&config, candidates, &around(None), before);
        let spec = Arc::clone(&next.workers[&id("web")]);
        (next, spec)
    };
    let (first, spec) = with(&[dc, web.clone()], &Desired::default());
    assert_eq!((&spec.policy.after[..], spec.warnings.len()), (&[][..], 1));
    assert!(spec.warnings[0].contains("db") && spec.warnings[0].ends_with("did you mean `dc`?"));
    // The other one comes, though nothing of this one has changed.
    let (_, spec) = with(&[db, web], &first);
    assert_eq!((&spec.policy.after[..], spec.warnings.len()), (&[id("db")][..], 0));
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
    assert_eq!(reason("[workers.a]\nstdin = \"open\"\n", 1), "stdin");
    assert_eq!(reason("[workers.a]\nstdin = \"null\"\n", 1), "");
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
fn a_run_that_is_kept_is_not_asked_to_restart() {
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

#[test]
fn while_packages_are_installed_what_runs_is_held_and_then_replaced_for_the_lock_file() {
    let with = |digest: u128| Surroundings {
        packages: Some(Installed {
            lock_file: PathBuf::from("/site/yarn.lock"),
            digest: Fingerprint(digest),
            is_late: false,
        }),
        ..around(None)
    };
    let config = config("", &[]);
    let first = desired(&config, &[candidate("a", 1)], &with(1), &Desired::default());
    let running: Vec<_> = first.workers.values().cloned().collect();
    let edited = [candidate("a", 2), candidate("b", 1)];
    let mut held = desired(&config, &edited, &with(1), &first);
    held.hold(&running);
    let plan = reconcile(&held, &running, &first);
    assert_eq!(plan.actions.len(), 1, "b alone, which is new: {:?}", plan.actions);
    let running: Vec<_> = held.workers.values().cloned().collect();
    let freed = desired(&config, &edited, &with(1), &held);
    let plan = reconcile(&freed, &running, &held);
    assert_eq!(plan.summary.entries.len(), 1, "the edit of a: {:?}", plan.summary);
    let running: Vec<_> = freed.workers.values().cloned().collect();
    let other = desired(&config, &edited, &with(2), &freed);
    let plan = reconcile(&other, &running, &freed);
    let causes: Vec<_> = plan.summary.entries.iter().map(|entry| entry.causes.clone()).collect();
    assert_eq!(causes, vec![vec![Cause::File(PathBuf::from("/site/yarn.lock"))]; 2]);
}

#[test]
fn the_command_of_a_probe_gets_the_environment_of_the_section_and_not_that_of_the_worker() {
    let text = "[liveness]\nprobe = { command = [\"./up\"] }\n[env.set]\nA = \"1\"\n\
                [workers.a]\nenv = { B = \"2\" }\n";
    let spec = spec(text, &[("PATH", "/bin"), ("OTHER", "x")], None);
    let probe = spec.policy.probe.as_deref().map(|probe| &probe.target);
    let Some(ProbeTarget::Command(command)) = probe else { panic!("{probe:?}") };
    let vars = ["A", "B", "PATH", "OTHER", "ARCANOS_WORKER_ID"]
        .map(|name| command.env.0.get(name).map(String::as_str));
    assert_eq!(vars, [Some("1"), None, Some("/bin"), None, Some("a")]);
    assert_eq!(command.cwd, Path::new("/site"));
}

#[test]
fn readiness_and_the_probe_change_in_place() {
    let make = |text: &str| {
        desired(&config(text, &[]), &[candidate("a", 1)], &around(None), &Desired::default())
    };
    let before = make("");
    let after = make(
        "[start]\nready = \"line\"\nready_line = \"up\"\n[liveness]\nprobe = { http = \"http://a/\" }",
    );
    let actual: Vec<Arc<WorkerSpec>> = before.workers.values().cloned().collect();
    let plan = reconcile(&after, &actual, &before);
    assert_eq!(plan.summary.entries[0].change, Change::Update);
    let causes = ["start.ready", "start.ready_line", "liveness.probe"].map(Cause::Key);
    assert_eq!(plan.summary.entries[0].causes, causes);
}
