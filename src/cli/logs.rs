//! `arcanos logs`: the last lines of a worker or of all, and those to come.
//!
//! The running arcanos is asked for them. Where none runs, or it does not know the worker (any
//! more), the last lines come from the files of the logs.

mod files;
mod follow;
mod line;
mod request;

use serde_json::Value;

use crate::cli::{
    args::{Globals, Logs},
    client::find,
    exit::{self, Failure},
    json::pretty,
    terminal::Output,
};
use line::Form;
use request::{n_lines, path};

/// Shows the last lines, and those to come if they are wanted.
///
/// # Errors
/// Neither the running arcanos nor the files know the worker, or the output is gone.
pub(crate) async fn run(globals: &Globals, args: &Logs, out: &mut Output) -> Result<(), Failure> {
    let form = Form::of(globals, args);
    if args.follow {
        return follow::run(globals, args, form, out).await;
    }
    let n_lines = n_lines(args);
    if n_lines == 0 {
        find::find(globals)?;
        return Ok(());
    }
    let answer = match asked(globals, args, n_lines).await {
        Err(failure) if matches!(failure.code(), exit::NOT_RUNNING | exit::FAILED) => {
            files::lines(globals, args, n_lines, failure)?
        }
        other => other?,
    };
    if globals.json {
        out.line(&pretty(&answer))?;
        return Ok(out.flush()?);
    }
    for text in answer.get("logs").and_then(Value::as_array).into_iter().flatten() {
        let text = line::render(text.as_str().unwrap_or_default(), form, out.colours());
        out.line(&text)?;
    }
    Ok(out.flush()?)
}

/// What the running arcanos answers.
async fn asked(globals: &Globals, args: &Logs, n_lines: u16) -> Result<Value, Failure> {
    Ok(find::find(globals)?.client.read(&path(args, n_lines)).await?)
}
