//! Parsers for the values of options.

use std::time::Duration;

use jiff::Timestamp;

use crate::{config::Override, domain::signal_named};

/// `KEY=VALUE`. The key is read with the config, so that its errors name the option.
pub(in crate::cli) fn parse_override(text: &str) -> Result<Override, String> {
    match text.split_once('=') {
        Some((key, value)) => Ok(Override { key: key.trim().to_owned(), value: value.to_owned() }),
        None => Err("expected KEY=VALUE, as in `server.listen=127.0.0.1:8080`".to_owned()),
    }
}

/// A duration with a unit, more than nothing.
pub(in crate::cli) fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be more than nothing, as in `30s`".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) => Err("expected a duration with a unit, as in `500ms`, `30s` or `10m`".to_owned()),
    }
}

/// The name or number of a signal.
pub(in crate::cli) fn parse_signal(text: &str) -> Result<i32, String> {
    signal_named(text).ok_or_else(|| "expected a signal, as in `SIGUSR2`".to_owned())
}

/// A time, or an age before now.
pub(in crate::cli) fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let form = || "expected a time as in `2026-11-23T17:00:00Z` or an age as in `10m`".to_owned();
    let age = humantime::parse_duration(text).map_err(|_| form())?;
    Timestamp::now().checked_sub(age).map_err(|_| form())
}
