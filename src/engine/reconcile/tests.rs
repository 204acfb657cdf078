//! The reconciler with a real folder and a runtime that runs nothing.

mod fake;

use std::{collections::BTreeMap, fs, sync::Arc};

use tempfile::TempDir;

use self::fake::{Call, Fake};
use crate::{
    domain::{Concurrency, ReloadReport, ReloadResult},
    engine::{
        observe::config_source::{LoadOutcome, Source},
        start::{Engine, Options},
    },
    files::{
        logs::{Logs, TailQuery},
        state::StateDir,
    },
    text::Redactor,
};

/// No stand-in, no question to a model, and no packages: nothing but files and the runtime.
const CONFIG: &str = "\
model.upstream = 'http://127.0.0.1:9/v1'
model.preflight = false
discovery.prepare = []
discovery.rules = [{ name = 'sh', files = ['*.sh'], command = ['/bin/sh', '{file}'], ipc = false }]
";

/// An engine at work in a folder of its own.
struct Site {
    folder: TempDir,
    runtime: Arc<Fake>,
    engine: Engine,
}

impl Site {
    async fn start(config: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("it exists");
        fs::create_dir(base.join("workers")).expect("a new folder");
        fs::write(base.join("arcanos.toml"), config).expect("a new file");
        for (name, text) in files {
            fs::write(base.join("workers").join(name), text).expect("a new file");
        }
        let file = base.join("arcanos.toml");
        let mut source =
            Source::new(file, None, Vec::new(), BTreeMap::new()).with_first_text(config);
        let LoadOutcome::Loaded(loaded) = source.look() else { panic!("a good config") };
        let redactor = Redactor::new(&[], &[]).expect("nothing to compile");
        let runtime = Arc::new(Fake::default());
        let options = Options {
            state: Arc::new(StateDir::open(&loaded.config.state_directory).expect("a folder")),
            logs: Logs::open(&loaded.config.log, Arc::new(redactor)).expect("a thread"),
            source,
            loaded: *loaded,
            instance: "3f2a".to_owned(),
            on_config: Box::new(|_, _| {}),
        };
        let fake = Arc::clone(&runtime);
        let engine = Engine::start_with(options, |_| Ok(fake)).await.expect("the machine can");
        Self { folder, runtime, engine }
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).expect("the folder is there");
    }

    /// Looks at the disk now.
    async fn reload(&self) -> ReloadReport {
        self.engine.handle().reload().await.expect("it runs")
    }

    /// How often the session log says this.
    async fn count_in_log(&self, text: &str) -> usize {
        let logs = self.engine.handle().logs().clone();
        let lines = logs.tail(None, &TailQuery::last(1000)).await;
        lines.iter().filter(|line| line.text.contains(text)).count()
    }
}

#[tokio::test]
async fn an_empty_config_is_the_defaults_at_start_and_a_mistake_once_it_was_not_empty() {
    let site = Site::start("", &[]).await;
    assert_eq!(site.reload().await.result, ReloadResult::Applied);
    site.write("arcanos.toml", CONFIG);
    assert_eq!(site.reload().await.result, ReloadResult::Applied);
    site.write("arcanos.toml", "\n");
    let report = site.reload().await;
    assert_eq!(report.result, ReloadResult::Rejected);
    assert!(report.errors[0].contains("the file is empty"), "{:?}", report.errors);
    site.engine.shut_down().await;
}

#[tokio::test]
async fn a_dropped_file_becomes_a_worker_without_being_asked_for() {
    let site = Site::start(CONFIG, &[]).await;
    site.reload().await;
    assert_eq!(site.runtime.workers(), Vec::<String>::new());
    site.write("workers/a.sh", "echo a");
    let call = site.runtime.next(|call| matches!(call, Call::Ensure(_))).await;
    let Call::Ensure(spec) = call else { unreachable!("it was just matched") };
    assert_eq!(spec.id.as_str(), "a");
    assert_eq!(spec.launch.program, "/bin/sh");
    site.engine.shut_down().await;
    assert!(site.runtime.calls().contains(&Call::ShutDown));
}

#[tokio::test]
async fn an_edit_gives_the_worker_another_launch_and_no_edit_gives_none() {
    let site = Site::start(CONFIG, &[("new.sh", "echo 1"), ("other.sh", "echo 1")]).await;
    site.reload().await;
    let before = site.runtime.spec("new");
    let n_calls = site.runtime.calls().len();
    site.write("workers/new.sh", "echo 2");
    let report = site.reload().await;
    assert_eq!(report.result, ReloadResult::Applied);
    let after = site.runtime.spec("new");
    assert_ne!(before.launch, after.launch);
    assert_eq!(before.policy, after.policy);
    let calls = site.runtime.calls();
    assert_eq!(calls[n_calls..], [Call::Ensure(after)], "the other worker is left alone");
    // The log once took an edit of a file whose name begins with "new" for a new worker.
    assert_eq!(site.count_in_log("Found worker: new.sh").await, 1);
}

#[tokio::test]
async fn a_removed_file_removes_the_worker() {
    let site = Site::start(CONFIG, &[("a.sh", "echo a"), ("b.sh", "echo b")]).await;
    site.reload().await;
    assert_eq!(site.runtime.workers(), ["a", "b"]);
    fs::remove_file(site.folder.path().join("workers/a.sh")).expect("it is there");
    site.reload().await;
    assert_eq!(site.runtime.workers(), ["b"]);
    assert!(site.runtime.calls().contains(&Call::Remove("a".to_owned())));
}

#[tokio::test]
async fn a_bad_config_keeps_everything_as_it_is() {
    let site = Site::start(CONFIG, &[("a.sh", "echo a")]).await;
    site.reload().await;
    let calls = site.runtime.calls();
    site.write("arcanos.toml", "concurrency = \"many\"");
    let report = site.reload().await;
    assert_eq!(report.result, ReloadResult::Rejected);
    assert_eq!(site.runtime.calls(), calls);
    let snapshot = site.engine.handle().snapshot();
    assert!(snapshot.config.error.is_some());
    // The workers' files are still followed, by the last good config.
    site.write("workers/b.sh", "echo b");
    site.reload().await;
    assert_eq!(site.runtime.workers(), ["a", "b"]);
}

#[tokio::test]
async fn concurrency_and_packages_reach_the_runtime() {
    let site = Site::start(CONFIG, &[("a.sh", "echo a"), ("package-lock.json", "{}")]).await;
    site.reload().await;
    let command = "discovery.prepare = ['npm', 'ci']";
    let config = CONFIG.replace("discovery.prepare = []", command);
    site.write("arcanos.toml", &format!("start.concurrency = 3\n{config}"));
    site.reload().await;
    let calls = site.runtime.calls();
    assert!(calls.contains(&Call::Concurrency(Concurrency::AtMost(3))), "{calls:?}");
    let packages = calls.iter().find_map(|call| match call {
        Call::Prepare(packages) => Some(packages.clone()),
        _ => None,
    });
    let packages = packages.expect("the folder has a lock file");
    assert_eq!(packages.command, ["npm", "ci"]);
    assert!(packages.folder.ends_with("workers"));
}
