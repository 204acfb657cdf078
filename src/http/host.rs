//! The host a client means to talk to, and the page that a request comes from.
//!
//! A page of another site can let its own name point to this machine (DNS rebinding) and so reach
//! a server that listens on loopback only; but its browser still sends that name as `Host`. A page
//! can also send requests without leave of ours; but its browser then names it in `Origin`.

use axum::http::{HeaderMap, HeaderName, header, request::Parts};

use crate::domain::{Authority, Host};

/// A header that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// It is there more than once.
    #[error("the request has more than one {0} header")]
    Repeated(HeaderName),
    /// It holds other bytes than visible ASCII.
    #[error("the {0} header is not plain ASCII")]
    NotAscii(HeaderName),
}

/// Why a request's host is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError<'a> {
    /// The `Host` header cannot be understood.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// There is no `Host` header.
    #[error("the request has no Host header")]
    Missing,
    /// It names a host that is not ours, or not a host.
    #[error("the host `{0}` is not accepted")]
    Foreign(&'a str),
}

/// The value of a header that may be there once; one that is there twice could be understood
/// differently by someone between us and the client.
///
/// # Errors
/// See [`HeaderError`].
pub(crate) fn only_value<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(HeaderError::Repeated(name.clone()));
    }
    let text = value.map(|value| value.to_str()).transpose();
    text.map_err(|_| HeaderError::NotAscii(name.clone()))
}

/// The host that a request is for, if `accepts` takes it.
///
/// # Errors
/// See [`HostError`].
pub(crate) fn target<'a>(
    head: &'a Parts,
    accepts: impl Fn(Host<'a>) -> bool,
) -> Result<Authority<'a>, HostError<'a>> {
    let text = only_value(&head.headers, &header::HOST)?.ok_or(HostError::Missing)?;
    let accepted = |text: &'a str| {
        let authority = Authority::parse(text)?;
        accepts(authority.host).then_some(authority)
    };
    // A client may name the host in the request line too, and then means that one.
    if let Some(named) = head.uri.authority()
        && accepted(named.as_str()).is_none()
    {
        return Err(HostError::Foreign(named.as_str()));
    }
    accepted(text).ok_or(HostError::Foreign(text))
}

/// Where a page comes from: the value of an `Origin` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// The host of the page.
    pub(crate) host: Host<'a>,
    /// Its port, written or the scheme's own.
    pub(crate) port: u16,
    /// The port that the scheme has by itself.
    default_port: u16,
}

impl<'a> Origin<'a> {
    /// Reads an `Origin` header; `None` for `null`, for another scheme, and for what is not an
    /// origin.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let Authority { host, port } = Authority::parse(rest)?;
        Some(Self { host, port: port.unwrap_or(default_port), default_port })
    }

    /// Whether the page came from the host and port that its request goes to.
    pub(crate) fn is_of(self, target: Authority<'_>) -> bool {
        let is_same_host = match (self.host, target.host) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        is_same_host && self.port == target.port.unwrap_or(self.default_port)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    fn head(uri: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn the_host_is_named_once_and_must_be_accepted() {
        let read = |uri: &str, hosts: &[&str]| {
            let head = head(uri, hosts);
            target(&head, Host::is_loopback).map(|a| a.port).map_err(|error| error.to_string())
        };
        assert_eq!(read("/", &["localhost:80"]), Ok(Some(80)));
        assert_eq!(read("http://127.0.0.1/", &["localhost"]), Ok(None));
        for (uri, hosts, expect) in [
            ("/", &[][..], "the request has no Host header"),
            ("/", &["localhost", "localhost"], "the request has more than one host header"),
            ("/", &["evil.test"], "the host `evil.test` is not accepted"),
            ("/", &["localhost/"], "the host `localhost/` is not accepted"),
            ("http://evil.test/", &["localhost"], "the host `evil.test` is not accepted"),
        ] {
            assert_eq!(read(uri, hosts), Err(expect.to_owned()), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for (text, target, expect) in [
            ("http://localhost:3000", "localhost:3000", true),
            ("http://LOCALHOST:3000", "localhost:3000", true),
            ("https://arcanos.test", "arcanos.test", true),
            ("https://arcanos.test", "arcanos.test:443", true),
            ("http://arcanos.test", "arcanos.test:443", false),
            ("http://localhost:8080", "localhost:3000", false),
            ("http://127.0.0.1:3000", "localhost:3000", false),
        ] {
            let target = Authority::parse(target).expect("a host");
            assert_eq!(Origin::parse(text).expect("an origin").is_of(target), expect, "{text}");
        }
        for text in ["null", "", "file://", "chrome-extension://abc", "http://a/b", "http://u@a"] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = Origin::parse(&text);
        }
    }
}
