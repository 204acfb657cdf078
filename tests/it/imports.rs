//! The import graph decides who restarts, and what is a worker at all.

use std::os::unix::fs::symlink;

use crate::site::Setup;

#[test]
fn an_edited_helper_restarts_those_that_import_it() {
    let imports = |what: &str| {
        format!("require('openai'); require('./{what}'); setInterval(() => {{}}, 1e6)")
    };
    let site = Setup::new()
        .openai()
        .worker("lib/deep.js", "exports.n = 1")
        .worker("helper.js", "require('./lib/deep.js')")
        .worker("a.js", &imports("helper.js"))
        .worker("b.js", &imports("lib/deep.js"))
        .worker("c.js", "require('openai'); setInterval(() => {}, 1e6)")
        .start();
    let before = site.wait_running(&["a", "b", "c"]);
    assert_eq!(before.ids(), ["a", "b", "c"], "a helper is not a worker");
    site.write("workers/helper.js", "require('./lib/deep.js'); // edited");
    site.wait_replaced(&before.worker("a"));
    site.assert_same_run(&before, "b");
    site.write("workers/lib/deep.js", "exports.n = 2");
    site.wait_replaced(&before.worker("b"));
    site.wait("a to start a third time", |picture| picture.worker("a").starts() == 3);
    site.assert_same_run(&before, "c");
}

#[test]
fn a_helper_beside_the_folder_of_workers_restarts_exactly_its_importers() {
    let stays = "setInterval(() => {}, 1e6);";
    let site = Setup::new()
        .openai()
        .file("node_modules/openai/index.js", "module.exports = class {};")
        .worker("a.js", &format!("require('openai'); require('../lib/sdk.js'); {stays}"))
        .worker("b.js", &format!("require('openai'); {stays}"))
        .worker("c.js", &format!("require('../lib/sdk.js'); {stays}"))
        .file("lib/sdk.js", "require('openai');")
        .start();
    let before = site.wait_running(&["a", "b", "c"]);
    site.write("lib/sdk.js", "require('openai'); // edited");
    let a = site.wait_replaced(&before.worker("a"));
    site.wait_replaced(&before.worker("c"));
    let last = site.get("/config")["lastReload"].clone();
    assert_eq!(last["plan"]["reasons"]["a"], "../lib/sdk.js", "{last}");
    std::fs::rename(site.path("lib"), site.path("elsewhere")).unwrap();
    site.wait_state("c", "absent");
    site.wait("the missing helper to be reported", |picture| {
        picture.worker("a").at("/warnings").to_string().contains("which is missing")
    });
    std::fs::rename(site.path("elsewhere"), site.path("lib")).unwrap();
    site.wait_replaced(&a);
    site.wait_running(&["c"]);
    site.assert_same_run(&before, "b");
}

#[test]
fn a_package_that_leads_elsewhere_restarts_those_that_import_it() {
    let stays = "setInterval(() => {}, 1e6);";
    let package = "{\"name\": \"@acme/shared\", \"main\": \"m.js\"}";
    let mut setup = Setup::new()
        .openai()
        // What finds the change is the event, and not the look that comes by the clock.
        .set("discovery.scan_interval", "'1h'")
        .file("node_modules/@acme/shared/package.json", package)
        .file("node_modules/@acme/shared/m.js", "exports.v = 0")
        .worker("a.js", &format!("require('openai'); require('@acme/shared'); {stays}"))
        .worker("b.js", &format!("require('openai'); {stays}"));
    for name in ["one", "two"] {
        setup = setup
            .file(&format!("packages/{name}/package.json"), package)
            .file(&format!("packages/{name}/m.js"), &format!("exports.v = '{name}'"));
    }
    let site = setup.start();
    let before = site.wait_running(&["a", "b"]);
    let link = site.path("node_modules/@acme/shared");
    std::fs::rename(&link, site.path("node_modules/.old")).unwrap();
    symlink("../../packages/one", &link).unwrap();
    let a = site.wait_replaced(&before.worker("a"));
    let draft = site.path("node_modules/@acme/.new");
    symlink("../../packages/two", &draft).unwrap();
    std::fs::rename(draft, link).unwrap();
    let a = site.wait_replaced(&a);
    site.write("packages/two/m.js", "exports.v = 2");
    site.wait_replaced(&a);
    site.assert_same_run(&before, "b");
}

#[test]
fn a_file_becomes_a_worker_by_its_import_and_stops_being_one_without() {
    let site = Setup::new().openai().worker("a.js", "setInterval(() => {}, 1e6)").start();
    assert_eq!(site.reload()["unchanged"], 0);
    assert_eq!(site.picture().ids(), [""; 0]);
    site.write("workers/a.js", "require('openai'); setInterval(() => {}, 1e6)");
    site.wait_running(&["a"]);
    site.write("workers/a.js", "// require('openai')\nsetInterval(() => {}, 1e6)");
    site.wait_state("a", "absent");
}
