//! Text that the system gives as bytes: variables, arguments and paths, which need not be UTF-8.
//!
//! Such text is kept in a `String` without loss: each byte that is not part of UTF-8 stands there as
//! one character of `STAND_INS`, a range that no script uses. Should one of these characters occur
//! by itself, its own bytes are kept in the same way, so that [`bytes`] gives back exactly what
//! [`kept`] was given, whatever it was.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt::Write as _,
    ops::RangeInclusive,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serializer};

/// The characters that stand for the bytes 0x80 to 0xff: the last ones of Unicode, in a plane for
/// private use.
const STAND_INS: RangeInclusive<char> = '\u{10ff80}'..='\u{10ffff}';

/// What is added to a byte to make its character.
const OFFSET: u32 = 0x10_ff00;

/// These bytes as text, without loss.
#[must_use]
pub fn kept(text: &[u8]) -> String {
    let mut kept = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if STAND_INS.contains(&c) {
                push_bytes(&mut kept, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                kept.push(c);
            }
        }
        push_bytes(&mut kept, chunk.invalid());
    }
    kept
}

fn push_bytes(kept: &mut String, bytes: &[u8]) {
    kept.extend(bytes.iter().filter_map(|byte| char::from_u32(OFFSET + u32::from(*byte))));
}

/// The bytes that a text was made from by [`kept`].
#[must_use]
pub fn bytes(kept: &str) -> Cow<'_, [u8]> {
    if !kept.contains(is_stand_in) {
        return Cow::Borrowed(kept.as_bytes());
    }
    let mut bytes = Vec::with_capacity(kept.len());
    for c in kept.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The same as a text of the system.
#[must_use]
pub fn os_string(kept: &str) -> OsString {
    OsString::from_vec(bytes(kept).into_owned())
}

/// The text for people: each byte that is not UTF-8 as `\xe9`.
#[must_use]
pub fn shown(kept: &str) -> Cow<'_, str> {
    if !kept.contains(is_stand_in) {
        return Cow::Borrowed(kept);
    }
    let mut shown = String::with_capacity(kept.len());
    for c in kept.chars() {
        match byte_of(c) {
            Some(byte) => write!(shown, "\\x{byte:02x}").expect("a string takes every text"),
            None => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A path for people, as [`shown`].
#[must_use]
pub fn shown_path(path: &Path) -> String {
    shown(&kept_path(path)).into_owned()
}

/// A path as text, without loss.
#[must_use]
pub fn kept_path(path: &Path) -> String {
    kept_os(path.as_os_str())
}

/// A text of the system as text, without loss.
#[must_use]
pub fn kept_os(text: &OsStr) -> String {
    kept(text.as_bytes())
}

fn is_stand_in(c: char) -> bool {
    STAND_INS.contains(&c)
}

fn byte_of(c: char) -> Option<u8> {
    is_stand_in(c).then(|| u8::try_from(u32::from(c) - OFFSET).ok()).flatten()
}

/// Serializes a path, which serde by itself refuses to if it is not UTF-8.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kept_path(path))
}

/// Serializes a path for people, as [`shown_path`].
///
/// # Errors
/// Those of the serializer.
pub fn serialize_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown_path(path))
}

/// Reads a path that [`serialize`] wrote.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(os_string(&String::deserialize(deserializer)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_system_comes_back_as_it_was() {
        for text in [
            &b"plain"[..],
            "caf\u{e9}".as_bytes(),
            b"caf\xe9",
            b"\xff\xfe\x80",
            "\u{10ffe9} by itself".as_bytes(),
            b"\xf4\x8f\xbe",
            b"",
        ] {
            assert_eq!(&*bytes(&kept(text)), text);
        }
        assert_eq!(kept(b"plain"), "plain");
    }

    #[test]
    fn it_is_shown_escaped() {
        assert_eq!(shown(&kept(b"/srv/d\xe9p\xf4t")), "/srv/d\\xe9p\\xf4t");
        assert_eq!(shown("caf\u{e9}"), "caf\u{e9}");
    }
}
