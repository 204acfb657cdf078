//! What a worker says must mean the same however the bytes are cut, and never panic.

#![no_main]

use arcanos::internals::process::{Decoder, Incoming};
use libfuzzer_sys::fuzz_target;

fn heard(parts: &[&[u8]]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut heard = Vec::new();
    let mut skipped = 0;
    for part in parts {
        decoder.feed(part);
        while let Some(said) = decoder.next_message() {
            match said {
                // How many are counted at once depends on the cuts; their sum does not.
                Incoming::Skipped(count) => skipped += count,
                said => heard.push(format!("{said:?}")),
            }
        }
    }
    heard.push(format!("skipped {skipped}"));
    heard
}

fuzz_target!(|input: (&[u8], u16)| {
    let (bytes, cut) = input;
    let (head, tail) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(heard(&[bytes]), heard(&[head, tail]));
});
