//! Checks `[[discovery.rules]]`.

use super::checker::Checker;
use crate::{
    config::{
        key::KeyPath,
        model::{Rule, View},
        raw::RawRule,
    },
    domain::{Mode, is_node},
};

impl Checker<'_> {
    /// The rules, in order; `None` if one of them lacks something.
    pub(super) fn rules(&mut self, raw: Vec<RawRule>) -> Option<Vec<Rule>> {
        let key = KeyPath::of("discovery.rules");
        // All are checked, also those after one that lacks something.
        let checked: Vec<Option<Rule>> = raw
            .into_iter()
            .enumerate()
            .map(|(index, raw)| self.rule(raw, &key.index(index)))
            .collect();
        checked.into_iter().collect()
    }

    fn rule(&mut self, raw: RawRule, key: &KeyPath) -> Option<Rule> {
        let name = raw.name.filter(|name| !name.trim().is_empty());
        if name.is_none() {
            self.missing(&key.key("name"), "a name for verdicts, like \"node\"");
        }
        let files = raw.files.filter(|files| !files.is_empty());
        if files.is_none() {
            self.missing(&key.key("files"), "globs on file names, like [\"*.js\"]");
        }
        let command = raw.command.filter(|command| has_program(command));
        if command.is_none() {
            let form = "program and arguments, like [\"node\", \"{file}\"]";
            self.missing(&key.key("command"), form);
        }
        self.globs(files.as_deref().unwrap_or_default(), &key.key("files"));
        let [any, all, none] =
            [("any", raw.any), ("all", raw.all), ("none", raw.none)].map(|(list, patterns)| {
                let patterns = patterns.unwrap_or_default();
                self.regexes(&patterns, &key.key(list));
                patterns
            });
        let command = command?;
        Some(Rule {
            ipc: raw.ipc.unwrap_or_else(|| command.first().is_some_and(|p| is_node(p))),
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

    fn missing(&mut self, key: &KeyPath, form: &str) {
        self.error(key, format!("missing or empty, expected {form}"));
    }
}

/// Whether the command names a program.
pub(super) fn has_program(command: &[String]) -> bool {
    command.first().is_some_and(|program| !program.trim().is_empty())
}
