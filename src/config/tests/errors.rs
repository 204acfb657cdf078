//! Each kind of error, word for word.

use proptest::prelude::*;

use super::Site;

#[track_caller]
fn check(text: &str, said: &[&str]) {
    assert_eq!(Site::new(text).said(), said.join("\n"), "of\n{text}");
}

#[test]
fn unknown_keys_name_the_nearest_known_one_wherever_they_stand() {
    check(
        "[restarts]\npolicy = \"always\"\n\n[workers.alpha]\nenabld = true\n\n[profiles.production]\n\
         logg.session = \"x\"\n\n[[discovery.rules]]\nname = \"x\"\nfiles = [\"*.x\"]\n\
         comand = [\"true\"]\n",
        &[
            "arcanos.toml:1:2: restarts: unknown key, did you mean `restart`?",
            "arcanos.toml:5:1: workers.alpha.enabld: unknown key, did you mean `enabled`?",
            "arcanos.toml:8:1: profiles.production.logg: unknown key, did you mean `log`?",
            "arcanos.toml:13:1: discovery.rules[0].comand: unknown key, did you mean `command`?",
        ],
    );
}

#[test]
fn an_unknown_key_like_no_other_lists_what_there_is() {
    check(
        "[stop]\ncolour = 1\n",
        &[
            "arcanos.toml:2:1: stop.colour: unknown key, expected one of `signal`, `to`, `message`, \
          `timeout`",
        ],
    );
}

#[test]
fn durations_and_sizes_show_the_right_form() {
    let form = "expected a duration with a unit, like \"5s\"";
    for (value, found) in [
        ("5", "the number `5`"),
        ("1.5", "the number `1.5`"),
        ("true", "`true`"),
        ("\"5\"", "`5`"),
        ("\"5 parsecs\"", "`5 parsecs`"),
        ("\"\"", "empty text"),
        ("\"-5s\"", "`-5s`"),
        ("[\"5s\"]", "a list"),
        ("{ s = 5 }", "a table"),
    ] {
        check(
            &format!("[restart]\ndelay = {value}\n"),
            &[&format!("arcanos.toml:2:9: restart.delay: found {found}, {form}")],
        );
    }
    check(
        "[log]\nmax_size = 10\nmax_line = \"10 elephants\"\n",
        &[
            "arcanos.toml:2:12: log.max_size: found the number `10`, expected a size with a unit, \
             like \"10MB\" or \"16KiB\"",
            "arcanos.toml:3:12: log.max_line: found `10 elephants`, expected a size with a unit, \
             like \"10MB\" or \"16KiB\"",
        ],
    );
}

#[test]
fn words_are_listed() {
    check(
        "[restart]\npolicy = \"sometimes\"\nbackoff = 1\n[log]\nincludes = [\"output\", \"input\"]\n",
        &[
            "arcanos.toml:2:10: restart.policy: found `sometimes`, expected one of \"on-failure\", \
             \"always\", \"never\"",
            "arcanos.toml:3:11: restart.backoff: found the number `1`, expected one of \
             \"exponential\", \"fixed\"",
            "arcanos.toml:5:23: log.includes[1]: found `input`, expected one of \"lifecycle\", \
             \"activity\", \"output\"",
        ],
    );
}

#[test]
fn numbers_truths_lists_and_tables_are_asked_for_by_name() {
    check(
        "server = 5\n[discovery]\nrecursive = \"yes\"\nignore = \"lib\"\n[log]\nkeep = -1\n\
         [restart]\nmax_attempts = -1\njitter = 2.0\n[start]\nconcurrency = 0\n[env.set]\nA = 1\n",
        &[
            "arcanos.toml:1:10: server: found the number `5`, expected a table",
            "arcanos.toml:3:13: discovery.recursive: found `yes`, expected true or false",
            "arcanos.toml:4:10: discovery.ignore: expected a list, like [\"a\", \"b\"] (what is there may be secret and is not shown)",
            "arcanos.toml:6:8: log.keep: found the number `-1`, expected a whole number from 0",
            "arcanos.toml:8:16: restart.max_attempts: found the number `-1`, expected a whole \
             number from 0, or \"unlimited\"",
            "arcanos.toml:9:10: restart.jitter: found the number `2`, expected a number from 0 to \
             1, like 0.1",
            "arcanos.toml:11:15: start.concurrency: found the number `0`, expected a whole number \
             from 1, \"auto\" or \"unlimited\"",
            "arcanos.toml:13:5: env.set.A: expected text in quotes (what is there may be secret \
             and is not shown)",
        ],
    );
}

#[test]
fn every_bad_element_of_a_list_is_reported_by_its_own_index() {
    check(
        "[discovery]\nignore = [1, \"good\", 2]\n",
        &[
            "arcanos.toml:2:11: discovery.ignore[0]: expected text in quotes (what is there may be secret and is not shown)",
            "arcanos.toml:2:22: discovery.ignore[2]: expected text in quotes (what is there may be secret and is not shown)",
        ],
    );
}

#[test]
fn patterns_must_compile() {
    check(
        "[discovery]\nignore = [\"a[\"]\n[[discovery.rules]]\nname = \"x\"\nfiles = [\"*.x\"]\n\
         command = [\"true\"]\nany = [\"fine\", \"(open\"]\nall = ['(a{1000}){1000}']\n\
         [log]\nredact = [\"x*\"]\n",
        &[
            "arcanos.toml:2:11: discovery.ignore[0]: the value is not a glob: unclosed character class; \
             missing ']'",
            "arcanos.toml:7:16: discovery.rules[0].any[1]: the value is not a regex: unclosed group",
            "arcanos.toml:8:8: discovery.rules[0].all[0]: the value is not a regex: it is too \
             big once compiled",
            "arcanos.toml:10:11: log.redact[0]: the value matches empty text, expected a regex that \
             does not",
        ],
    );
}

#[test]
fn rules_need_a_name_files_and_a_command() {
    check(
        "[[discovery.rules]]\nfiles = []\n",
        &[
            "arcanos.toml:1:1: discovery.rules[0].name: missing or empty, expected a name for \
             verdicts, like \"node\"",
            "arcanos.toml:1:1: discovery.rules[0].command: missing or empty, expected program and \
             arguments, like [\"node\", \"{file}\"]",
            "arcanos.toml:2:9: discovery.rules[0].files: missing or empty, expected globs on file \
             names, like [\"*.js\"]",
        ],
    );
}

#[test]
fn a_worker_is_not_launched_after_itself() {
    let circle = "leads in a circle back to this worker, so it would never start";
    check(
        "[workers.a]\nafter = [\"b\"]\n[workers.b]\nafter = [\"c\", \"x\"]\n[workers.c]\nafter = [\"a\"]\n\
         [workers.d]\nafter = [\"d\"]\n[workers.e]\nafter = [\"a\"]\n",
        &[
            &format!("arcanos.toml:2:9: workers.a.after: {circle}"),
            &format!("arcanos.toml:4:9: workers.b.after: {circle}"),
            &format!("arcanos.toml:6:9: workers.c.after: {circle}"),
            &format!("arcanos.toml:8:9: workers.d.after: {circle}"),
        ],
    );
}

#[test]
fn a_worker_watches_files_below_the_folder_of_the_config() {
    let text = "the value leads out of the folder of the config, expected a glob below it, like \"prompts/**\"";
    check(
        "[workers.a]\nwatch = [\"/etc/*\", \"a/../../b\", \"{a,..}/*.md\", \"./\", \"[\", \"a..b/*\"]\n",
        &[
            &format!("arcanos.toml:2:10: workers.a.watch[0]: {text}"),
            &format!("arcanos.toml:2:20: workers.a.watch[1]: {text}"),
            &format!("arcanos.toml:2:33: workers.a.watch[2]: {text}"),
            "arcanos.toml:2:48: workers.a.watch[3]: the value names no file, expected a glob, like \
             \"prompts/**\"",
            "arcanos.toml:2:54: workers.a.watch[4]: the value is not a glob: unclosed character class; \
             missing ']'",
        ],
    );
}

#[test]
fn workers_have_good_ids_schedules_and_zones() {
    check(
        "[workers.restart]\n[workers.\"a b\"]\n[workers.a]\nschedule = \"sometimes\"\n\
         timezone = \"Europe/Nowhere\"\nstart = { concurrency = 1 }\nstop.signal = \"SIGNONSENSE\"\n\
         [workers.b]\nschedule = \"every 10ms\"\ncommand = []\n[workers.c]\nschedule = \"0 0 30 2 *\"\n",
        &[
            "arcanos.toml:1:10: workers.restart: the id `restart` is a word that arcanos uses for \
             itself; rename the file",
            "arcanos.toml:2:10: workers.\"a b\": the id has the character ' '; allowed are `A-Z \
             a-z 0-9 . _ -`",
            "arcanos.toml:4:12: workers.a.schedule: `sometimes` is not a schedule (invalid pattern: \
             pattern must have between 5 and 7 fields), expected cron, like \"*/15 * * * *\", or \"every 10m\"",
            "arcanos.toml:5:12: workers.a.timezone: `Europe/Nowhere` is not a time zone, expected an \
             IANA name, like \"Europe/Berlin\"",
            "arcanos.toml:6:25: workers.a.start.concurrency: counts over all workers, so it can \
             only be set as `start.concurrency`",
            "arcanos.toml:7:15: workers.a.stop.signal: found `SIGNONSENSE`, expected the name of \
             a signal, like \"SIGTERM\"",
            "arcanos.toml:9:12: workers.b.schedule: `every 10ms` is not a schedule (less than a \
             second), expected cron, like \"*/15 * * * *\", or \"every 10m\"",
            "arcanos.toml:10:11: workers.b.command: empty, expected program and arguments, like \
             [\"node\", \"{file}\"]",
            "arcanos.toml:12:12: workers.c.schedule: `0 0 30 2 *` is not a schedule (there is no such \
             day, so it would never come), expected cron, like \"*/15 * * * *\", or \"every 10m\"",
        ],
    );
}

#[test]
fn addresses_beyond_loopback_need_a_token() {
    for listen in ["0.0.0.0:3000", "[::]:3000", "192.0.2.1:80"] {
        check(
            &format!("[server]\nlisten = \"{listen}\"\n"),
            &[&format!(
                "arcanos.toml:2:10: server.listen: `{listen}` is reached from other machines, \
                 which needs a token: set `server.token` or `server.token_file`, or listen on \
                 127.0.0.1"
            )],
        );
    }
    check(
        "[server]\nlisten = \"localhost\"\nallowed_hosts = [\"http://x\"]\n",
        &[
            "arcanos.toml:2:10: server.listen: `localhost` is not an address, expected HOST:PORT, like \
             \"127.0.0.1:3000\" or \"[::1]:3000\"",
            "arcanos.toml:3:18: server.allowed_hosts[0]: `http://x` is no host name, expected one \
             without scheme and port, like \"box.example\"",
        ],
    );
}

#[test]
fn a_token_is_plain_and_given_once() {
    let short = Site::new("[server]\ntoken = \"short\"\n").load().expect("a short one will do");
    assert!(short.warnings.iter().any(|w| w.contains("server.token")), "{:?}", short.warnings);
    check(
        "[server]\nlisten = \"0.0.0.0:1\"\ntoken = \"two words\"\n",
        &["arcanos.toml:3:9: server.token: the token holds spaces or characters beyond ASCII, \
           expected letters, digits and signs"],
    );
    check(
        "[server]\ntoken = \"0123456789abcdef\"\ntoken_file = \"t\"\n",
        &["arcanos.toml:3:14: server.token_file: both `token` and `token_file` are set, expected \
             one of them"],
    );
    check(
        "[server]\nlisten = \"0.0.0.0:1\"\ntoken_file = \"absent\"\n",
        &["arcanos.toml:3:14: server.token_file: `absent` does not exist"],
    );
}

#[test]
fn the_upstream_is_a_word_or_a_web_address() {
    check(
        "[model]\nupstream = \"opanai\"\n[log]\nlevel = \"inof\"\n",
        &[
            "arcanos.toml:2:12: model.upstream: found `opanai`, expected \"auto\", \"openai\", \
             \"echo\" or an http(s) URL without user name and query, like \
             \"http://127.0.0.1:8080/v1\"",
            "arcanos.toml:4:9: log.level: found `inof`, expected one of \"error\", \"warn\", \
             \"info\", \"debug\", \"trace\", \"off\", or a filter, like \
             \"info,arcanos::engine=debug\"",
        ],
    );
}

#[test]
fn text_that_is_not_toml_is_reported_by_line_and_column() {
    let said =
        Site::new("[server]\nlisten = \"127.0.0.1:1\"\n\n[restart\npolicy = \"always\"\n").said();
    assert_eq!(said, "arcanos.toml:4:9: unclosed table, expected `]`");
    let said = Site::new("a = \nb = 1\nb = 2\n").said();
    assert_eq!(said.lines().count(), 2, "both errors are reported:\n{said}");
    let said = Site::new("[log]\nkeep = 99999999999999999999\n").said();
    assert_eq!(said, "arcanos.toml:2:8: log.keep: the number is out of range");
}

#[test]
fn references_are_shown_as_written() {
    let site = Site::new(
        "[restart]\ndelay = \"${DELAY}\"\n[log]\nformat = \"${ABSENT}\"\nsession = \"${open\"\n\
         [server]\nlisten = \"${HOST}:80\"\n",
    );
    let said = site.env("DELAY", "hush-hush").env("HOST", "0.0.0.0").said();
    assert_eq!(
        said,
        "arcanos.toml:2:9: restart.delay: found `${DELAY}` (filled in), expected a duration with a \
         unit, like \"5s\"\n\
         arcanos.toml:4:10: log.format: `${ABSENT}` is not set; set it, or give a default as \
         `${ABSENT:-default}`\n\
         arcanos.toml:5:11: log.session: a `${` without `}`; write `$${` for a plain `${`\n\
         arcanos.toml:7:10: server.listen: `${HOST}:80` is reached from other machines, which \
         needs a token: set `server.token` or `server.token_file`, or listen on 127.0.0.1"
    );
}

#[test]
fn a_mark_stands_under_the_mistake() {
    let site = Site::new("[restart]\npolicy = \"sometimes\" # ü\n");
    assert_eq!(
        site.errors().pretty(&site.text),
        "arcanos.toml:2:10: restart.policy: found `sometimes`, expected one of \"on-failure\", \
         \"always\", \"never\"\n  \
           |\n\
         2 | policy = \"sometimes\" …\n  \
           |          ^\n"
    );
}

#[test]
fn control_characters_of_the_file_are_not_repeated() {
    let site = Site::new("[restart]\npolicy = \"a\\u001b[2J\\n\"\n\"x\\n\" = 1\n");
    let said = site.said();
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_flood_of_errors_is_cut_and_counted_in_good_time() {
    let unknown: String = (0..10_000).map(|n| format!("k{n} = {n}\n")).collect();
    let unset: String = (0..10_000).map(|n| format!("k{n} = \"${{U{n}}}\"\n")).collect();
    for text in [unknown, format!("[workers.w.env]\n{unset}")] {
        let errors = Site::new(&text).errors();
        assert!((100..=102).contains(&errors.0.len()), "{}", errors.0.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let site = Site::new(&text);
        if let Err(errors) = site.load() {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.pretty(&text).ends_with('\n'));
        }
    }

    #[test]
    fn no_text_like_a_config_makes_it_panic(
        lines in prop::collection::vec(
            r#"\[?\[?(discovery|rules|env|set|workers|server|profiles|log|[a-z])(\.[a-z]{1,3})?\]?\]?|(token|env|listen|delay|files|any|schedule|level) = ("[^"]{0,12}|"[$]\{[A-Z:}-]{0,6}"|[0-9.-]{1,4}|\[.{0,8}\]|\{ ?[a-z] = .{0,4}\})"#,
            0..12,
        ),
    ) {
        let text = lines.join("\n");
        let site = Site::new(&text);
        if let Err(errors) = site.load() {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.pretty(&text).ends_with('\n'));
        }
    }
}
