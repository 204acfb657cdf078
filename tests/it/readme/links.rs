//! The documents for people: every link leads somewhere, every page is reached from the README, and
//! the README is short.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The longest that the README may be, in lines: people read it from beginning to end.
const README_LINES: usize = 200;

/// The documents at the top of the repository.
const TOP: [&str; 3] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// The folder of the repository.
fn root() -> PathBuf {
    fs::canonicalize(env!("CARGO_MANIFEST_DIR")).unwrap()
}

/// The pages of `docs/`.
fn pages() -> BTreeSet<PathBuf> {
    let paths = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// Every document for people, with its text.
fn documents() -> BTreeMap<PathBuf, String> {
    let top = TOP.map(|name| root().join(name));
    let paths = pages().into_iter().chain(top);
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The lines of a document outside its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Where a document links to. Code is left out first: brackets in it are not links.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text).collect::<Vec<_>>().join("\n");
    let plain: String = prose.split('`').step_by(2).collect();
    let targets = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let anchor = anchor(heading.trim_start_matches('#').trim());
        let again = (1..).map(|n| format!("{anchor}-{n}"));
        let mut free = [anchor.clone()].into_iter().chain(again);
        anchors.extend(free.find(|name| !anchors.contains(name)));
    }
    anchors
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Why a link of this document leads nowhere, if so.
fn fault(document: &Path, link: &str, documents: &BTreeMap<PathBuf, String>) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (file, place) = link.split_once('#').map_or((link, None), |(f, p)| (f, Some(p)));
    let named = match file {
        "" => document.to_owned(),
        file => document.parent().unwrap().join(file),
    };
    let Ok(target) = fs::canonicalize(&named) else {
        return Some(format!("{}: {link}: there is no such file", document.display()));
    };
    let place = place?;
    let has_place = documents.get(&target).is_some_and(|text| anchors(text).contains(place));
    (!has_place).then(|| format!("{}: {link}: there is no such heading", document.display()))
}

#[test]
fn links_and_anchors_are_read_as_github_does() {
    let text =
        "# A `b`, c!\n## Two\n## Two\n```sh\n# [x](no)\n```\n`[y](no)` [`z`](a.md#b) [w](#c)";
    assert_eq!(links(text), ["a.md#b", "#c"]);
    assert_eq!(anchors(text), ["a-b-c", "two", "two-1"].map(str::to_owned).into());
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let documents = documents();
    let readme = root().join("README.md");
    let fault = |link| fault(&readme, link, &documents);
    assert_eq!(fault("https://example.org/nothing"), None);
    assert_eq!(fault("#five-minutes"), None);
    assert_eq!(fault("docs/workers.md#states"), None);
    assert!(fault("docs/workers.md#state").unwrap().contains("no such heading"));
    assert!(fault("docs/worker.md").unwrap().contains("no such file"));
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let documents = documents();
    let faults: Vec<String> = documents
        .iter()
        .flat_map(|(path, text)| links(text).into_iter().map(move |link| (path, link)))
        .filter_map(|(path, link)| fault(path, &link, &documents))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "the README has {lines} lines: move what is reference to docs/");
    let linked: BTreeSet<PathBuf> =
        links(&readme).iter().filter_map(|link| fs::canonicalize(root().join(link)).ok()).collect();
    let missing: Vec<PathBuf> = pages().difference(&linked).cloned().collect();
    assert!(missing.is_empty(), "the README does not link to {missing:?}");
}
