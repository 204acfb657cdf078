//! Extracts names from the text of an error: ports, hosts, variables.

/// Words after which the address of a listener stands.
const LISTENING: [&str; 6] = ["listen", "bind", "in use", "address", "port", "EADDRINUSE"];

/// The port in a text about a listener.
pub(super) fn port(text: &str) -> Option<u16> {
    let lower = text.to_lowercase();
    let begin = LISTENING.iter().filter_map(|word| lower.find(&word.to_lowercase())).min()?;
    // The time of a record of a log stands before that word.
    numbers(&lower[begin..]).find_map(|(before, number)| {
        let is_port = before.ends_with(':')
            || before.ends_with(", ")
            || before.ends_with("port ")
            || before.ends_with("port: ")
            || before.ends_with("port=");
        is_port.then_some(number).filter(|number| *number > 0)
    })
}

/// Each number that may be a port, with the text before it.
fn numbers(text: &str) -> impl Iterator<Item = (&str, u16)> {
    let digit = |c: char| c.is_ascii_digit();
    let starts =
        text.char_indices().filter(move |&(at, c)| digit(c) && !text[..at].ends_with(digit));
    starts.filter_map(move |(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !digit(c)).unwrap_or(rest.len());
        // `127.0.0.1` and `3.5` are not ports.
        let goes_on = rest[end..].starts_with('.') && rest[end + 1..].starts_with(digit);
        (!goes_on).then_some(())?;
        Some((&text[..at], rest[..end].parse().ok()?))
    })
}

/// `HOST:PORT` in a text about a connection.
pub(super) fn endpoint(text: &str) -> Option<String> {
    if let Some(host) = between(text, "host='", '\'')
        && let Some(port) = between(text, "port=", ')').and_then(|port| port.parse::<u16>().ok())
    {
        return Some(format!("{host}:{port}"));
    }
    if let Some(host) = between(text, "server at \"", '"')
        && let Some(port) = text.split("port ").nth(1).and_then(|rest| rest.split(' ').next())
    {
        return Some(format!("{host}:{port}"));
    }
    text.split([' ', '\'', '"', '(', ')', ',', '`']).find_map(|word| {
        let word = word.trim_end_matches(['.', ';', ':']).trim_start_matches("http://");
        let (host, port) = word.trim_start_matches("https://").rsplit_once(':')?;
        let port = port.split('/').next()?.parse::<u16>().ok()?;
        // A time of day is not an endpoint.
        let is_host =
            host.contains('.') || host.contains(':') || host.chars().any(char::is_alphabetic);
        (is_host && !host.contains('/')).then(|| format!("{host}:{port}"))
    })
}

/// The host whose name cannot be resolved.
pub(super) fn host(text: &str) -> Option<&str> {
    let quoted = ["Failed to resolve '", "host='", "could not translate host name \""];
    let quoted = quoted.iter().find_map(|opening| {
        between(text, opening, if opening.ends_with('"') { '"' } else { '\'' })
    });
    let bare = || {
        let openings =
            ["ENOTFOUND ", "EAI_AGAIN ", "lookup ", "UnknownHostException: ", "resolve host: "];
        openings.iter().find_map(|opening| {
            let start = text.find(opening)? + opening.len();
            let host = text[start..].split([' ', ',', ';']).next()?.trim_end_matches(':');
            (!host.is_empty()).then_some(host)
        })
    };
    quoted.or_else(bare)
}

/// The first word that is written as variables are: `DISCORD_TOKEN`.
pub(super) fn variable(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find(|word| {
        word.contains('_')
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && !word.starts_with("ERR_")
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// What stands after `opening`, up to `end`.
pub(super) fn between<'a>(text: &'a str, opening: &str, end: char) -> Option<&'a str> {
    let start = text.find(opening)? + opening.len();
    let found = text[start..].split(end).next()?;
    (!found.is_empty()).then_some(found)
}
