//! Formats a plan as lines: `+` starts, `-` stops, `~` restarts or changes in place.

use crate::{
    cli::{
        terminal::{Colours, Tone},
        wire::Plan,
    },
    text::escape,
};

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

    #[test]
    fn each_worker_has_its_sign_and_its_reason() {
        let plan = Plan {
            started: vec!["new".to_owned()],
            stopped: vec!["old".to_owned()],
            updated: vec!["b".to_owned()],
            unchanged: 1,
            reasons: [("new".to_owned(), "new: new.js".to_owned())].into(),
            ..Plan::default()
        };
        assert_eq!(
            of_plan(&plan, Colours::Hidden),
            [
                "  - old stops",
                "  ~ b changes in place",
                "  + new starts: new: new.js",
                "    1 worker stays as it is"
            ]
        );
    }

    #[test]
    fn an_empty_plan_says_so() {
        assert_eq!(
            of_plan(&Plan { unchanged: 2, ..Plan::default() }, Colours::Hidden),
            ["  nothing to do: 2 workers stay as they are"]
        );
    }
}
