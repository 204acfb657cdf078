//! What an error means, in plain words, with the names that it gives.

mod sdk;

use super::{
    explanation::Explanation,
    facts::{Facts, VariableState},
    missing, names, signs,
};
use crate::domain::Exit;

/// What is said of a program that reads stdin to its end.
pub(super) const EMPTY_STDIN: &str =
    "its stdin is empty (`stdin = \"open\"` under `[workers.ID]` keeps it open)";

/// What says that a variable is needed that is not there.
const UNSET: [&str; 14] = [
    "is missing",
    "is not set",
    "not set",
    "is required",
    "required",
    "is undefined",
    "undefined",
    "must be set",
    "is empty",
    "unset",
    "not defined",
    "not found",
    "environment variable",
    "missing",
];

/// What programs say that were refused a file.
const DENIED: [&str; 4] = ["EACCES", "EPERM", "Permission denied", "permission denied"];

/// What programs say that found the end of their stdin.
const END_OF_STDIN: [&str; 5] = [
    "EOFError: EOF when reading a line",
    "ERR_USE_AFTER_CLOSE]: readline was closed",
    "stdin is not a tty",
    "input device is not a TTY",
    "stdin closed",
];

/// What the error means, if that is known.
pub(super) fn of(explanation: &Explanation, exit: Exit, facts: &Facts) -> Option<String> {
    let region = &explanation.region;
    explanation
        .syntax
        .clone()
        .or_else(|| missing::of(region, facts))
        .or_else(|| unset_variable(explanation, facts))
        .or_else(|| listener(region, facts))
        .or_else(|| connection(region))
        .or_else(|| sdk::meaning(region).map(str::to_owned))
        .or_else(|| denied(region, facts))
        .or_else(|| stdin(region, facts))
        .or_else(|| command(explanation, exit))
        .or_else(|| signs::meaning(region).map(str::to_owned))
}

/// The variable that the error is about.
pub(super) fn variable(explanation: &Explanation) -> Option<String> {
    variable_of(explanation).map(|(name, _)| name)
}

/// The port that the error is about.
pub(super) fn port(region: &[String]) -> Option<u16> {
    region.iter().find(|line| is_port_in_use(line))?;
    region
        .iter()
        .filter(|line| is_port_in_use(line))
        .find_map(|line| names::port(line))
        .or_else(|| region.iter().find_map(|line| property(line, "port")?.parse().ok()))
}

/// The value of a property that Node prints below an error: `  port: 3000`.
fn property<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line.trim().strip_prefix(name)?.strip_prefix(": ")?;
    Some(value.trim_end_matches([',', ' ', '}']))
}

/// How sure it is that the error is about a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// The runtime or a library says so.
    Sure,
    /// The script's own words look like it.
    Likely,
}

fn variable_of(explanation: &Explanation) -> Option<(String, Certainty)> {
    let own = explanation.own.as_str();
    if let Some(name) = sdk::key_variable(own) {
        return Some((name.to_owned(), Certainty::Sure));
    }
    let shell = [": unbound variable", ": parameter not set", ": parameter null or not set"];
    if let Some(name) = shell.iter().find_map(|end| own.strip_suffix(end)?.rsplit(' ').next()) {
        return Some((name.to_owned(), Certainty::Sure));
    }
    if let Some(name) = own.rsplit_once("KeyError: '").and_then(|(_, rest)| rest.split('\'').next())
    {
        let environ = ["os.environ", "<frozen os>", "/os.py\""];
        let by_frames =
            explanation.traceback.iter().any(|line| environ.iter().any(|e| line.contains(e)));
        let by_name = names::variable(name) == Some(name);
        return (by_frames || by_name).then(|| {
            (name.to_owned(), if by_frames { Certainty::Sure } else { Certainty::Likely })
        });
    }
    if let Some(name) = names::between(own, "key not found: \"", '"') {
        let is_variable = names::variable(name) == Some(name);
        return is_variable.then(|| (name.to_owned(), Certainty::Likely));
    }
    let lower = own.to_lowercase();
    UNSET.iter().any(|words| lower.contains(words)).then_some(())?;
    let name = names::variable(own)?;
    Some((name.to_owned(), Certainty::Likely))
}

fn unset_variable(explanation: &Explanation, facts: &Facts) -> Option<String> {
    let (name, certainty) = variable_of(explanation)?;
    match facts.variable {
        VariableState::PassedOn => None,
        VariableState::Withheld => Some(format!(
            "`{name}` is set for arcanos, but not passed on (name it in `env.inherit`, or set it \
             under `[env.set]`)"
        )),
        VariableState::Unset => (certainty == Certainty::Sure).then(|| {
            format!("`{name}` is not passed on: arcanos has none (set it under `[env.set]`)")
        }),
    }
}

fn is_port_in_use(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    line.contains("EADDRINUSE")
        || lower.contains("address already in use")
        || lower.contains("java.net.bindexception")
        || (lower.contains("port ") && lower.contains("already in use"))
        || (lower.contains("port ") && lower.contains("is in use"))
}

/// A port or a socket that is taken.
fn listener(region: &[String], facts: &Facts) -> Option<String> {
    let line = region.iter().find(|line| is_port_in_use(line))?;
    let mut words = line.split(' ').map(|word| word.trim_end_matches([',', ':']));
    let socket = words.rfind(|word| word.starts_with('/'));
    Some(match (port(region), socket) {
        (Some(port), _) if facts.is_port_ours => {
            format!("port {port} is in use by arcanos itself")
        }
        (Some(port), _) => format!("port {port} is in use"),
        (None, Some(path)) => format!("the socket {path} is in use"),
        (None, None) => "a port it wants to listen on is in use".to_owned(),
    })
}

/// A server that cannot be reached.
fn connection(region: &[String]) -> Option<String> {
    let find =
        |signs: &[&str]| region.iter().find(|line| signs.iter().any(|sign| line.contains(sign)));
    if find(&REFUSED).is_some() {
        let of_sign = |line: &String| {
            let after = line.split_once("ECONNREFUSED ").map(|(_, after)| after);
            let is_refusal = REFUSED.iter().any(|sign| line.contains(sign));
            is_refusal.then(|| names::endpoint(after.unwrap_or(line))).flatten()
        };
        return Some(match region.iter().find_map(of_sign) {
            Some(endpoint) => format!("{endpoint} refused the connection"),
            None => "a server it needs refused the connection".to_owned(),
        });
    }
    if let Some(line) = find(&UNRESOLVED) {
        let host = names::host(line).or_else(|| region.iter().find_map(|line| names::host(line)));
        return Some(match host {
            Some(host) => format!("the name `{host}` cannot be resolved"),
            None => "the name of a server it needs cannot be resolved".to_owned(),
        });
    }
    let line = find(&["ETIMEDOUT ", "EHOSTUNREACH ", "ENETUNREACH "])?;
    let text = line.split("UNREACH ").last()?.split("ETIMEDOUT ").last()?;
    names::endpoint(text).map(|endpoint| format!("{endpoint} cannot be reached"))
}

const REFUSED: [&str; 4] =
    ["ECONNREFUSED", "ConnectionRefusedError", "Connection refused", "connection refused"];

const UNRESOLVED: [&str; 8] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Failed to resolve '",
    "no such host",
    "UnknownHostException",
    "nodename nor servname",
];

/// A file that the user of the run may not touch.
fn denied(region: &[String], facts: &Facts) -> Option<String> {
    let user = facts.user.as_deref()?;
    let is_denied = region.iter().any(|line| DENIED.iter().any(|sign| line.contains(sign)));
    is_denied.then(|| format!("the user `{user}`, as whom it runs, lacks the permission"))
}

fn stdin(region: &[String], facts: &Facts) -> Option<String> {
    let is_end = region.iter().any(|line| END_OF_STDIN.iter().any(|sign| line.contains(sign)));
    (is_end && facts.is_stdin_empty).then(|| EMPTY_STDIN.to_owned())
}

/// A command that a script called, and that is not there.
fn command(explanation: &Explanation, exit: Exit) -> Option<String> {
    let own = explanation.own.as_str();
    let is_shell = own.ends_with(": command not found")
        || (own.ends_with(": not found") && own.split(": ").count() > 2)
        || (own.contains("env: ") && own.ends_with(": No such file or directory"));
    let words = own.trim_end_matches(": command not found").trim_end_matches(": not found");
    let words = words.trim_end_matches(": No such file or directory");
    let name = words.rsplit(": ").next()?.trim_matches(['‘', '’', '\'', '"']);
    let is_last = exit == Exit::Code(127);
    (is_shell && !name.is_empty()).then(|| match is_last {
        true => format!("the command `{name}`, which it runs, was not found"),
        false => format!("a command that it runs, `{name}`, was not found"),
    })
}
