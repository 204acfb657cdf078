//! Host names and addresses, and which of them mean this machine.
//!
//! Only what is exactly a host with an optional port is one: a prefix, a user name or anything
//! else around it is how DNS rebinding and confusion begin.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A host with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port, if one is written.
    pub port: Option<u16>,
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address; IPv4 in IPv6 is IPv4.
    Ip(IpAddr),
    /// A name, in the client's spelling but without a final dot.
    Name(&'a str),
}

impl<'a> Authority<'a> {
    /// Reads `name`, `name:80`, `127.0.0.1:80`, `[::1]:80`; `None` for what is not a host.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
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
    #[must_use]
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Ip(address) => address.is_loopback(),
            Self::Name(name) => is_localhost(name),
        }
    }

    /// Whether it is this host of the config: a name, or an address with or without brackets.
    #[must_use]
    pub fn is(self, other: &str) -> bool {
        let bare = other.trim_start_matches('[').trim_end_matches(']');
        match self {
            Self::Ip(address) => bare.parse().is_ok_and(|other: IpAddr| other == address),
            Self::Name(name) => name.eq_ignore_ascii_case(bare.strip_suffix('.').unwrap_or(bare)),
        }
    }
}

/// Whether a name is `localhost`, in any case.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

/// The address at which this machine reaches a server that listens on `address`: for all addresses
/// (`0.0.0.0`, `[::]`) that is the loopback one.
#[must_use]
pub fn reachable_address(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
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
    fn a_server_on_all_addresses_is_reached_on_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:3000", "[::1]:3000"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reachable_address(listens.parse().unwrap()).to_string(), reached);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = Authority::parse(&text);
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
