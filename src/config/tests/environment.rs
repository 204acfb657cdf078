//! `.env` files, inherited variables, references.

use std::path::Path;

use super::Site;

#[test]
fn dotenv_files_feed_references_and_the_process_wins() {
    let site = Site::new(
        "[env]\nfiles = [\".env\", \"${MORE}.env\", \"absent.env\"]\n\
         [env.set]\nA = \"${FROM}\"\nB = \"${BOTH}\"\nC = \"${LATER}\"\n",
    )
    .env("BOTH", "process")
    .env("MORE", "more")
    .file(".env", "FROM=dot\nBOTH=dot\nLATER=first\nOPENAI_API_KEY=sk-dot\n")
    .file("more.env", "LATER=second\n");
    let loaded = site.good();
    let set = &loaded.config.env.set.0;
    let seen = ["A", "B", "C", "OPENAI_API_KEY"].map(|name| set[name].as_str());
    assert_eq!(seen, ["dot", "process", "second", "sk-dot"]);
    let files = ["/site/.env", "/site/more.env", "/site/absent.env"];
    assert_eq!(loaded.files, files.map(Path::new));
}

#[test]
fn a_broken_dotenv_line_is_named_without_its_value() {
    let site = Site::new("").file(".env", "A=1\nSECRET hush-hush\n");
    assert_eq!(
        site.said(),
        ".env:2: cannot read this line, expected NAME=value, with quotes around a value that \
         holds spaces"
    );
    let said = Site::new("env.files = [\"denied\"]\n").said();
    assert_eq!(said, "arcanos.toml:1:14: env.files[0]: cannot read `denied`: permission denied");
}

#[test]
fn what_is_not_set_is_left_out_of_the_workers_environment() {
    let site = Site::new("[env.set]\nA = \"x ${ABSENT}\"\nB = \"b\"\n");
    let loaded = site.good();
    let names: Vec<_> = loaded.config.env.set.0.keys().collect();
    assert_eq!(names, ["AI_MODEL", "B"]);
    let warning = "env.set.A: `${ABSENT}` is not set, so workers do not get this variable";
    assert_eq!(loaded.warnings, [warning]);
    let said = Site::new("[workers.w.env]\nA = \"${ABSENT}\"\n").said();
    assert!(
        said.starts_with("arcanos.toml:2:5: workers.w.env.A: `${ABSENT}` is not set"),
        "{said}"
    );
}

#[test]
fn settings_that_do_not_fit_each_other_are_warned_of() {
    let text = "[start]\ntimeout = \"500ms\"\n[workers.a.restart]\ndelay = \"10m\"\n\
                [workers.b]\ntimezone = \"Europe/Berlin\"\n";
    let expected = [
        "start.alive_after: not shorter than `timeout`, so every run would fail its start",
        "workers.a.restart.delay: longer than `max_delay`, which holds instead",
        "workers.b.timezone: has no effect without `schedule`",
    ];
    assert_eq!(Site::new(text).good().warnings, expected);
}

#[test]
fn only_what_is_listed_is_inherited() {
    let site = |text| {
        Site::new(text)
            .env("PATH", "/bin")
            .env("LC_TIME", "C")
            .env("OPENAI_ORG_ID", "o")
            .env("NODE_OPTIONS", "--x")
            .env("CANARY_1", "1")
            .file(".env", "OPENAI_FROM_FILE=1\n")
    };
    let inherited = |text| -> Vec<String> {
        let env = site(text).good().config.env;
        env.inherited.0.into_keys().collect()
    };
    assert_eq!(inherited(""), ["LC_TIME", "OPENAI_FROM_FILE", "OPENAI_ORG_ID", "PATH"]);
    assert_eq!(inherited("env.inherit = [\"PATH\", \"CANARY_*\"]"), ["CANARY_1", "PATH"]);
    assert_eq!(inherited("env.inherit = [\"*\"]").len(), 6);
}

#[test]
fn a_token_may_come_from_a_file() {
    let site = Site::new("[server]\nlisten = \"0.0.0.0:1\"\ntoken_file = \"secrets/token\"\n")
        .file("secrets/token", "0123456789abcdef\n");
    let loaded = site.good();
    let token = loaded.config.server.token.expect("a token");
    assert_eq!(token.expose(), "0123456789abcdef");
    assert_eq!(loaded.files[1], Path::new("/site/secrets/token"));
}
