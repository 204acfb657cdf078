//! Secret values: compared in constant time, never shown, wiped from memory when dropped.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A value that must never be seen: a token or the value of a secret variable.
///
/// It has no `Serialize` and no `Display`, and its `Debug` shows `[redacted]`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The value, for the few places that must use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(SecretString::from(value))
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(SecretString::from(value))
    }
}

/// Takes a time that depends on the lengths only.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret with the name that stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// The variable or key it belongs to; stands in `[redacted NAME]`.
    pub name: String,
    /// The value.
    pub value: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_exactly_if_their_values_are() {
        for (one, other) in [("", ""), ("a", ""), ("ab", "ab"), ("ab", "abc"), ("ab", "ac")] {
            assert_eq!(Secret::from(one) == Secret::from(other), one == other, "{one} {other}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = NamedSecret { name: "KEY".to_owned(), value: Secret::from("hush") };
        let shown = format!("{secret:?} {:#?}", Some(&secret));
        assert!(shown.contains("[redacted]") && !shown.contains("hush"), "{shown}");
    }
}
