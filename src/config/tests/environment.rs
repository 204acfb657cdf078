//! `.env` files, inherited variables, references.

use std::path::Path;

use super::Site;
use crate::domain::os_text;

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
    assert_eq!(site.files_read(), files.map(Path::new));
}

#[test]
fn a_broken_dotenv_line_is_a_warning_without_its_value() {
    let loaded = Site::new("").file(".env", "A=1\nSECRET hush-hush\nB=2\n").good();
    let expected = ".env:2: cannot read this line, expected NAME=value; it is passed over";
    assert_eq!(loaded.warnings, [expected]);
    let available = loaded.config.env.available.0;
    assert_eq!(available.into_keys().collect::<Vec<_>>(), ["A", "B"]);
    let loaded = Site::new("").file(".env", &"nonsense\n".repeat(2000)).good();
    assert_eq!(loaded.warnings.len(), 11);
    assert!(loaded.warnings[10].contains("1990 more lines"), "{:?}", loaded.warnings);
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
    assert_eq!(site.files_read()[1], Path::new("/site/secrets/token"));
}

#[test]
fn a_port_that_is_none_is_named_by_its_variable() {
    for (port, names_it) in [("abc", true), ("70000", true), ("", false)] {
        let said = Site::new("server.listen = \"127.0.0.1:${PORT}\"\n").env("PORT", port).said();
        assert_eq!(said.contains("the variable PORT of the environment"), names_it, "{said}");
    }
}

#[test]
fn an_error_shows_what_is_not_utf8_escaped() {
    let odd = os_text::kept(b"x\xe9");
    let said = Site::new("").env("ARCANOS__SERVER__LISTEN", &odd).said();
    assert!(said.contains("`x\\xe9` is not an address"), "{said}");
    let name = os_text::kept(b"ARCANOS__SERVER__L\xe9");
    let said = Site::new("").env(&name, "1").said();
    assert!(said.contains("L\\xe9: server.\"l\\xe9\": unknown key"), "{said}");
}

#[test]
fn what_is_not_utf8_is_passed_on_as_it_is_and_shown_escaped() {
    let latin = os_text::kept(b"caf\xe9 caf\xe9");
    let text = "env.inherit = [\"JUNK\", \"N*\"]\n[env.set]\nA = \"x ${JUNK}\"\n\
                [discovery]\ndirectory = \"/srv/${JUNK}\"\n";
    let loaded = Site::new(text).env("JUNK", &latin).env(&os_text::kept(b"N\xc4ME"), "v").good();
    let env = &loaded.config.env;
    assert_eq!(&*os_text::bytes(&env.set.0["A"]), b"x caf\xe9 caf\xe9");
    let names: Vec<_> = env.inherited.0.keys().map(|name| os_text::bytes(name)).collect();
    assert_eq!(names, [&b"JUNK"[..], b"N\xc4ME"]);
    assert_eq!(os_text::shown_path(&loaded.config.discovery.directory), "/srv/caf\\xe9 caf\\xe9");
    assert_eq!(loaded.effective["env"]["set"]["A"], "x caf\\xe9 caf\\xe9");
}

#[test]
fn no_worker_inherits_the_settings_of_arcanos() {
    let site = Site::new("env.inherit = [\"*\"]\n").env("ARCANOS__LOG__KEEP", "3");
    let config = site.env("OTHER", "x").good().config;
    let names: Vec<_> = config.env.inherited.0.keys().map(String::as_str).collect();
    assert_eq!(names, ["OTHER"]);
}

#[test]
fn an_argument_with_a_nul_character_is_refused() {
    let said = Site::new("[workers.a]\nargs = [\"one\", \"a\\u0000b\"]\n").said();
    assert!(said.contains("workers.a.args: has a NUL character"), "{said}");
}
