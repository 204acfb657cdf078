use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use super::*;

#[test]
fn every_script_knows_commands_and_asks_for_ids() {
    for shell in [SupportedShell::Bash, SupportedShell::Zsh, SupportedShell::Fish] {
        let script = script(shell);
        for part in ["arcanos", "restart", "start-workers", "__ids"] {
            assert!(script.contains(part), "{part} in {shell:?}");
        }
    }
    let zsh = script(SupportedShell::Zsh);
    assert_eq!(zsh.matches(":_arcanos_ids' \\").count(), 6, "{zsh}");
    assert_eq!(zsh.matches(":_arcanos_files_and_ids' \\").count(), 1);
}

#[test]
fn hidden_commands_are_not_offered_by_name() {
    let bash = script(SupportedShell::Bash);
    let mut lists = bash.lines().filter(|line| line.trim_start().starts_with("opts="));
    let offered = lists.find(|list| list.contains("start-workers")).expect("the commands");
    assert!(!offered.contains("__ids"), "{offered}");
}

/// What a real shell makes of its script and these lines after it, with an arcanos on its PATH that
/// gives the ids `goal` and `plan` for the config `x.toml` and for no other. `None` without the
/// shell.
fn ask_shell(shell: SupportedShell, arguments: &[&str], lines: &str) -> Option<Vec<String>> {
    ask_shell_after(shell, arguments, "", lines)
}

/// The same with lines before the script.
fn ask_shell_after(
    shell: SupportedShell,
    arguments: &[&str],
    prelude: &str,
    lines: &str,
) -> Option<Vec<String>> {
    let program = format!("{shell:?}").to_lowercase();
    if Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("there is no {program}: left out");
        return None;
    }
    let root = tempfile::tempdir().unwrap();
    let fake = root.path().join("arcanos");
    let answer = "case \"$*\" in
        '--config x.toml __ids'|'--config=x.toml __ids') printf 'goal\\nplan\\n' ;; esac";
    fs::write(&fake, format!("#!/bin/sh\n{answer}\n")).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let out = Command::new(&program)
        .args(arguments)
        .args(["-c", &format!("{prelude}{}\n{lines}", script(shell))])
        .env("PATH", format!("{}:/usr/bin:/bin", root.path().display()))
        .env("HOME", root.path())
        .current_dir(root.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{program}");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_the_ids_of_the_named_config() {
    let ask = r#"
        COMP_WORDS=(arcanos --config x.toml restart "")
        COMP_CWORD=4; _arcanos_with_ids arcanos "" restart; printf 'restart:%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(arcanos --config = x.toml logs g)
        COMP_CWORD=5; _arcanos_with_ids arcanos g logs; printf 'g:%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(arcanos --config x.toml logs --stream "")
        COMP_CWORD=5; _arcanos_with_ids arcanos "" --stream; printf 'stream:%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(arcanos st)
        COMP_CWORD=1; _arcanos_with_ids arcanos st arcanos; printf 'st:%s\n' "${COMPREPLY[@]}"
    "#;
    let Some(said) = ask_shell(SupportedShell::Bash, &["--norc"], ask) else { return };
    let has = |line: &str| said.iter().any(|known| known == line);
    assert!(has("restart:goal") && has("restart:plan") && has("restart:--all"), "{said:?}");
    assert!(has("g:goal") && !has("g:plan"), "{said:?}");
    assert!(has("stream:stderr") && !has("stream:goal"), "{said:?}");
    assert!(has("st:status") && has("st:start-workers") && !has("st:goal"), "{said:?}");
}

#[test]
fn fish_completes_commands_flags_values_and_ids() {
    let ask = r"
        for line in 'arcanos st' 'arcanos logs --s' 'arcanos logs --stream ' 'arcanos completions ' \
                'arcanos --config x.toml restart ' 'arcanos --config=x.toml why g' 'arcanos stop '
            complete -C $line | string replace -r '\t.*' '' | string replace -r '^' $line':'
        end
    ";
    let Some(said) = ask_shell(SupportedShell::Fish, &["--no-config"], ask) else { return };
    let of = |line: &str| {
        let values = said.iter().filter_map(|known| known.strip_prefix(line)?.strip_prefix(':'));
        values.collect::<Vec<_>>()
    };
    assert_eq!(of("arcanos st"), ["start", "start-workers", "status", "stop"]);
    assert_eq!(of("arcanos logs --s"), ["--set", "--since", "--stream"]);
    assert_eq!(of("arcanos logs --stream "), ["activity", "lifecycle", "stderr", "stdout"]);
    assert_eq!(of("arcanos completions "), ["bash", "fish", "zsh"]);
    assert_eq!(of("arcanos --config x.toml restart "), ["goal", "plan"]);
    assert_eq!(of("arcanos --config=x.toml why g"), ["goal"]);
    assert!(of("arcanos stop ").is_empty(), "{said:?}");
}

#[test]
fn zsh_asks_for_the_ids_of_the_named_config() {
    // Its completion lives in the line editor; what that would be given is shown instead.
    let ask = r"
        compadd() { print -l -- ${(P)2} }
        _call_program() { shift; $@ }
        for BUFFER in 'arcanos --config x.toml restart ' 'arcanos --config=x.toml logs g' 'arcanos stop '; do
            _arcanos_ids | sed s/^/$BUFFER:/
        done
    ";
    let prelude = "compdef() { print compdef $@ }\n";
    let Some(said) = ask_shell_after(SupportedShell::Zsh, &["-f"], prelude, ask) else { return };
    assert_eq!(said[0], "compdef _arcanos arcanos");
    let of = |line: &str| {
        said.iter()
            .filter(|known| known.strip_prefix(line).is_some_and(|id| !id.is_empty()))
            .count()
    };
    assert_eq!(of("arcanos --config x.toml restart :"), 2, "{said:?}");
    assert_eq!(of("arcanos --config=x.toml logs g:"), 2);
    assert_eq!(of("arcanos stop :"), 0);
}

#[test]
fn the_man_page_names_every_command() {
    let mut page = Vec::new();
    clap_mangen::Man::new(args::command()).render(&mut page).expect("memory takes all");
    let page = String::from_utf8(page).expect("text");
    for part in [".TH arcanos 1", "start\\-workers", "run\\-task", "SUBCOMMANDS"] {
        assert!(page.contains(part), "{part}");
    }
}
