//! Scans of the paths that events named, and the check whether another scan is needed.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::site::{Recursion, SDK, Site, rules};
use crate::files::{ChangedPaths, Scan};

/// How a folder may change, with the name that events report.
type Change<'a> = (&'a str, &'a dyn Fn(&Site));

impl Site {
    /// A look at these files only.
    fn glance(&mut self, names: &[&str]) -> Scan {
        let names: BTreeSet<PathBuf> = names.iter().map(|name| self.at(name)).collect();
        let workers = self.workers();
        let news = ChangedPaths::Names(names);
        self.scanner.scan(&self.rules, &workers, self.now, &news).expect("a good folder")
    }

    fn is_as_left(&self) -> bool {
        self.scanner.is_as_left(&self.rules, &self.workers())
    }

    /// Looks until nothing is left to be found out.
    fn rest(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.is_as_left() {
            assert!(Instant::now() < deadline, "it never rests");
            self.now += Duration::from_secs(1);
            self.scan();
        }
    }
}

fn site() -> Site {
    let mut site = Site::new();
    site.rules = rules("openai", Recursion::On);
    site.write("a.js", SDK);
    site.write("b.js", "import './shared/b.js';\n");
    site.write("shared/b.js", SDK);
    site.write("inner/c.js", "import 'openai'; c()");
    symlink("a.js", site.at("link.js")).unwrap();
    site.rest();
    site
}

#[test]
fn a_glance_at_what_changed_sees_what_a_whole_look_sees() {
    let changes: [Change<'_>; 10] = [
        ("a.js", &|site| site.write("a.js", "import 'openai'; f()")),
        ("a.js", &|site| site.write("a.js", "no worker any more")),
        ("d.js", &|site| site.write("d.js", SDK)),
        ("b.js", &|site| fs::remove_file(site.at("b.js")).unwrap()),
        ("shared/b.js", &|site| site.write("shared/b.js", "import 'openai'; g()")),
        ("shared/b.js", &|site| fs::remove_file(site.at("shared/b.js")).unwrap()),
        ("inner/c.js", &|site| site.write("inner/c.js", "import 'openai'; h()")),
        ("link.js", &|site| {
            fs::remove_file(site.at("link.js")).unwrap();
            symlink("inner/c.js", site.at("link.js")).unwrap();
        }),
        ("a.js", &|site| {
            fs::set_permissions(site.at("a.js"), Permissions::from_mode(0o666)).unwrap();
        }),
        ("folder", &|site| site.write("folder/e.js", SDK)),
    ];
    for (at, (name, change)) in changes.iter().enumerate() {
        let mut site = site();
        let before = site.scan().listing;
        change(&site);
        site.glance(&[name]);
        // A removal is acted on after a while, and then what the removed one imported goes too.
        site.now += Duration::from_secs(1);
        site.glance(&[]);
        let glance = site.glance(&[]).listing;
        assert_ne!(glance, before, "change {at}");
        assert_eq!(glance, site.scan().listing, "change {at}");
    }
}

#[test]
fn a_glance_leaves_alone_what_no_event_named() {
    let mut site = site();
    let print = |site: &Site, scan: &Scan, id: &str| {
        site.found(scan).into_iter().find_map(|(name, print)| (name == id).then_some(print))
    };
    let scan = site.glance(&[]);
    let before = print(&site, &scan, "c");
    site.write("inner/c.js", "import 'openai'; f()");
    site.write("d.js", SDK);
    let scan = site.glance(&["d.js"]);
    assert!(print(&site, &scan, "d").is_some());
    assert_eq!(print(&site, &scan, "c"), before);
    let scan = site.settled();
    assert_ne!(print(&site, &scan, "c"), before);
}

#[test]
fn what_is_in_the_middle_of_changing_is_asked_about_without_an_event() {
    let mut site = site();
    fs::remove_file(site.at("a.js")).unwrap();
    assert!(site.glance(&["a.js"]).pending);
    site.now += Duration::from_secs(1);
    assert!(!site.glance(&[]).listing.files.contains_key(Path::new("a.js")));
}

#[test]
fn a_file_with_two_names_is_asked_about_always() {
    let mut site = site();
    let spare = site.folder.path().join("spare");
    fs::hard_link(site.at("inner/c.js"), &spare).unwrap();
    site.rest();
    let scan = site.scan();
    let before = site.found(&scan);
    fs::write(&spare, "import 'openai'; by_another_name()").unwrap();
    let after = site.glance(&[]);
    assert_ne!(site.found(&after), before);
}

#[test]
fn another_look_is_needed_after_any_change_and_after_no_other() {
    let changes: [&dyn Fn(&Site); 7] = [
        &|site| site.write("a.js", "import 'openai'; f()"),
        &|site| site.write("shared/b.js", "import 'openai'; f()"),
        &|site| site.write("new.txt", ""),
        &|site| site.write("inner/new.js", ""),
        &|site| fs::remove_file(site.at("a.js")).unwrap(),
        &|site| fs::rename(site.workers(), site.folder.path().join("away")).unwrap(),
        &|site| fs::set_permissions(site.workers(), Permissions::from_mode(0o777)).unwrap(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let site = site();
        assert!(site.is_as_left());
        change(&site);
        assert!(!site.is_as_left(), "change {at}");
    }
}

#[test]
fn what_has_just_changed_is_read_once_more_and_then_rests() {
    let mut site = Site::new();
    site.write("a.js", SDK);
    assert!(site.settled().fresh);
    assert!(!site.is_as_left(), "another change might bear the same time");
    let deadline = Instant::now() + Duration::from_secs(10);
    while site.glance(&[]).fresh {
        assert!(Instant::now() < deadline, "it never rests");
    }
    assert!(site.is_as_left());
}
