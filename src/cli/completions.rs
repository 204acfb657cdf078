//! `arcanos completions` and `arcanos man`: shell scripts and the man page.
//!
//! The scripts are clap's, and one thing more: where an id belongs they ask `arcanos __ids` with
//! the `--config` that stands on the line.

use crate::cli::{
    args::{self, SupportedShell},
    exit::{self, Failure},
    terminal::Output,
};

/// The commands that take ids of workers.
const TAKES_IDS: [&str; 7] = ["logs", "restart", "run-task", "signal", "start", "stop", "why"];

/// Prints the script for a shell.
///
/// # Errors
/// The output is gone.
pub(crate) fn run(shell: SupportedShell, out: &mut Output) -> Result<(), Failure> {
    out.text(&script(shell))?;
    Ok(out.flush()?)
}

/// Prints the man page.
///
/// # Errors
/// The output is gone.
pub(crate) fn man(out: &mut Output) -> Result<(), Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(args::command()).render(&mut page);
    rendered.map_err(|error| Failure::new(exit::FAILED, format!("cannot render: {error}")))?;
    out.text(&String::from_utf8_lossy(&page))?;
    Ok(out.flush()?)
}

fn script(shell: SupportedShell) -> String {
    let mut script = Vec::new();
    let generator = clap_complete::Shell::from(shell);
    clap_complete::generate(generator, &mut args::visible_command(), "arcanos", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        SupportedShell::Bash => bash(script),
        SupportedShell::Zsh => zsh(&script),
        SupportedShell::Fish => fish(script),
    }
}

/// Around clap's function comes one that adds the ids.
fn bash(script: String) -> String {
    let commands = TAKES_IDS.join("|");
    let wrapper = format!(
        r#"
_arcanos_with_ids() {{
    _arcanos "$@"
    local word command="" config=() cur="${{COMP_WORDS[COMP_CWORD]}}" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$word" in
            --config)
                # Readline parts `--config=FILE` at the sign.
                [[ "${{COMP_WORDS[i + 1]}}" == "=" ]] && ((i++))
                config=(--config "${{COMP_WORDS[i + 1]}}"); ((i++)) ;;
            --profile|--set|-n|--lines|--stream|--since|--input)
                ((i + 1 == COMP_CWORD)) && return
                ((i++)) ;;
            -*) ;;
            {commands}) [[ -z "$command" ]] && command="$word" ;;
        esac
    done
    [[ -z "$command" || "$cur" == -* || "${{COMP_WORDS[COMP_CWORD - 1]}}" == --config ]] && return
    local ids
    ids="$(arcanos "${{config[@]}}" __ids 2>/dev/null)"
    local IFS=$'\n'
    COMPREPLY+=($(compgen -W "$ids" -- "$cur"))
}}
complete -F _arcanos_with_ids -o bashdefault -o default arcanos
"#
    );
    script + &wrapper
}

/// clap's places for ids are filled in.
fn zsh(script: &str) -> String {
    let helper = r#"
_arcanos_ids() {
    local -a ids config
    # Of `words` only what follows the command is left here.
    local -a line=(${(z)BUFFER})
    local i=${line[(I)--config]}
    (( i > 0 )) && config=(--config "${(Q)line[i + 1]}")
    config+=(${(M)line:#--config=*})
    ids=(${(f)"$(_call_program ids arcanos $config __ids 2>/dev/null)"})
    compadd -a ids
}
_arcanos_files_and_ids() {
    _arcanos_ids
    _files
}
"#;
    let mut out = String::with_capacity(script.len() + 1024);
    for line in script.lines() {
        let spec = line.trim_start();
        let takes_ids = [":worker", "::worker", "*::workers", "*:workers"];
        if let Some(head) = line.strip_suffix("_default' \\") {
            let is_id = takes_ids.iter().any(|name| spec[1..].starts_with(name));
            if is_id || spec.starts_with("':target") {
                out.push_str(head);
                out.push_str(if is_id { "_arcanos_ids' \\" } else { "_arcanos_files_and_ids' \\" });
                out.push('\n');
                continue;
            }
        }
        out.push_str(line);
        out.push('\n');
        if line == "autoload -U is-at-least" {
            out.push_str(helper);
        }
    }
    out
}

/// Beside clap's lines come those for the ids.
fn fish(mut script: String) -> String {
    script.push_str(
        r#"
function __arcanos_ids
    set -l words (commandline -opc)
    set -l config
    if set -l at (contains -i -- --config $words)
        set config --config $words[(math $at + 1)]
    end
    set -a config (string match -- '--config=*' $words)
    command arcanos $config __ids 2>/dev/null
end
"#,
    );
    script.extend(TAKES_IDS.map(|command| {
        let files = if command == "why" { "" } else { " -f" };
        let condition = format!("__fish_arcanos_using_subcommand {command}");
        format!("complete -c arcanos -n \"{condition}\"{files} -a \"(__arcanos_ids)\"\n")
    }));
    // clap gives fish no values for positional arguments.
    script.push_str(
        "complete -c arcanos -n \"__fish_arcanos_using_subcommand completions\" -f -a \"bash zsh fish\"\n",
    );
    script
}

#[cfg(test)]
mod tests;
