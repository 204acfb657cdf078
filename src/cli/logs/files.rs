//! The last lines from the files of the logs, without a running arcanos.

use serde_json::{Value, json};

use crate::{
    cli::{
        args::{Globals, Logs},
        exit::{self, Failure},
        load, supervise,
    },
    domain::{Stamp, WorkerId},
    files::logs::{Stream, TailQuery, past_lines},
};

use super::request::{ALL, LIFECYCLE};

/// The lines in the form of the status server's answer.
///
/// # Errors
/// `failure`, which is why the running arcanos gave no lines, if the files hold no lines; or the
/// config, which says where the files are, is bad.
pub(super) fn lines(
    globals: &Globals,
    args: &Logs,
    n_lines: u16,
    failure: Failure,
) -> Result<Value, Failure> {
    let name = args.worker.as_deref().unwrap_or(ALL);
    let mut stream = args.stream.and_then(|stream| stream.as_str().parse().ok());
    let worker = match name {
        ALL => None,
        LIFECYCLE => {
            stream.get_or_insert(Stream::Lifecycle);
            None
        }
        _ => match WorkerId::parse_log_name(name) {
            Ok(id) => Some(id),
            Err(_) => return Err(failure),
        },
    };
    let config = load::config(globals)?.config;
    let redactor =
        supervise::redactor_of(&config).map_err(|text| Failure::new(exit::BAD_USAGE, text))?;
    let query = TailQuery { lines: n_lines.into(), stream, since: args.since.map(Stamp) };
    let lines = past_lines(&config.log, redactor, worker.as_ref(), &query);
    match lines.is_empty() {
        true => Err(failure),
        false => Ok(json!({ "workerId": name, "logs": lines, "timestamp": Stamp::now() })),
    }
}
