//! The lines of a text, put together again, are the text; what is shown of it steers no terminal.

#![no_main]

use arcanos::internals::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let parts = text::lines(bytes).map(|line| [line.text, line.end].concat());
    assert_eq!(parts.collect::<Vec<_>>().concat(), bytes);
    let shown = text::shown(bytes, 1024);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\t'), "{shown:?}");
});
