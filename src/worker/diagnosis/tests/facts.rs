//! Reasons that need facts from outside the text.

use super::{Exit, Facts, ONE, Questions, Report, VariableState, said, unasked};

fn questions(text: &str) -> Questions {
    let lines: Vec<&str> = text.split('\n').collect();
    Report::new(ONE, &lines).questions()
}

#[test]
fn a_report_asks_for_what_it_cannot_know() {
    let module = "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import \
                  mylib\nModuleNotFoundError: No module named 'mylib'";
    assert_eq!(questions(module).module.as_deref(), Some("mylib"));
    assert_eq!(questions("DISCORD_TOKEN is missing").variable.as_deref(), Some("DISCORD_TOKEN"));
    let port =
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:8080\n    at S (node:net:1:1)";
    assert_eq!(questions(port).port, Some(8080));
    assert_eq!(questions("all is lost"), Questions::default());
}

#[test]
fn a_module_of_the_project_is_named_with_its_place() {
    let facts = Facts { module_folder: Some("/srv/app".to_owned()), ..unasked() };
    let text = "Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import \
                mylib\nModuleNotFoundError: No module named 'mylib'";
    assert_eq!(
        said(ONE, text, &facts),
        "`mylib` lies in /srv/app, which is not on Python's path (set `PYTHONPATH` to that folder under \
         `[env.set]`): ModuleNotFoundError: No module named 'mylib'"
    );
}

#[test]
fn a_variable_that_stops_at_arcanos_is_reported_as_such() {
    let withheld = Facts { variable: VariableState::Withheld, ..unasked() };
    for text in [
        "DISCORD_TOKEN is missing",
        "KeyError: 'DISCORD_TOKEN'",
        "/w/a.sh: line 3: DISCORD_TOKEN: unbound variable",
        "Error: DISCORD_TOKEN environment variable is required\n    at x (/w/a.js:1:1)",
        "a.rb:1:in `fetch': key not found: \"DISCORD_TOKEN\" (KeyError)",
    ] {
        let own = text.split('\n').next().unwrap_or(text);
        assert_eq!(
            said(ONE, text, &withheld),
            format!(
                "`DISCORD_TOKEN` is set for arcanos, but not passed on (name it in `env.inherit`, or \
                 set it under `[env.set]`): {own}"
            )
        );
    }
    let passed = Facts { variable: VariableState::PassedOn, ..unasked() };
    assert_eq!(said(ONE, "KeyError: 'DISCORD_TOKEN'", &passed), "KeyError: 'DISCORD_TOKEN'");
}

#[test]
fn a_port_of_arcanos_itself_is_reported_as_such() {
    let ours = Facts { is_port_ours: true, ..unasked() };
    let text = "Error: listen EADDRINUSE: address already in use :::8080\n    at S (node:net:1:1)";
    assert_eq!(
        said(ONE, text, &ours),
        "port 8080 is in use by arcanos itself: Error: listen EADDRINUSE: address already in use :::8080"
    );
}

#[test]
fn a_user_without_the_permission_is_named() {
    let nobody = Facts { user: Some("nobody".to_owned()), ..unasked() };
    let text = "Error: EACCES: permission denied, open '/w/x'\n    at f (node:fs:1:1)";
    assert_eq!(
        said(ONE, text, &nobody),
        "the user `nobody`, as whom it runs, lacks the permission: Error: EACCES: permission denied, open \
         '/w/x'"
    );
    assert_eq!(said(ONE, text, &unasked()), "Error: EACCES: permission denied, open '/w/x'");
}

#[test]
fn a_server_for_stdio_that_ends_at_once_has_nobody_to_serve() {
    let text = "Weather MCP Server running on stdio";
    assert_eq!(
        said(Exit::Code(0), text, &unasked()),
        "its stdin is empty (`stdin = \"open\"` under `[workers.ID]` keeps it open): Weather MCP Server \
         running on stdio"
    );
    assert_eq!(said(Exit::Code(0), text, &Facts::default()), "");
    assert_eq!(said(Exit::Code(0), "done", &unasked()), "");
}
