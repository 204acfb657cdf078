//! A plan as lines: `+` starts, `-` stops, `~` restarts or changes in place.

use crate::{
    cli::{
        terminal::{Colours, Tone},
        wire::{Plan, Worker},
    },
    text::escape,
};

/// A worker that the config and the folder ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: String,
    /// Its file, relative to the folder.
    pub(crate) file: String,
    /// Why it is wanted, or why it is not to run: its rule, its schedule, `enabled = false`.
    pub(crate) reason: String,
    pub(crate) wants: Wants,
}

/// What a worker should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Run.
    Run,
    /// Be known, and not run: it is disabled.
    Rest,
}

/// The difference between what is wanted and what runs; without a running arcanos nothing does.
pub(crate) fn difference(wanted: &[Wanted], running: Option<&[Worker]>) -> Plan {
    let mut plan = Plan::default();
    let known = running.unwrap_or_default();
    for worker in wanted {
        let live = known.iter().find(|live| live.id == worker.id);
        let list = match (worker.wants, live) {
            (Wants::Run, None) => &mut plan.started,
            (Wants::Run, Some(live)) if live.changed == Some(true) => &mut plan.restarted,
            (Wants::Rest, Some(live)) if live.pid.is_some() => &mut plan.stopped,
            (Wants::Run | Wants::Rest, _) => {
                plan.unchanged += 1;
                continue;
            }
        };
        list.push(worker.id.clone());
        let reason = match (worker.wants, live) {
            (Wants::Run, Some(_)) => format!("{} was edited", worker.file),
            _ => worker.reason.clone(),
        };
        plan.reasons.insert(worker.id.clone(), reason);
    }
    for live in known {
        if !wanted.iter().any(|worker| worker.id == live.id) {
            plan.stopped.push(live.id.clone());
            let file = live.file.as_deref().unwrap_or("its file");
            plan.reasons.insert(live.id.clone(), format!("{file} is no worker any more"));
        }
    }
    plan
}

/// The plan as lines, the unchanged ones as a number.
pub(crate) fn of_plan(plan: &Plan, colours: Colours) -> Vec<String> {
    let mut lines = Vec::new();
    for (ids, mark, tone, verb) in [
        (&plan.stopped, '-', Tone::Bad, "stops"),
        (&plan.restarted, '~', Tone::Busy, "restarts"),
        (&plan.updated, '~', Tone::Busy, "changes in place"),
        (&plan.started, '+', Tone::Good, "starts"),
    ] {
        for id in ids {
            let mut line = format!("  {mark} {} {verb}", escape(id.as_bytes()));
            if let Some(reason) = plan.reasons.get(id) {
                line.push_str(": ");
                line.push_str(&escape(reason.as_bytes()));
            }
            lines.push(colours.paint(tone, &line).into_owned());
        }
    }
    match (lines.is_empty(), plan.unchanged) {
        (true, 0) => lines.push("  nothing to do: there are no workers".to_owned()),
        (true, 1) => lines.push("  nothing to do: 1 worker stays as it is".to_owned()),
        (true, n) => lines.push(format!("  nothing to do: {n} workers stay as they are")),
        (false, 0) => {}
        (false, 1) => lines.push("    1 worker stays as it is".to_owned()),
        (false, n) => lines.push(format!("    {n} workers stay as they are")),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: &str, wants: Wants) -> Wanted {
        let (file, reason) = (format!("{id}.js"), "rule `openai-node`, line 3".to_owned());
        Wanted { id: id.to_owned(), file, reason, wants }
    }

    fn live(id: &str, changed: Option<bool>) -> Worker {
        Worker { id: id.to_owned(), pid: Some(7), changed, ..Worker::default() }
    }

    #[test]
    fn without_a_running_arcanos_all_that_is_wanted_starts() {
        let plan = difference(&[wanted("a", Wants::Run), wanted("b", Wants::Rest)], None);
        let lines = of_plan(&plan, Colours::Hidden);
        assert_eq!(
            lines,
            ["  + a starts: rule `openai-node`, line 3", "    1 worker stays as it is"]
        );
    }

    #[test]
    fn what_runs_is_compared_with_what_is_wanted() {
        let wanted = [
            wanted("same", Wants::Run),
            wanted("edited", Wants::Run),
            wanted("new", Wants::Run),
            wanted("disabled", Wants::Rest),
        ];
        let running = [
            live("same", None),
            live("edited", Some(true)),
            live("gone", None),
            live("disabled", None),
        ];
        let plan = difference(&wanted, Some(&running));
        assert_eq!(plan.started, ["new"]);
        assert_eq!(plan.restarted, ["edited"]);
        assert_eq!(plan.stopped, ["disabled", "gone"]);
        assert_eq!(plan.unchanged, 1);
    }

    #[test]
    fn an_empty_plan_says_so() {
        assert_eq!(
            of_plan(&Plan { unchanged: 2, ..Plan::default() }, Colours::Hidden),
            ["  nothing to do: 2 workers stay as they are"]
        );
    }
}
