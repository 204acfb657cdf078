//! Who may ask: checked before anything else is done with a request.
//!
//! Three doors, in this order. The *host* the client believes to talk to must be ours: else a
//! page whose name was rebound to this machine could read everything. The *origin* of a page must
//! be ours: a request without a body needs no leave of ours, so only refusing it helps. The
//! *token*, if there is one.

use std::{net::SocketAddr, sync::Arc};

use axum::http::{HeaderMap, HeaderName, Method, header, request::Parts};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::engine::ServerSettings;

use super::{
    fault::Fault,
    host::{Authority, Host, Origin},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may ask, by the settings it was made from.
pub(super) struct Access {
    settings: Arc<ServerSettings>,
}

impl Access {
    /// What these settings say.
    pub(super) fn of(settings: &Arc<ServerSettings>) -> Self {
        Self { settings: Arc::clone(settings) }
    }

    /// Whether it was made from these settings.
    pub(super) fn is_of(&self, settings: &Arc<ServerSettings>) -> bool {
        Arc::ptr_eq(&self.settings, settings)
    }

    /// Whether a request with this head, on a connection to this address of ours, may be answered.
    ///
    /// # Errors
    /// The answer that it gets instead.
    pub(super) fn check(&self, local: SocketAddr, head: &Parts) -> Result<(), Fault> {
        let target = self.check_host(local, head)?;
        self.check_origin(local, target, head)?;
        self.check_token(head)
    }

    fn check_host<'a>(&self, local: SocketAddr, head: &'a Parts) -> Result<Authority<'a>, Fault> {
        let Some(text) = only(&head.headers, &header::HOST)? else {
            return Err(Fault::bad_request("the request has no Host header".to_owned()));
        };
        let accepted = |text: &'a str| {
            let authority = Authority::parse(text)?;
            self.accepts(local, authority.host).then_some(authority)
        };
        // A client may name the host in the request line too, and then means that one.
        if let Some(named) = head.uri.authority()
            && accepted(named.as_str()).is_none()
        {
            return Err(Fault::forbidden_host(named.as_str()));
        }
        accepted(text).ok_or_else(|| Fault::forbidden_host(text))
    }

    fn accepts(&self, local: SocketAddr, host: Host<'_>) -> bool {
        // An address cannot be rebound, and the one that the connection came to is ours: this is
        // the listen address, also where that is a wildcard.
        host.is_loopback()
            || host == Host::Ip(local.ip().to_canonical())
            || self.settings.allowed_hosts.iter().any(|allowed| host.is(allowed))
    }

    fn check_origin(
        &self,
        local: SocketAddr,
        target: Authority<'_>,
        head: &Parts,
    ) -> Result<(), Fault> {
        if let Some(text) = only(&head.headers, &header::ORIGIN)? {
            let origin = Origin::parse(text).ok_or_else(|| Fault::forbidden_origin(text))?;
            let is_allowed = self.settings.allowed_hosts.iter().any(|a| origin.host.is(a));
            let is_ours = origin.port == local.port() && self.accepts(local, origin.host);
            if !is_allowed && !is_ours && !origin.is_of(target) {
                return Err(Fault::forbidden_origin(text));
            }
        }
        let is_harmless = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let site = only(&head.headers, &SEC_FETCH_SITE)?;
        match site {
            Some(site @ ("cross-site" | "same-site")) if !is_harmless => {
                Err(Fault::forbidden_origin(site))
            }
            _ => Ok(()),
        }
    }

    fn check_token(&self, head: &Parts) -> Result<(), Fault> {
        let Some(token) = &self.settings.token else { return Ok(()) };
        if is_open(head) {
            return Ok(());
        }
        let shown = only(&head.headers, &header::AUTHORIZATION)?.and_then(bearer);
        match shown {
            Some(shown) if is_same(token, shown) => Ok(()),
            Some(_) => Err(Fault::unauthorized("the token is not the one of `server.token`")),
            None => Err(Fault::unauthorized("send the token as `Authorization: Bearer TOKEN`")),
        }
    }
}

/// What everybody may see, with a token or without: it holds no data of the workers, or no more
/// than that they are well.
fn is_open(head: &Parts) -> bool {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    is_read && matches!(head.uri.path(), "/" | "/health" | "/health/")
}

/// The value of a header that may be there once; one that is there twice could be understood
/// differently by someone between us and the client.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Fault::bad_request(format!("the request has more than one {name} header")));
    }
    let text = value.map(|value| value.to_str()).transpose();
    text.map_err(|_| Fault::bad_request(format!("the {name} header is not plain ASCII")))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Compares in a time that depends on what the client shows only by its length, and says nothing
/// about where they differ.
fn is_same(token: &SecretString, shown: &str) -> bool {
    let (token, shown) = (token.expose_secret().as_bytes(), shown.as_bytes());
    let mut same: Choice = token.len().ct_eq(&shown.len());
    for (i, byte) in shown.iter().enumerate() {
        same &= byte.ct_eq(&token[i % token.len().max(1)]);
    }
    same.into()
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn access(token: Option<&str>, allowed: &[&str]) -> Access {
        Access::of(&Arc::new(ServerSettings {
            listen: "127.0.0.1:3000".parse().unwrap(),
            token: token.map(SecretString::from),
            allowed_hosts: allowed.iter().map(|h| (*h).to_owned()).collect(),
            max_connections: 1,
        }))
    }

    fn ask(access: &Access, line: &str, headers: &[(&str, &str)]) -> u16 {
        ask_at(access, "127.0.0.1:3000", line, headers)
    }

    fn ask_at(access: &Access, local: &str, line: &str, headers: &[(&str, &str)]) -> u16 {
        let (method, uri) = line.split_once(' ').expect("METHOD URI");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let verdict = access.check(local.parse().unwrap(), &head);
        verdict.map_or_else(|fault| fault.status.as_u16(), |()| 200)
    }

    #[test]
    fn the_host_must_be_ours_on_every_route() {
        let access = access(None, &["arcanos.test"]);
        for (host, status) in [
            ("127.0.0.1:3000", 200),
            ("localhost", 200),
            ("[::1]:3000", 200),
            ("arcanos.test:80", 200),
            ("ARCANOS.TEST.", 200),
            ("evil.com", 403),
            ("arcanos.test.evil.com", 403),
            ("xarcanos.test", 403),
            ("0.0.0.0:3000", 403),
            ("10.0.0.1", 403),
            ("127.0.0.1@evil.com", 403),
        ] {
            for line in ["GET /health", "POST /reload", "GET /nosuch"] {
                assert_eq!(ask(&access, line, &[("host", host)]), status, "{line} at {host}");
            }
        }
        assert_eq!(ask(&access, "GET /", &[]), 400, "no host");
        let two = [("host", "localhost"), ("host", "evil.com")];
        assert_eq!(ask(&access, "GET /", &two), 400, "two hosts");
        let host = [("host", "localhost")];
        assert_eq!(ask(&access, "GET http://evil.com/", &host), 403, "the request line counts too");
    }

    #[test]
    fn the_address_that_the_connection_came_to_is_ours() {
        let access = access(None, &[]);
        let host = [("host", "192.168.1.5:3000")];
        assert_eq!(ask_at(&access, "192.168.1.5:3000", "GET /", &host), 200);
        assert_eq!(ask_at(&access, "[::ffff:192.168.1.5]:3000", "GET /", &host), 200);
        assert_eq!(ask_at(&access, "192.168.1.6:3000", "GET /", &host), 403);
    }

    #[test]
    fn a_page_of_another_site_gets_nothing() {
        let access = access(None, &["arcanos.test"]);
        for (origin, status) in [
            ("http://127.0.0.1:3000", 200),
            ("http://localhost:3000", 200),
            ("https://arcanos.test", 200),
            ("http://localhost:8080", 403),
            ("https://evil.example", 403),
            ("http://evil.example:3000", 403),
            ("http://127.0.0.1.evil.example:3000", 403),
            ("null", 403),
            ("chrome-extension://abc", 403),
        ] {
            for line in ["GET /workers", "POST /reload"] {
                let headers = [("host", "127.0.0.1:3000"), ("origin", origin)];
                assert_eq!(ask(&access, line, &headers), status, "{line} from {origin}");
            }
        }
        let mapped = [("host", "localhost:8080"), ("origin", "http://localhost:8080")];
        assert_eq!(ask(&access, "POST /reload", &mapped), 200, "a forwarded port is same-origin");
    }

    #[test]
    fn a_browser_says_when_another_site_asks() {
        let access = access(None, &[]);
        for (line, site, status) in [
            ("POST /reload", "cross-site", 403),
            ("POST /reload", "same-site", 403),
            ("POST /reload", "same-origin", 200),
            ("POST /reload", "none", 200),
            ("GET /workers", "cross-site", 200),
        ] {
            let headers = [("host", "localhost:3000"), ("sec-fetch-site", site)];
            assert_eq!(ask(&access, line, &headers), status, "{line} {site}");
        }
    }

    #[test]
    fn a_token_guards_all_but_health_and_page() {
        let access = access(Some("s3cret"), &[]);
        let with = |line: &str, value: Option<&str>| {
            let mut headers = vec![("host", "localhost")];
            headers.extend(value.map(|value| ("authorization", value)));
            ask(&access, line, &headers)
        };
        for line in ["GET /health", "HEAD /health", "GET /health/", "GET /", "GET /?x=1"] {
            assert_eq!(with(line, None), 200, "{line}");
        }
        for line in ["GET /workers", "POST /health", "GET /nosuch", "GET //", "GET /health/x"] {
            assert_eq!(with(line, None), 401, "{line}");
            assert_eq!(with(line, Some("Bearer s3cret")), 200, "{line}");
        }
        for (value, status) in [
            ("bearer s3cret", 200),
            ("Bearer  s3cret ", 200),
            ("Bearer ", 401),
            ("Bearer s3cre", 401),
            ("Bearer s3crets", 401),
            ("Bearer s3crets3cret", 401),
            ("Basic s3cret", 401),
            ("s3cret", 401),
        ] {
            assert_eq!(with("GET /workers", Some(value)), status, "{value:?}");
        }
        assert_eq!(with("GET /workers?token=s3cret", None), StatusCode::UNAUTHORIZED.as_u16());
    }

    proptest! {
        #[test]
        fn tokens_are_the_same_exactly_if_they_are_equal(a in "[ab]{0,4}", b in "[ab]{0,4}") {
            prop_assert_eq!(is_same(&SecretString::from(a.as_str()), &b), a == b);
        }
    }
}
