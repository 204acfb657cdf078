//! The task runner: makes Node call what a file exports by default.
//!
//! A small module is loaded before the file (`--import`, Node 18.19 or later). It stands in the
//! command line as a `data:` URL, so that any user may load it and nothing lies on the disk.

use std::{path::Path, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::command::{Command, SpawnError};
use crate::domain::{Mode, is_node, may_be_task, os_text};

/// The module. It takes its own traces away before the file is loaded.
const RUNNER: &str = include_str!("runner.mjs");

/// The variable that turns the runner on; holds the mode.
const TASK: &str = "ARCANOS_TASK";

/// The variable that holds the input of a run, as JSON.
const INPUT: &str = "ARCANOS_INPUT";

static URL: LazyLock<String> =
    LazyLock::new(|| format!("data:text/javascript;base64,{}", STANDARD.encode(bare(RUNNER))));

/// Makes a command call the default export of its `file`, if the mode says so and it runs Node.
///
/// `input` is what the export is called with, one JSON value; `None` is `undefined`. Any other
/// program finds it in `ARCANOS_INPUT`.
///
/// # Errors
/// [`Mode::Task`] with a program that is not Node.
pub fn prepare_node(
    command: &mut Command,
    file: &Path,
    mode: Mode,
    input: Option<&str>,
) -> Result<(), SpawnError> {
    if let Some(input) = input {
        command.env.push((INPUT.to_owned(), input.to_owned()));
    }
    if is_called(command, file, mode)? {
        command.env.push((TASK.to_owned(), mode.as_str().to_owned()));
        command.args.splice(0..0, ["--import".to_owned(), URL.clone()]);
    }
    Ok(())
}

fn is_called(command: &Command, file: &Path, mode: Mode) -> Result<bool, SpawnError> {
    let is_node = is_node(&command.program);
    match mode {
        Mode::Script => Ok(false),
        Mode::Auto => Ok(is_node && may_be_task(file, node_options(command, file))),
        Mode::Task if is_node => Ok(true),
        Mode::Task => Err(SpawnError::Failed {
            step: "run as a task",
            path: os_text::shown_path(file),
            reason: format!(
                "mode = \"task\" calls a function of a Node file, and `{}` is not `node`",
                command.program
            ),
        }),
    }
}

/// The options that Node gets: those before the file, and those of its environment.
fn node_options<'a>(command: &'a Command, file: &'a Path) -> impl Iterator<Item = &'a str> {
    let own = command.args.iter().take_while(move |word| Path::new(word) != file);
    let set = command.env.iter().rfind(|(name, _)| name == "NODE_OPTIONS");
    let set = set.into_iter().flat_map(|(_, value)| value.split_whitespace());
    own.map(String::as_str).chain(set)
}

/// The module without its comments and indentation: it is in every command line.
fn bare(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Limits, RunId, Stdin};

    fn command(program: &str) -> Command {
        Command {
            program: program.to_owned(),
            args: vec!["/w/a.js".to_owned()],
            env: Vec::new(),
            cwd: "/".into(),
            ipc: true,
            stdin: Stdin::Null,
            limits: Limits::default(),
            user: None,
            new_privileges: false,
            run: RunId::new("test", 1),
        }
    }

    #[test]
    fn only_node_with_a_file_it_can_import_gets_the_runner() {
        for (program, file, mode, expected) in [
            ("node", "/w/a.js", Mode::Auto, Ok(true)),
            ("/usr/bin/nodejs", "/w/a.mjs", Mode::Task, Ok(true)),
            ("node", "/w/a.js", Mode::Script, Ok(false)),
            ("node", "/w/a.worker", Mode::Auto, Ok(false)),
            ("python3", "/w/a.js", Mode::Auto, Ok(false)),
            ("python3", "/w/a.py", Mode::Task, Err(())),
        ] {
            let mut command = command(program);
            let prepared = prepare_node(&mut command, Path::new(file), mode, None);
            let is_called = prepared.map(|()| command.args.len() == 3).map_err(|_| ());
            assert_eq!(is_called, expected, "{program} {file} {mode:?}");
        }
    }

    #[test]
    fn the_input_reaches_any_program() {
        let mut command = command("python3");
        let prepared = prepare_node(&mut command, Path::new("/w/a.py"), Mode::Auto, Some("[1]"));
        assert_eq!(prepared, Ok(()));
        assert_eq!(command.env, [("ARCANOS_INPUT".to_owned(), "[1]".to_owned())]);
    }
}
