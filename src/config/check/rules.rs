//! `[[discovery.rules]]`.

use super::{
    patterns::{globs, regexes},
    sections::Scope,
};
use crate::{
    config::{
        key::KeyPath,
        model::{Rule, View},
        raw::RawRule,
        report::Report,
    },
    domain::Mode,
};

/// The rules, in order; `None` if one of them misses something.
pub(super) fn rules(
    raw: Vec<RawRule>,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<Vec<Rule>> {
    let key = KeyPath::of("discovery.rules");
    let checked: Vec<Option<Rule>> = raw
        .into_iter()
        .enumerate()
        .map(|(index, raw)| rule(raw, &key.index(index), scope, report))
        .collect();
    checked.into_iter().collect()
}

fn rule(raw: RawRule, key: &KeyPath, scope: &Scope<'_>, report: &mut Report) -> Option<Rule> {
    let name = raw.name.filter(|name| !name.trim().is_empty());
    if name.is_none() {
        missing(key, "name", "a name for verdicts, like \"node\"", scope, report);
    }
    let files = raw.files.filter(|files| !files.is_empty());
    if files.is_none() {
        missing(key, "files", "globs on file names, like [\"*.js\"]", scope, report);
    }
    let command = raw.command.filter(|command| has_program(command));
    if command.is_none() {
        let form = "program and arguments, like [\"node\", \"{file}\"]";
        missing(key, "command", form, scope, report);
    }
    globs(files.as_deref().unwrap_or_default(), &key.key("files"), scope, report);
    let [any, all, none] =
        [("any", raw.any), ("all", raw.all), ("none", raw.none)].map(|(list, patterns)| {
            let patterns = patterns.unwrap_or_default();
            regexes(&patterns, &key.key(list), scope, report);
            patterns
        });
    let command = command?;
    Some(Rule {
        ipc: raw.ipc.unwrap_or_else(|| is_node(&command)),
        name: name?,
        files: files?,
        imports: raw.imports.unwrap_or_default(),
        any,
        all,
        none,
        on: raw.on.unwrap_or(View::Raw),
        command,
        mode: raw.mode.unwrap_or(Mode::Auto),
    })
}

/// Whether the command names a program.
pub(super) fn has_program(command: &[String]) -> bool {
    command.first().is_some_and(|program| !program.trim().is_empty())
}

fn missing(key: &KeyPath, part: &str, form: &str, scope: &Scope<'_>, report: &mut Report) {
    let text = format!("missing or empty, expected {form}");
    report.about(scope.layers, &key.key(part), text);
}

/// Whether the command's program is Node itself, by whatever path.
fn is_node(command: &[String]) -> bool {
    let program = command.first().map_or("", String::as_str);
    matches!(program.rsplit('/').next(), Some("node" | "nodejs"))
}
