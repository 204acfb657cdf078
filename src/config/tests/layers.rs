//! Which layer has the last word.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::Site;
use crate::{
    config::{InstanceLocator, Upstream, Watch, layers::Source},
    domain::{Attempts, Concurrency, Mode, OnChange},
};

#[test]
fn an_empty_file_is_the_defaults() {
    let loaded = Site::new("").good();
    let config = loaded.config;
    assert_eq!(config.profile, "development");
    assert_eq!(config.discovery.directory, Path::new("/site/workers"));
    assert_eq!(config.discovery.watch, Watch::Auto);
    let rule = &config.discovery.rules[0];
    assert_eq!((rule.name.as_str(), rule.ipc, rule.mode), ("openai-node", true, Mode::Auto));
    assert_eq!(config.restart.max_attempts, Attempts::Max(3));
    assert_eq!(config.restart.max_delay, Duration::from_secs(300));
    assert_eq!(config.concurrency, Concurrency::Auto);
    assert_eq!(config.start.run_timeout, None);
    assert_eq!((config.stop.signal, config.on_change), (15, OnChange::Replace));
    assert_eq!(config.log.session, Path::new("/site/memory/session.log"));
    assert_eq!((config.log.max_size, config.log.max_line), (10_000_000, 16_384));
    assert_eq!(config.server.listen, SocketAddr::from(([127, 0, 0, 1], 3000)));
    assert_eq!(config.state_directory, Path::new("/site/.arcanos"));
    assert_eq!(config.env.set.0.keys().collect::<Vec<_>>(), ["AI_MODEL"]);
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(Site::new("").files_read(), [Path::new("/site/.env")]);
}

#[test]
fn later_layers_win_and_say_so() {
    let text = "[restart]\nmax_attempts = 1\ndelay = \"1s\"\nmax_delay = \"1s\"\nreset_after = \"1s\"\n\
                [profiles.staging.restart]\ndelay = \"2s\"\nmax_delay = \"2s\"\nreset_after = \"2s\"\n";
    let loaded = Site::new(text)
        .profile("staging")
        .env("ARCANOS__RESTART__MAX_DELAY", "3s")
        .env("arcanos__restart__RESET_AFTER", "3s")
        .set("restart.reset_after", "4s")
        .good();
    let restart = loaded.config.restart;
    let seconds = [restart.delay, restart.max_delay, restart.reset_after].map(|d| d.as_secs());
    assert_eq!(seconds, [2, 3, 4]);
    for (key, source) in [
        ("restart.jitter", Source::Default),
        ("restart.max_attempts", Source::File),
        ("restart.delay", Source::Profile),
        ("restart.max_delay", Source::Environment),
        ("restart.reset_after", Source::CommandLine),
    ] {
        assert_eq!(loaded.sources.get(key), Some(&source), "{key}");
    }
}

#[test]
fn tables_merge_and_lists_replace() {
    let text = "[env]\nfiles = [\"a\"]\n[env.set]\nX = \"1\"\n[workers.w.env]\nA = \"file\"\n\
                [profiles.development]\nenv.set.Y = \"2\"\nenv.files = []\nworkers.w.env.B = \"p\"\n";
    let config = Site::new(text).good().config;
    assert_eq!(config.env.set.0.keys().collect::<Vec<_>>(), ["AI_MODEL", "X", "Y"]);
    assert_eq!(config.workers["w"].env.0.keys().collect::<Vec<_>>(), ["A", "B"]);
}

#[test]
fn the_profile_is_picked_in_order() {
    let staging = "[profiles.staging]\n";
    for (site, profile) in [
        (Site::new(""), "development"),
        (Site::new("").env("NODE_ENV", "production"), "production"),
        (Site::new("").env("NODE_ENV", "test"), "development"),
        (
            Site::new(staging).env("NODE_ENV", "production").env("ARCANOS_PROFILE", "staging"),
            "staging",
        ),
        (Site::new(staging).env("ARCANOS_PROFILE", "staging").profile("production"), "production"),
    ] {
        assert_eq!(site.good().config.profile, profile);
    }
}

#[test]
fn an_unknown_profile_is_an_error_where_it_was_chosen() {
    assert_eq!(
        Site::new("").profile("prodution").said(),
        "command line --profile: no profile `prodution`, did you mean `production`?"
    );
    assert_eq!(
        Site::new("").env("ARCANOS_PROFILE", "x").said(),
        "environment ARCANOS_PROFILE: no profile `x`, expected one of development, production"
    );
    assert!(
        Site::new("profiles.production.model.preflight = false\nprofiles.staging = {}")
            .profile("x")
            .said()
            .ends_with("expected one of development, production, staging"),
        "each is named once"
    );
}

#[test]
fn production_is_built_in_and_the_file_may_change_it() {
    let production = Site::new("[log]\nsession = \"s.log\"\n").profile("production").good();
    let session = &production.config.log.session;
    assert_eq!(session, Path::new("/var/arc/log/session.log"));
    assert_eq!(production.sources["log.session"], Source::Profile);
    let changed = Site::new("[profiles.production]\nlog.session = \"p.log\"\nlog.keep = 1\n");
    let changed = changed.profile("production").good().config.log;
    assert_eq!((changed.session.as_path(), changed.keep), (Path::new("/site/p.log"), 1));
}

#[test]
fn profiles_that_are_not_active_are_checked_but_not_filled_in() {
    let text = "[profiles.live]\nserver.token = \"${NOT_HERE}\"\nrestart.delay = \"${NOR_THIS}\"\n";
    Site::new(text).good();
    let said = Site::new("[profiles.live]\nrestart.delay = 5\n").said();
    assert!(said.starts_with("arcanos.toml:2:17: profiles.live.restart.delay: found"), "{said}");
    let said = Site::new(text).profile("live").said();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn what_is_overridden_need_not_be_set() {
    let text = "[server]\ntoken = \"${NOT_HERE}\"\n[profiles.development.server]\ntoken = \"\"\n";
    assert!(Site::new(text).good().config.server.token.is_none());
}

#[test]
fn variables_are_reported_by_their_names() {
    for (name, value, said) in [
        (
            "ARCANOS__RESTART__MAX_ATEMPTS",
            "1",
            "restart.max_atempts: unknown key, did you mean `max_attempts`?",
        ),
        (
            "ARCANOS__RESTART__DELAY",
            "fast",
            "restart.delay: found `fast`, expected a duration with a unit, like \"5s\"",
        ),
        (
            "ARCANOS__DISCOVERY__IGNORE",
            "a,b",
            "discovery.ignore: expected a list, like [\"a\", \"b\"] (what is there may be \
             secret and is not shown)",
        ),
        (
            "ARCANOS__SERVER__LISTEN",
            "nowhere",
            "server.listen: `nowhere` is not an address, expected HOST:PORT, like \"127.0.0.1:3000\" \
             or \"[::1]:3000\"",
        ),
        (
            "ARCANOS__SERVER__TOKEN",
            "two words",
            "server.token: the token holds spaces or characters beyond ASCII, expected letters, \
             digits and signs",
        ),
    ] {
        let errors = Site::new("").env(name, value).said();
        assert_eq!(errors, format!("environment {name}: {said}"));
    }
    assert_eq!(
        Site::new("").set("restart.delay", "5").said(),
        "command line --set restart.delay: restart.delay: found the number `5`, expected a duration \
         with a unit, like \"5s\""
    );
}

#[test]
fn workers_lie_over_the_sections() {
    let text = "[restart]\nmax_attempts = 7\n[workers.a]\ncwd = \".\"\nrestart = { delay = \"1s\" }\n\
                stop.signal = \"term\"\nlimits = { memory = \"512MB\", open_files = 1024, cpu = 0.5 }\n\
                schedule = \"*/15 * * * *\"\ntimezone = \"Europe/Berlin\"\n";
    let config = Site::new(text).good().config;
    let worker = config.worker("a");
    assert_eq!(worker.restart.max_attempts, Attempts::Max(7));
    assert_eq!(worker.restart.delay, Duration::from_secs(1));
    assert_eq!(worker.cwd.as_deref(), Some(Path::new("/site")));
    assert_eq!((worker.stop.signal, worker.enabled), (15, true));
    assert_eq!(worker.limits.memory, Some(512_000_000));
    assert_eq!(worker.schedule.as_ref().expect("one").expression, "*/15 * * * *");
    assert_eq!(config.worker("other").restart.delay, Duration::from_secs(5));
}

#[test]
fn rules_have_defaults_of_their_own() {
    let text = "[[discovery.rules]]\nname = \"py\"\nfiles = [\"*.py\"]\ncommand = [\"python3\", \"{file}\"]\n\
                [[discovery.rules]]\nname = \"js\"\nfiles = [\"*.js\"]\ncommand = [\"/opt/bin/node\", \"{file}\"]\n";
    let rules = Site::new(text).good().config.discovery.rules;
    let seen: Vec<_> = rules.iter().map(|r| (r.name.as_str(), r.ipc)).collect();
    assert_eq!(seen, [("py", false), ("js", true)]);
}

#[test]
fn auto_takes_what_the_environment_allows() {
    let key = ("OPENAI_API_KEY", "sk-0123456789abcdef");
    let with_key = || Site::new("").env(key.0, key.1);
    let http = |url: &str| Upstream::Http(url.to_owned());
    for (site, upstream) in [
        (Site::new(""), Upstream::Echo),
        (Site::new("").env("OPENAI_API_KEY", " "), Upstream::Echo),
        (Site::new("").profile("production"), Upstream::OpenAi),
        (with_key(), Upstream::OpenAi),
        (with_key().env("OPENAI_BASE_URL", "http://h/v1/"), http("http://h/v1")),
        (Site::new("").file(".env", "OPENAI_API_KEY=sk-dotenv\n"), Upstream::OpenAi),
        (Site::new("env.set.OPENAI_API_KEY = \"k\"\n"), Upstream::OpenAi),
        (Site::new("model.upstream = \"https://h/v1/\"\n"), http("https://h/v1")),
    ] {
        assert_eq!(site.good().config.model.upstream, upstream, "{:?}", site.environment);
    }
}

#[test]
fn the_case_of_an_id_that_only_a_variable_names_does_not_matter() {
    let site = Site::new("[workers.Known]\nargs = []\n")
        .env("ARCANOS__WORKERS__GOALWATCHER__ENABLED", "false")
        .env("ARCANOS__WORKERS__KNOWN__ENABLED", "false");
    let config = site.good().config;
    for (id, enabled) in
        [("goalWatcher", false), ("GOALWATCHER", false), ("Known", false), ("known", true)]
    {
        assert_eq!(config.worker(id).enabled, enabled, "{id}");
    }
}

#[test]
fn what_the_command_line_sets_wins_and_the_last_of_it() {
    let loaded = Site::new("[server]\nlisten = \"127.0.0.1:1\"\n")
        .env("ARCANOS__SERVER__LISTEN", "127.0.0.1:2")
        .env("ARCANOS__SERVER__MAX_CONNECTIONS", "7")
        .set("server.listen", "127.0.0.1:3")
        .set("server.listen", "\"127.0.0.1:4\"")
        .set("server.token", "1234567890123456")
        .set("discovery.recursive", "true")
        .set("env.files", "[]")
        .set("restart.jitter", "0.5")
        .set("restart", "{ delay = \"2s\" }")
        .set("workers.\"a.b\".enabled", "false")
        .good();
    let config = loaded.config;
    assert_eq!(config.server.listen, SocketAddr::from(([127, 0, 0, 1], 4)));
    assert_eq!(config.server.token.as_ref().map(|t| t.expose()), Some("1234567890123456"));
    assert_eq!(config.server.max_connections, 7, "other keys of the section stay");
    assert!(config.discovery.recursive);
    assert_eq!((config.restart.jitter, config.restart.delay), (0.5, Duration::from_secs(2)));
    assert!(!config.worker("a.b").enabled);
    for (key, source) in [
        ("server.listen", Source::CommandLine),
        ("restart.jitter", Source::CommandLine),
        ("workers.\"a.b\".enabled", Source::CommandLine),
        ("server.max_connections", Source::Environment),
    ] {
        assert_eq!(loaded.sources.get(key), Some(&source), "{key}");
    }
}

#[test]
fn errors_name_the_option_of_the_command_line() {
    for (key, value, said) in [
        (
            "server.listen",
            "nowhere",
            "server.listen: `nowhere` is not an address, expected HOST:PORT, like \"127.0.0.1:3000\" \
             or \"[::1]:3000\"",
        ),
        ("server.lisen", "x", "server.lisen: unknown key, did you mean `listen`?"),
        (
            "restart",
            "{ delay = 5 }",
            "restart.delay: found the number `5`, expected a duration with a unit, like \"5s\"",
        ),
        (
            "discovery.rules[0].name",
            "x",
            "this is not a key, expected a dotted path, like `server.listen`",
        ),
        (
            "profiles.x",
            "{}",
            "profiles: unknown key, expected one of `discovery`, `env`, `model`, `restart`, `start`, `liveness`, `stop`, `reload`, `log`, `server`, `state`, `workers`",
        ),
    ] {
        let errors = Site::new("").set(key, value).said();
        assert_eq!(errors, format!("command line --set {key}: {said}"));
    }
    let said = Site::new("").set("server.token", "hush hush").said();
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_broken_config_still_says_where_the_running_arcanos_is() {
    let found = |site: &Site| site.with_inputs(InstanceLocator::read);
    for (text, directory, token) in [
        ("[restart]\nmax_atempts = 1\n", ".arcanos", None),
        ("[state]\ndirectory = \"run\"\n[server]\ntoken = \"t0ken\"\n[x]", "run", Some("t0ken")),
        ("[server]\ntoken_file = \"the.token\"\n", ".arcanos", Some("from a file")),
        ("[state]\ndirectory = 5\n", ".arcanos", None),
        ("[state]\ndirectory = \"${NOT_HERE}\"\n", ".arcanos", None),
        ("[state]\ndirectory = \"${DIR:-d}/s\"\n[nonsense]\n", "d/s", None),
        ("[state\n", ".arcanos", None),
        ("[server]\ntoken = 't'\n[state]\ndirectory = 'run'\n[x\n[state]\ny", "run", Some("t")),
        ("[profiles.development]\nstate.directory = \"p\"\nnonsense = 1\n", "p", None),
    ] {
        let found = found(&Site::new(text).file("the.token", "from a file\n"));
        assert_eq!(found.state_directory, Path::new("/site").join(directory), "{text}");
        assert_eq!(found.token.as_ref().map(|token| token.expose()), token, "{text}");
    }
    let site = Site::new("nonsense = 1\n").env("ARCANOS__STATE__DIRECTORY", "e");
    assert_eq!(found(&site).state_directory, Path::new("/site/e"));
    assert_eq!(found(&site.set("state.directory", "s")).state_directory, Path::new("/site/s"));
}

#[test]
fn a_good_config_is_located_as_it_is_checked() {
    let site = Site::new("[state]\ndirectory = \"run/\"\n[server]\ntoken_file = \"t\"\n")
        .file("t", " 0123456789abcdef\n");
    let located = site.with_inputs(InstanceLocator::read);
    assert_eq!(located, InstanceLocator::of(&site.good().config));
}
