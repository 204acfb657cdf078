//! Parses the query of a request, and rejects a badly encoded path or query.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

/// The pairs of a query, decoded, in order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

/// Why a query is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("the query cannot be read; write it as `name=value&name=value`")]
    Unreadable,
    #[error("`{0}` is given more than once")]
    Twice(&'static str),
    #[error("`{name}={value}` is not understood; write {expected}")]
    Value { name: &'static str, value: String, expected: &'static str },
}

impl Query {
    /// Reads the query of a URI.
    pub(super) fn of(uri: &Uri) -> Result<Self, QueryError> {
        let Some(text) = uri.query() else {
            return Ok(Self::default());
        };
        if !is_well_encoded(text) {
            return Err(QueryError::Unreadable);
        }
        let pairs = axum::extract::Query::try_from_uri(uri).map_err(|_| QueryError::Unreadable)?;
        Ok(Self(pairs.0))
    }

    /// The value of this name.
    pub(super) fn value(&self, name: &'static str) -> Result<Option<&str>, QueryError> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next();
        match values.next() {
            Some(_) => Err(QueryError::Twice(name)),
            None => Ok(value),
        }
    }

    /// Whether a flag is set: `name`, `name=1`, `name=true`.
    pub(super) fn asks(&self, name: &'static str) -> Result<bool, QueryError> {
        match self.value(name)? {
            None | Some("0" | "false") => Ok(false),
            Some("" | "1" | "true") => Ok(true),
            Some(other) => {
                let value = other.to_owned();
                Err(QueryError::Value { name, value, expected: "1 or 0" })
            }
        }
    }
}

/// Whether every `%` begins an encoded byte, and the whole is UTF-8 once decoded.
pub(super) fn is_well_encoded(text: &str) -> bool {
    // The decoder leaves a `%` without two digits as it is.
    let has_digits = |after: &str| {
        after.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    text.split('%').skip(1).all(has_digits) && percent_decode_str(text).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Result<Query, QueryError> {
        Query::of(&format!("/?{text}").parse().expect("a URI"))
    }

    #[test]
    fn a_flag_is_asked_for_in_four_ways() {
        for (text, expect) in [
            ("", Ok(false)),
            ("wait", Ok(true)),
            ("wait=", Ok(true)),
            ("wait=1", Ok(true)),
            ("wait=true&x=y", Ok(true)),
            ("wait=0", Ok(false)),
            ("wait=false", Ok(false)),
            ("wait=1&wait=1", Err(QueryError::Twice("wait"))),
        ] {
            assert_eq!(query(text).and_then(|q| q.asks("wait")), expect, "{text}");
        }
        let error = query("wait=maybe").and_then(|q| q.asks("wait")).expect_err("neither");
        assert_eq!(error.to_string(), "`wait=maybe` is not understood; write 1 or 0");
    }

    #[test]
    fn values_are_decoded_once() {
        let query = query("a=x%20y+z&b=%2541").expect("readable");
        assert_eq!(query.value("a"), Ok(Some("x y z")));
        assert_eq!(query.value("b"), Ok(Some("%41")));
        assert_eq!(query.value("c"), Ok(None));
    }

    #[test]
    fn bad_percent_encoding_is_known() {
        for (text, expect) in [
            ("/workers/a", true),
            ("/%41%c3%bc", true),
            ("%00", true),
            ("%2e%2e%2f", true),
            ("%", false),
            ("%4", false),
            ("%zz", false),
            ("%+4", false),
            ("%ff", false),
            ("%c3", false),
        ] {
            assert_eq!(is_well_encoded(text), expect, "{text}");
        }
        assert_eq!(query("a=%ff").expect_err("not UTF-8"), QueryError::Unreadable);
    }

    proptest! {
        #[test]
        fn what_is_encoded_by_the_book_is_well_encoded(text in "\\PC{0,20}") {
            let encoded: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
            prop_assert!(is_well_encoded(&encoded));
        }
    }
}
