//! Host names as clients write them: in `Host`, in `Origin`, in the config.
//!
//! Only what is exactly a host with an optional port is one: prefixes, user names and other
//! decorations are how rebinding and confusion begin.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: Host<'a>,
    pub(super) port: Option<u16>,
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// An address; IPv4 in IPv6 is IPv4.
    Ip(IpAddr),
    /// A name, in the client's spelling but without a final dot.
    Name(&'a str),
}

impl<'a> Authority<'a> {
    /// Reads `name`, `name:80`, `127.0.0.1:80`, `[::1]:80`; `None` is not a host.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => {
                let (address, rest) = text.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (Host::Ip(IpAddr::V6(address).to_canonical()), rest)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                (Host::parse(&text[..end])?, &text[end..])
            }
        };
        let port = match rest {
            "" | ":" => None,
            _ => Some(port(rest.strip_prefix(':')?)?),
        };
        Some(Self { host, port })
    }
}

impl<'a> Host<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Some(Self::Ip(address.into()));
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        name.split('.').all(is_label).then_some(Self::Name(name))
    }

    /// Whether it means this machine, whatever a name server says.
    pub(super) fn is_loopback(self) -> bool {
        match self {
            Self::Ip(address) => address.is_loopback(),
            Self::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Whether it is this host of the config: a name, or an address with or without brackets.
    pub(super) fn is(self, other: &str) -> bool {
        let bare = other.trim_start_matches('[').trim_end_matches(']');
        match self {
            Self::Ip(address) => bare.parse().is_ok_and(|other: IpAddr| other == address),
            Self::Name(name) => name.eq_ignore_ascii_case(bare.strip_suffix('.').unwrap_or(bare)),
        }
    }
}

/// Where a page comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) host: Host<'a>,
    pub(super) port: u16,
    /// The port that the scheme has by itself.
    default_port: u16,
}

impl<'a> Origin<'a> {
    /// Reads an `Origin` header; `None` is `null`, another scheme, or not an origin.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let Authority { host, port } = Authority::parse(rest)?;
        Some(Self { host, port: port.unwrap_or(default_port), default_port })
    }

    /// Whether the page came from where its request goes to.
    pub(super) fn is_of(self, target: Authority<'_>) -> bool {
        let is_same_host = match (self.host, target.host) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        is_same_host && self.port == target.port.unwrap_or(self.default_port)
    }
}

fn port(digits: &str) -> Option<u16> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_read_with_port_brackets_and_final_dot() {
        let name = |text| Some(Host::Name(text));
        let ip = |text: &str| Some(Host::Ip(text.parse().unwrap()));
        for (text, host, port) in [
            ("localhost", name("localhost"), None),
            ("LocalHost:3000", name("LocalHost"), Some(3000)),
            ("localhost.:3000", name("localhost"), Some(3000)),
            ("my_host.example-1.com:", name("my_host.example-1.com"), None),
            ("127.0.0.1:80", ip("127.0.0.1"), Some(80)),
            ("127.0.0.1.", ip("127.0.0.1"), None),
            ("[::1]", ip("::1"), None),
            ("[::1]:3000", ip("::1"), Some(3000)),
            ("[::ffff:127.0.0.1]:1", ip("127.0.0.1"), Some(1)),
        ] {
            let read = Authority::parse(text);
            assert_eq!(read.map(|a| a.host), host, "{text}");
            assert_eq!(read.and_then(|a| a.port), port, "{text}");
        }
    }

    #[test]
    fn whatever_else_is_attached_makes_it_no_host() {
        for text in [
            "",
            ".",
            "localhost..",
            "a..b",
            ":80",
            "127.0.0.1@evil.com",
            "evil.com#localhost",
            "localhost/",
            "localhost?x",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[localhost]",
            "localhost:+80",
            "localhost:99999",
            "localhost:80:80",
            "local host",
            "größe.de",
            "[::1%eth0]",
            "http://localhost",
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_exact_loopback_names_are_loopback() {
        for (text, expect) in [
            ("localhost", true),
            ("LOCALHOST.", true),
            ("127.0.0.1", true),
            ("127.8.9.10:3000", true),
            ("[::1]:3000", true),
            ("localhost.evil.com", false),
            ("evil-localhost", false),
            ("127.0.0.1.nip.io", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("10.0.0.1", false),
            ("127.1", false),
            ("2130706433", false),
        ] {
            let host = Authority::parse(text).expect("a host").host;
            assert_eq!(host.is_loopback(), expect, "{text}");
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
        fn no_text_upsets_the_parsers(text in "\\PC{0,40}") {
            let _ = (Authority::parse(&text), Origin::parse(&text));
        }

        #[test]
        fn nothing_put_around_localhost_is_loopback(
            before in "[a-z0-9.@:/-]{0,4}",
            after in "[a-z0-9.@/#-]{0,4}",
        ) {
            let text = format!("{before}localhost{after}");
            let is_loopback = Authority::parse(&text).is_some_and(|a| a.host.is_loopback());
            let is_plain = before.is_empty() && matches!(after.as_str(), "" | ".");
            prop_assert_eq!(is_loopback, is_plain);
        }
    }
}
