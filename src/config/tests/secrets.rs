//! No secret in an error, a warning, or what people see of the config.

use super::Site;

const SECRET: &str = "hush-hush-0123456789";

#[test]
fn no_error_repeats_a_secret() {
    for text in [
        format!("[server]\ntoken = [\"{SECRET}\"]\n"),
        format!("[server]\ntoken = \"{SECRET} with spaces\"\n"),
        format!("[server]\ntoken = \"{SECRET}\"\nlisten = 5\n"),
        format!("server = {{ token = \"{SECRET}\", listen = 5 }}\n"),
        format!("[env.set]\nX = [\"{SECRET}\"]\n"),
        format!("[env]\nset = {{ X = \"{SECRET}\", Y = 1 }}\n"),
        format!("[workers.w]\nenv = {{ X = \"{SECRET}\", Y = 1 }}\n"),
        format!("[workers.w]\nenv.\"A=B\" = \"{SECRET}\"\n"),
        format!("[profiles.p]\nserver.token = [\"{SECRET}\"]\n"),
        format!("[server]\napi_key = \"{SECRET}\"\n"),
        format!("[server]\ntokn = \"{SECRET}\"\n"),
        format!("[profiles.p.server]\ntokn = [\"{SECRET}\"]\n"),
        format!("[restart]\nsecret_delay = \"{SECRET}\"\n"),
        format!("[server]\ntoken = \"{SECRET}\n"),
        format!("[server]\ntoken = \"\"\"\n{SECRET}\n"),
        format!("[env.set]\nX = {SECRET}\n"),
        format!("[env]\nset = {{ X = \"{SECRET}\n"),
        format!("[ \"env\" . set]\nX = \"{SECRET}\n"),
        format!("[server]\ntoken = \"{SECRET}\"\ntoken = 5\n"),
    ] {
        let site = Site::new(&text);
        let errors = site.errors();
        let all = format!("{errors}\n{}", errors.pretty(&text));
        assert!(!all.contains("hush"), "of\n{text}\n{all}");
    }
}

/// A command, an argument, a pattern and an address may hold a password, wherever they stand.
#[test]
fn no_error_repeats_what_may_hold_a_password() {
    for text in [
        "model.upstream = \"htp://user:hush@127.0.0.1:9/v1?key=hush\"\n",
        "model.upstream = \"http://127.0.0.1/v1?key=hush\"\n",
        "model.upstream = \"user:hush\"\n",
        "model.upstream = \"http://user:hush@127.0.0.1\n",
        "model.upstream = [\"http://user:hush@127.0.0.1\"]\n",
        "model.upstream = \"htp://x\" # was http://user:hush@x\n",
        "model = { upstream = \"http://user:hush@x\", preflight = 5 }\n",
        "server.listen = \"http://user:hush@x\"\n",
        "server.allowed_hosts = [\"user:hush@x\"]\n",
        "restart.delay = \"http://user:hush@x\"\n",
        "restart.policy = \"http://x?key=hush\"\n",
        "[workers.a]\ntimezone = \"http://user:hush@x\"\nschedule = \"every 1m\"\n",
        "[workers.a]\nschedule = \"http://user:hush@x\"\n",
        "[workers.a]\ncommand = \"run --pw=hush\"\n",
        "[workers.a]\ncommand = [\"run\", 5, \"hush\"]\n",
        "[workers.a]\ncommand = [\n  \"run\",\n  \"--x=hush\",\n  oops]\n",
        "[workers.a]\ncommand = [\n  [\"hush\"] oops,\n]\n",
        "[workers.a]\nargs = \"hush\"\n",
        "[workers.a]\nargs = [\"hush\", 5]\n",
        "workers.a = { args = [\"hush\"], enabled = 5 }\n",
        "[workers.a.start]\nready_line = \"hush(\"\n",
        "[workers.a]\nwatch = [\"/hush/*\"]\n",
        "discovery.prepare = \"hush\"\n",
        "discovery.prepare = [\"npm\", \"hush\", 5]\n",
        "discovery.ignore = [\"hush[\"]\n",
        "[[discovery.rules]]\nname = \"x\"\nfiles = [\"*.x\"]\nany = [\"hush(\"]\ncommand = [\"x\"]\n",
        "log.redact = ['hush(']\n",
        "log.redact = ['(hush)*']\n",
        "log.redact = 'hush('\n",
        "log.redact = [\"hush\n",
        "[liveness]\nprobe = { http = \"htp://user:hush@x/\" }\n",
        "[liveness]\nprobe = { command = \"hush\" }\n",
        "[profiles.p.liveness]\nprobe = { command = \"hush\" }\n",
    ] {
        let errors = Site::new(text).errors();
        let all = format!("{errors}\n{}", errors.pretty(text));
        assert!(!all.contains("hush"), "of\n{text}\n{all}");
    }
}

#[test]
fn no_error_repeats_a_secret_variable() {
    for name in ["ARCANOS__SERVER__TOKEN", "ARCANOS__ENV__SET__X", "ARCANOS__API_KEY"] {
        let said = Site::new("[server]\nlisten = 5\n").env(name, SECRET).said();
        assert!(!said.contains("hush"), "{said}");
    }
}

#[test]
fn a_line_with_a_secret_is_shown_without_it() {
    let text = "server = { token = \"hush-0123456789ab\", listen = 5 }\n";
    assert_eq!(
        Site::new(text).errors().pretty(text),
        "arcanos.toml:1:50: server.listen: found the number `5`, expected text in quotes\n  \
           |\n\
         1 | server = { token = …, listen = 5 }\n  \
           |                                ^\n"
    );
}

#[test]
fn secrets_are_gathered_from_everywhere_the_longest_first() {
    let site = Site::new(
        "[env]\nsecret = [\"*KEY*\", \"MINE\"]\n[env.set]\nOWN_KEY = \"bbbbbbbbbb\"\nSHORT_KEY = \"1234567\"\n\
         [workers.w.env]\nMINE = \"cccccccccccc\"\n[server]\ntoken = \"dddddddddddddddd\"\n",
    )
    .env("A_KEY", "aaaaaaaa")
    .env("SAME_KEY", "bbbbbbbbbb")
    .env("lower_key", "eeeeeeeee")
    .env("OTHER", "ffffffffffff");
    let config = site.good().config;
    let seen: Vec<_> =
        config.secrets.iter().map(|s| (s.name.as_str(), s.value.expose().len())).collect();
    let expected =
        [("server.token", 16), ("MINE", 12), ("OWN_KEY", 10), ("lower_key", 9), ("A_KEY", 8)];
    assert_eq!(seen, expected);
    assert!(!format!("{config:?}").contains("bbbb"));
}

#[test]
fn a_header_that_nobody_knows_is_shown() {
    let text = "[restar]\nx = \"hush\"\n";
    let pretty = Site::new(text).errors().pretty(text);
    assert!(pretty.contains("1 | [restar]\n"), "{pretty}");
}

#[test]
fn configs_are_equal_if_they_say_the_same_in_whatever_words() {
    let base = "[server]\ntoken = \"0123456789abcdef\"\n[env.set]\nA_KEY = \"one-one-one\"\n\
                [restart]\ndelay = \"60s\"\nmax_delay = \"5m\"\n";
    let config = |text: &str| Site::new(text).good().config;
    assert_eq!(
        config(base),
        config(&base.replace("60s", "1m").replace("[server]", "# x\n[server]"))
    );
    for (old, new) in [
        ("cdef", "cdee"),
        ("one-one-one", "two-two-two"),
        ("60s", "61s"),
        ("[server]", "[server]\nmax_connections = 7"),
    ] {
        assert_ne!(config(base), config(&base.replace(old, new)), "{old}");
    }
}
