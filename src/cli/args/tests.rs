use std::ffi::OsString;

use clap::{CommandFactory, error::ErrorKind};

use super::{Cli, Command, StreamName, command};

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::read(std::iter::once("arcanos").chain(words.split_whitespace()).map(OsString::from))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn no_command_is_none_and_globals_stand_anywhere() {
    for words in ["--config a.toml --json", "--json --config a.toml"] {
        let cli = parse(words).expect("good usage");
        assert!(cli.command.is_none() && cli.globals.json);
        assert_eq!(cli.globals.config.as_deref(), Some("a.toml".as_ref()));
    }
    let cli = parse("status --config b.toml --profile staging").expect("good usage");
    assert!(matches!(cli.command, Some(Command::Status(_))));
    assert_eq!(cli.globals.profile.as_deref(), Some("staging"));
}

#[test]
fn keys_are_set_before_and_behind_the_command_in_order() {
    for (words, keys) in [
        ("run", &[][..]),
        ("--set a.b=1", &["a.b=1"]),
        ("--set a=1 --set=b=2 check", &["a=1", "b=2"]),
        ("check --set a=x=y --set b=", &["a=x=y", "b="]),
        ("--set a=1 check --set b=2 --set=a=3", &["a=1", "b=2", "a=3"]),
        ("--set a=1 start --set b=2 -- --set", &["a=1", "b=2"]),
    ] {
        let set = parse(words).expect("good usage").globals.set;
        let seen: Vec<_> = set.iter().map(|s| format!("{}={}", s.key, s.value)).collect();
        assert_eq!(seen, keys, "{words}");
    }
}

#[test]
fn a_signal_has_a_name_or_a_number() {
    for (words, expect) in [("SIGUSR2", 12), ("hup", 1), ("15", 15)] {
        let cli = parse(&format!("signal a {words}")).expect("good usage");
        let Some(Command::Signal(signal)) = cli.command else { panic!("not signal: {cli:?}") };
        assert_eq!((signal.worker.as_str(), signal.signal), ("a", expect));
    }
    for words in ["signal a", "signal a SIGNOPE", "signal a 0", "signal a 99"] {
        assert_eq!(parse(words).expect_err(words).exit_code(), 2, "{words}");
    }
}

#[test]
fn commands_take_workers_or_all() {
    for verb in ["start", "stop", "restart"] {
        assert!(parse(&format!("{verb} a b")).is_ok());
        assert!(parse(&format!("{verb} --all")).is_ok());
        for words in ["", "a --all"] {
            assert!(parse(&format!("{verb} {words}")).is_err(), "{verb} {words}");
        }
    }
}

#[test]
fn logs_take_one_worker_or_all() {
    let cli = parse("logs a -f -n 5 --stream stderr --since 10m").expect("good usage");
    let Some(Command::Logs(logs)) = cli.command else { panic!("not logs: {cli:?}") };
    assert_eq!((logs.worker.as_deref(), logs.lines, logs.follow), (Some("a"), Some(5), true));
    assert_eq!(logs.stream, Some(StreamName::Stderr));
    let age = jiff::Timestamp::now().duration_since(logs.since.expect("a time"));
    assert!((600..630).contains(&age.as_secs()), "{age:?}");
    assert!(parse("logs --all -f").is_ok());
}

#[test]
fn bad_usage_exits_with_2_and_help_with_0() {
    for (words, kind) in [
        ("logs", ErrorKind::MissingRequiredArgument),
        ("logs a --all", ErrorKind::ArgumentConflict),
        ("logs a -n 5001", ErrorKind::ValueValidation),
        ("logs a --since soon", ErrorKind::ValueValidation),
        ("restart", ErrorKind::MissingRequiredArgument),
        ("restart a --all", ErrorKind::ArgumentConflict),
        ("start", ErrorKind::MissingRequiredArgument),
        ("start-workers --every 0s", ErrorKind::ValueValidation),
        ("start-workers --every 30", ErrorKind::ValueValidation),
        ("completions nosuchshell", ErrorKind::InvalidValue),
        ("nonsense", ErrorKind::InvalidSubcommand),
        ("run --nonsense", ErrorKind::UnknownArgument),
        ("run-task a --input", ErrorKind::InvalidValue),
        ("--set server.listen", ErrorKind::ValueValidation),
        ("run --set", ErrorKind::InvalidValue),
    ] {
        let error = parse(words).expect_err(words);
        assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{words}");
    }
    assert_eq!(parse("--help").expect_err("help").exit_code(), 0);
}

#[test]
fn help_reads_well() {
    let mut command = command();
    command.build();
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!("help", command.render_long_help());
        for sub in command.get_subcommands_mut() {
            let name = format!("help-{}", sub.get_name());
            insta::assert_snapshot!(name, sub.render_help());
        }
    });
}

#[test]
fn no_line_of_help_is_wider_than_80_columns() {
    let mut command = command();
    command.build();
    let mut texts = vec![command.render_long_help().to_string()];
    texts.extend(command.get_subcommands_mut().map(|sub| sub.render_help().to_string()));
    let lines = texts.iter().flat_map(|text| text.lines());
    let wide: Vec<_> = lines.filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}
