//! A secret that stands whole in a text stands nowhere in what is left of it.

#![no_main]

use arcanos::internals::text::Redactor;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "sesame-open-0123";

fuzz_target!(|input: (&[u8], &[u8])| {
    let secrets = [("KEY".to_owned(), SECRET.to_owned())];
    let patterns = ["sk-[A-Za-z0-9_-]{16,}".to_owned()];
    let redactor = Redactor::new(&secrets, &patterns).expect("good patterns");
    let text = [input.0, SECRET.as_bytes(), input.1].concat();
    let redacted = redactor.redact(&text);
    let is_there = redacted.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    assert!(!is_there, "{:?}", String::from_utf8_lossy(&redacted));
    assert!(redactor.held_back(&text) <= text.len());
});
