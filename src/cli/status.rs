//! `arcanos status`: the workers of the running arcanos, once or live.

mod table;
mod watch;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::{
    args::{Globals, Status},
    client::{Client, ClientError, find},
    exit::Failure,
    terminal::Output,
    wire,
};

/// What the table shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) status: wire::Status,
    pub(crate) health: wire::Health,
    /// The process of arcanos.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) address: String,
}

/// Shows the workers.
///
/// # Errors
/// None runs, or it refuses.
pub(crate) async fn run(globals: &Globals, args: &Status, out: &mut Output) -> Result<(), Failure> {
    if args.watch {
        return watch::run(globals, out).await;
    }
    let found = find::find(globals)?;
    if globals.json {
        let answer = found.client.read("/workers/status").await?;
        out.line(&pretty(&answer))?;
        return Ok(out.flush()?);
    }
    let picture = fetch(&found).await?;
    let view =
        table::View { width: out.table_width(), colours: out.colours(), now: Timestamp::now() };
    for line in table::lines(&picture, &view) {
        out.line(&line)?;
    }
    Ok(out.flush()?)
}

/// Asks for everything that the table shows.
async fn fetch(found: &find::Found) -> Result<Picture, ClientError> {
    let (status, health) =
        tokio::join!(found.client.read("/workers/status"), health(&found.client),);
    Ok(Picture {
        status: understand(status?)?,
        health: health?,
        pid: found.instance.pid,
        address: found.instance.address.map_or_else(String::new, |a| format!("http://{a}")),
    })
}

async fn health(client: &Client) -> Result<wire::Health, ClientError> {
    understand(client.read("/health").await?)
}

/// An answer in the shape that is known of it.
pub(crate) fn understand<T: DeserializeOwned>(answer: Value) -> Result<T, ClientError> {
    serde_json::from_value(answer).map_err(|e| ClientError::Odd(e.to_string()))
}

/// JSON for a person or a script; control characters are escaped by JSON itself, but for those
/// beyond ASCII.
pub(crate) fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a value has string keys only");
    json_safe(&text)
}

/// The JSON text with the control characters that JSON leaves alone (DEL, C1, separators and
/// those that turn the direction) as `\uXXXX`, which means the same.
pub(crate) fn json_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                safe.extend(["\\u".to_owned(), format!("{:04x}", u32::from(c))]);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_output_carries_no_control_characters_and_means_the_same() {
        let value = serde_json::json!({ "a": "x\u{9b}2J\u{7f}\u{202e}\u{1b}\ny" });
        let text = pretty(&value);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), value);
    }
}
