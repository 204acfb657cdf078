//! The encodings in which a secret may appear in text.
//!
//! As it is, in base64 wherever it stands in what was encoded, percent-encoded, as the inside of
//! a JSON string, and line by line. A secret that is reversed, hashed or broken up is not found.

use std::collections::BTreeSet;

use crate::domain::os_text;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The shortest secret that is looked for, in characters; a shorter one would be found in ordinary
/// text by chance. The figure is the contract's.
pub(super) const SHORTEST: usize = 8;

/// The shortest line of a secret of several lines that is replaced on its own, in bytes.
const SHORTEST_LINE: usize = 16;

/// What a value may stand in, in a file that is not read as it was meant.
const QUOTES: [char; 3] = ['"', '\'', '`'];

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whether a value is long enough to be looked for as a secret: at least 8 characters.
#[must_use]
pub fn is_worth_hiding(value: &str) -> bool {
    value.chars().count() >= SHORTEST
}

/// All encodings of a secret; none if it is too short to be looked for.
///
/// A program may take white space or quotes off the ends of a value before it uses it: `echo pw |
/// base64` leaves a line break, some readers of dotenv files leave quotes. So the bare value is
/// looked for, which stands in the encodings of the whole one too; unless it is too short.
pub(super) fn encodings(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut encodings = BTreeSet::new();
    let Some(text) = [bare(secret), secret].into_iter().find(|text| is_worth_hiding(text)) else {
        return encodings;
    };
    let secret = &*os_text::bytes(text);
    encodings.insert(secret.to_vec());
    // Where it is not UTF-8, messages may hold it as it is kept or shown.
    encodings.extend([text, &os_text::shown(text)].map(|form| form.as_bytes().to_vec()));
    for alphabet in [STANDARD, URL_SAFE] {
        encodings.extend((0..3).flat_map(|offset| base64(secret, offset, alphabet)));
    }
    encodings.extend(percent(secret));
    encodings.extend(json(text));
    let lines: Vec<&[u8]> = secret.split(|b| matches!(b, b'\n' | b'\r')).collect();
    if lines.len() > 1 {
        let long = lines.iter().map(|l| l.trim_ascii());
        encodings.extend(long.filter(|l| l.len() >= SHORTEST_LINE).map(<[u8]>::to_vec));
    }
    encodings
}

/// The value without white space and quotes at its ends, in the widest sense of any language.
fn bare(secret: &str) -> &str {
    let is_blank = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    let text = secret.trim_matches(is_blank);
    let inner = QUOTES.iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.map_or(text, |inner| inner.trim_matches(is_blank))
}

/// What the secret's own bits make of the base64 of a text in which it stands at this offset
/// modulo 3; at its end once without the last character, which may depend on what follows.
fn base64(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> Vec<Vec<u8>> {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let character = |n: usize| {
        let bit = n * 6;
        let pair = [bit / 8, bit / 8 + 1].map(|i| padded.get(i).copied().unwrap_or(0));
        let six = (u16::from_be_bytes(pair) >> (10 - bit % 8)) & 0b11_1111;
        alphabet[usize::from(six)]
    };
    // The first characters that hold no bit of what stands before.
    let first = (offset * 8).div_ceil(6);
    let bits = padded.len() * 8;
    let sure: Vec<u8> = (first..bits / 6).map(character).collect();
    if bits.is_multiple_of(6) {
        return vec![sure];
    }
    let mut whole = sure.clone();
    whole.push(character(bits / 6));
    let mut ended = whole.clone();
    ended.resize(ended.len() + (3 - padded.len() % 3) % 3, b'=');
    vec![sure, whole, ended]
}

/// Percent-encoded as in a URL or a form: strict, as JavaScript does it, as for a path, with `+`
/// for spaces, and in lower case.
fn percent(secret: &[u8]) -> [Vec<u8>; 5] {
    const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    const JAVASCRIPT: &AsciiSet =
        &STRICT.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
    const PATH: &AsciiSet = &STRICT.remove(b'/');
    let encode = |set| percent_encode(secret, set).to_string();
    // A literal `%` or `+` in the secret is encoded too, so that only spaces are replaced.
    let form = encode(STRICT).replace("%20", "+");
    [encode(STRICT), encode(JAVASCRIPT), encode(PATH), form, lower_case_digits(secret, STRICT)]
        .map(String::into_bytes)
}

fn lower_case_digits(secret: &[u8], set: &'static AsciiSet) -> String {
    // Each piece is an encoded byte, or a run of bytes that stand for themselves.
    let pieces = percent_encode(secret, set);
    let lower = |piece: &str| match piece.starts_with('%') {
        true => piece.to_ascii_lowercase(),
        false => piece.to_owned(),
    };
    pieces.map(lower).collect()
}

/// As the inside of a JSON string: plain, all in ASCII (Python), with `\/` (PHP).
fn json(secret: &str) -> [Vec<u8>; 3] {
    let quoted = serde_json::Value::from(secret).to_string();
    let plain = &quoted[1..quoted.len() - 1];
    let mut ascii = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut units = [0; 2];
            ascii.extend(c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")));
        }
    }
    [plain.to_owned(), plain.replace('/', "\\/"), ascii].map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_every_common_form() {
        let secret = "pa/ss wörd+1\"x";
        let encodings = encodings(secret);
        for form in [
            secret,
            "cGEvc3Mgd8O2cmQrMSJ4", // base64 of it alone
            "wYS9zcyB3w7ZyZCsxIn",  // within the base64 of `:` and it
            "pa%2Fss%20w%C3%B6rd%2B1%22x",
            "pa%2fss%20w%c3%b6rd%2b1%22x",
            "pa%2Fss+w%C3%B6rd%2B1%22x",
            "pa/ss%20w%C3%B6rd%2B1%22x",
            "pa/ss wörd+1\\\"x",
            "pa\\/ss wörd+1\\\"x",
            "pa/ss w\\u00f6rd+1\\\"x",
        ] {
            assert!(encodings.contains(form.as_bytes()), "{form} in {encodings:?}");
        }
    }

    #[test]
    fn the_base64_of_a_text_holds_a_form_of_every_secret_in_it() {
        // Of `user:` and `user1:` and `u:` before, and of nothing and more behind `secret-0123`.
        for encoded in [
            "c2VjcmV0LTAxMjM=",
            "c2VjcmV0LTAxMjM",
            "dTpzZWNyZXQtMDEyMw==",
            "dXNlcjpzZWNyZXQtMDEyMw==",
            "dXNlcjE6c2VjcmV0LTAxMjM7bW9yZQ==",
            "OnNlY3JldC0wMTIzOw==",
        ] {
            let found = encodings("secret-0123")
                .iter()
                .any(|form| encoded.as_bytes().windows(form.len()).any(|window| window == form));
            assert!(found, "{encoded}");
        }
    }

    #[test]
    fn a_secret_is_known_without_the_white_space_and_quotes_at_its_ends() {
        for secret in [
            "horse/77\n",
            "horse/77\r\n",
            " \thorse/77 \n\n",
            "\"horse/77\"\n",
            "'horse/77'",
            "` horse/77`",
            "\u{feff}horse/77\u{a0}\0",
        ] {
            // As it is, bare, in the base64 of each, percent-encoded and in JSON.
            for text in [
                secret,
                "horse/77",
                "aG9yc2UvNzc=",
                "aG9yc2UvNzcK",
                "aG9yc2UvNzcNCg==",
                "horse%2F77%0A",
                "horse%2f77",
                "horse\\/77\\n",
            ] {
                let encodings = encodings(secret);
                let is_in = |form: &Vec<u8>| memchr::memmem::find(text.as_bytes(), form).is_some();
                assert!(encodings.iter().any(is_in), "{text} of {secret:?}");
                // No form takes the end of a line with it.
                assert!(encodings.iter().all(|form| !form.contains(&b'\n')), "{secret:?}");
            }
        }
        // What is left is too short to be looked for, and the whole is not.
        let encodings = encodings("1234567\n");
        assert!(!encodings.contains(&b"1234567"[..]) && encodings.contains(&b"1234567\n"[..]));
    }

    #[test]
    fn short_secrets_have_no_form_and_long_lines_have_their_own() {
        for short in ["1234567", "äöüäöüä"] {
            assert!(encodings(short).is_empty(), "{short}");
        }
        assert!(encodings("äöüäöüäö").iter().all(|form| form.len() >= SHORTEST));
        let encodings = encodings("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n");
        assert!(encodings.contains(&b"MIIEvQIBADANBgkqhkiG"[..]));
        assert!(!encodings.contains(&b"short"[..]));
    }
}
