//! `[workers.ID] watch`: other files whose change replaces the run of one worker.

use std::fs::{self, File};

use crate::site::{Setup, Site};

fn sleeping(site: Setup) -> Site {
    let body = "exec sleep 1000";
    let site =
        site.worker("a.sh", body).worker("b.sh", body).set("discovery.scan_interval", "'10m'");
    site.set("workers.a.watch", "['prompts/**']").start()
}

#[test]
fn a_watched_file_that_changes_comes_or_goes_replaces_the_run_of_its_worker() {
    let site = sleeping(Setup::new().file("prompts/a.md", "Be kind."));
    let before = site.wait_running(&["a", "b"]);
    let a = before.worker("a");
    // What changes nothing comes first: were it a change, the next run would be one too many.
    let file = File::open(site.path("prompts/a.md")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    site.write("prompts/a.md", "Be kind.");
    assert_eq!(site.reload()["restarted"], serde_json::json!([]));
    site.write("prompts/a.md", "Be brief.");
    let a = site.wait_replaced(&a);
    let last = site.get("/config")["lastReload"].clone();
    assert_eq!(last["plan"]["reasons"]["a"], "../prompts/a.md", "{last}");
    site.write("prompts/de/b.md", "Sei kurz.");
    let a = site.wait_replaced(&a);
    site.write("prompts/de/c.md", "Sei nett.");
    let a = site.wait_replaced(&a);
    fs::remove_file(site.path("prompts/de/b.md")).unwrap();
    let a = site.wait_replaced(&a);
    fs::rename(site.path("prompts/de"), site.path("elsewhere")).unwrap();
    let a = site.wait_replaced(&a);
    assert_eq!(a.starts(), 6, "one run for each change");
    site.assert_same_run(&before, "b");
}

#[test]
fn a_watched_folder_may_come_later() {
    let site = sleeping(Setup::new());
    let before = site.wait_running(&["a", "b"]);
    site.write("prompts/a.md", "Be kind.");
    site.wait_replaced(&before.worker("a"));
    site.assert_same_run(&before, "b");
}
