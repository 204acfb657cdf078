//! `arcanos logs`: the last lines of a worker or of all, and those to come.

mod follow;
mod line;
mod request;

use serde_json::Value;

use crate::cli::{
    args::{Globals, Logs},
    client::find,
    exit::Failure,
    json::pretty,
    terminal::Output,
};
use line::Form;
use request::{n_lines, path};

/// Shows the last lines, and those to come if they are wanted.
///
/// # Errors
/// None runs, there is no such worker, or the output is gone.
pub(crate) async fn run(globals: &Globals, args: &Logs, out: &mut Output) -> Result<(), Failure> {
    let form = Form::of(globals, args);
    if args.follow {
        return follow::run(globals, args, form, out).await;
    }
    let client = find::find(globals)?.client;
    let n_lines = n_lines(args);
    if n_lines == 0 {
        return Ok(());
    }
    let answer = client.read(&path(args, n_lines)).await?;
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
