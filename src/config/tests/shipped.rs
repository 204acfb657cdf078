//! What the shipped `arcanos.toml` says of single workers in its comments.

use super::Site;

/// The settings among the first comments of a text.
fn settings(text: &str) -> String {
    let lines = text.lines().skip(1).take_while(|line| line.starts_with('#'));
    let comments = lines.filter_map(|line| line.strip_prefix("# "));
    comments.filter(|line| line.contains(" = ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_comments_on_single_workers_are_the_real_defaults() {
    let shipped = include_str!("../../../arcanos.toml");
    let (_, block) = shipped.split_once("The defaults:").expect("the defaults");
    let (defaults, examples) = block.split_once("# and examples").expect("the examples");
    let of = |settings: &str| {
        let config = Site::new(&format!("[workers.a]\n{settings}")).good().config;
        config.worker("a").into_owned()
    };
    // Some of them need a schedule.
    let schedule = "schedule = '@daily'";
    let defaults = settings(defaults);
    assert!(defaults.lines().count() > 6, "{defaults}");
    assert_eq!(of(&format!("{schedule}\n{defaults}")), of(schedule), "{defaults}");
    let examples = settings(examples);
    assert!(examples.lines().count() > 8, "{examples}");
    assert_ne!(of(&examples), of(""), "{examples}");
}
