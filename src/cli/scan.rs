//! `arcanos scan`: the files of the folder with the verdict on each.

use serde_json::json;

use crate::{
    cli::{
        args::Globals,
        client::find,
        exit::Failure,
        grid::{Grid, Row, fit},
        json::pretty,
        load::{self, Folder},
        terminal::{Colours, Output, Tone},
    },
    config::InstanceLocator,
    discovery::{Verdict, VerdictKind},
    domain::os_text,
    text::escape,
};

/// Shows all verdicts.
///
/// # Errors
/// The config is bad, or the folder cannot be followed.
pub(crate) async fn run(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let config = load::config(globals)?.config;
    let running = match find::by_locator(InstanceLocator::of(&config)) {
        Ok(found) => find::workers(&found).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let folder = load::folder(globals, &config, &running)?;
    if globals.json {
        let directory = os_text::shown_path(&config.discovery.directory);
        let report = json!({ "directory": directory, "files": folder.discovered.verdicts });
        out.line(&pretty(&report))?;
        return Ok(out.flush()?);
    }
    let directory = os_text::shown_path(&config.discovery.directory);
    for line in lines(&escape(directory.as_bytes()), &folder, out.table_width(), out.colours()) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// Prints the ids of all workers, one a line: of those that run, else of those that would.
///
/// # Errors
/// The output is gone. A shell that asks for completions has no use for other faults.
pub(crate) async fn ids(globals: &Globals, out: &mut Output) -> Result<(), Failure> {
    let workers = match find::find(globals) {
        Ok(found) => find::workers(&found).await,
        Err(_) => None,
    };
    let ids: Vec<String> = match workers {
        Some(workers) => workers.into_iter().map(|worker| worker.id).collect(),
        None => {
            let folder = load::config(globals).and_then(|l| load::folder(globals, &l.config, &[]));
            let candidates = folder.map_or_else(|_| Vec::new(), |f| f.discovered.candidates);
            candidates.iter().map(|candidate| candidate.id.to_string()).collect()
        }
    };
    for id in ids {
        out.line(&escape(id.as_bytes()))?;
    }
    Ok(out.flush()?)
}

fn lines(directory: &str, folder: &Folder, width: Option<u16>, colours: Colours) -> Vec<String> {
    let verdicts = &folder.discovered.verdicts;
    if let Some(note) = &folder.note {
        return vec![escape(note.as_bytes()).into_owned()];
    }
    let mut counts = Vec::new();
    for kind in ALL {
        let n = verdicts.iter().filter(|verdict| verdict.verdict == kind).count();
        if n > 0 {
            let s = if n > 1 { plural(kind) } else { "" };
            counts.push(format!("{n} {}{s}", word(kind)));
        }
    }
    if counts.is_empty() {
        return vec![format!("{directory}: no files")];
    }
    let rows = verdicts.iter().map(|verdict| row(verdict, width));
    let grid = Grid {
        header: vec!["FILE", "VERDICT", "RULE", "LINE"],
        painted: "VERDICT",
        right: &["LINE"],
        notes: "REASON",
        rows: rows.collect(),
    };
    let mut lines = vec![format!("{directory}: {}", counts.join(", ")), String::new()];
    lines.extend(grid.lines(width, colours));
    lines
}

const ALL: [VerdictKind; 4] =
    [VerdictKind::Worker, VerdictKind::Helper, VerdictKind::Rejected, VerdictKind::Ignored];

/// The verdict's word, as JSON has it.
pub(crate) const fn word(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Worker => "worker",
        VerdictKind::Helper => "helper",
        VerdictKind::Rejected => "rejected",
        VerdictKind::Ignored => "ignored",
    }
}

/// The end of the word for several.
const fn plural(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Worker | VerdictKind::Helper => "s",
        VerdictKind::Rejected | VerdictKind::Ignored => "",
    }
}

/// The verdict's colour.
pub(crate) const fn tone(kind: VerdictKind) -> Tone {
    match kind {
        VerdictKind::Worker => Tone::Good,
        VerdictKind::Helper => Tone::Busy,
        VerdictKind::Rejected => Tone::Bad,
        VerdictKind::Ignored => Tone::Faint,
    }
}

/// Of 80 columns a file gets 40 and a rule 20.
fn row(verdict: &Verdict, width: Option<u16>) -> Row {
    let share = |part: u16| width.map(|width| width / part);
    let none = || "-".to_owned();
    let file = os_text::shown_path(&verdict.file);
    let rule = verdict.rule.as_ref();
    Row {
        cells: vec![
            fit(&escape(file.as_bytes()), share(2)),
            word(verdict.verdict).to_owned(),
            rule.map_or_else(none, |rule| fit(&escape(rule.as_bytes()), share(4))),
            verdict.line.map_or_else(none, |line| line.to_string()),
        ],
        tone: Some(tone(verdict.verdict)),
        note: verdict
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| escape(reason.as_bytes()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{discovery::Discovered, domain::WorkerId};

    use super::*;

    fn verdict(file: &str, kind: VerdictKind, line: Option<u32>, reason: Option<&str>) -> Verdict {
        Verdict {
            file: file.into(),
            verdict: kind,
            id: WorkerId::of_file_name(file).ok(),
            rule: line.map(|_| "openai-node".to_owned()),
            line,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn verdicts_fit_80_columns() {
        let verdicts = vec![
            verdict("goalWatcher.js", VerdictKind::Worker, Some(3), None),
            verdict("shared.js", VerdictKind::Helper, None, Some("`goalWatcher.js` imports it")),
            verdict(
                "plain\u{1b}[2J.js",
                VerdictKind::Ignored,
                None,
                Some("rule `openai-node`: it imports none of `openai`"),
            ),
            verdict(
                "a b.js",
                VerdictKind::Rejected,
                Some(12),
                Some("the id has the character ' '; allowed are `A-Z a-z 0-9 . _ -`"),
            ),
        ];
        let discovered = Discovered { verdicts: verdicts.into(), candidates: Vec::new() };
        let folder = Folder { discovered, note: None };
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
            let lines = lines("/srv/workers", &folder, Some(80), Colours::Hidden);
            insta::assert_snapshot!("scan-80", lines.join("\n"));
        });
    }

    #[test]
    fn an_empty_folder_gives_a_sentence_instead_of_a_table() {
        assert_eq!(lines("/srv", &Folder::default(), None, Colours::Hidden), ["/srv: no files"]);
    }
}
