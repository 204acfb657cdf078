use axum::http::{Request, StatusCode};
use proptest::prelude::*;

use super::*;

fn access(token: Option<&str>, allowed: &[&str]) -> Access {
    Access::of(&Arc::new(ServerSettings {
        listen: "127.0.0.1:3000".parse().unwrap(),
        token: token.map(Secret::from),
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
    verdict.map_or_else(|api_error| api_error.status.as_u16(), |_| 200)
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
        ("POST /reload", "Cross-Site", 403),
        ("POST /reload", "same-site", 403),
        ("POST /reload", " SAME-SITE ", 403),
        ("POST /reload", "same-origin", 200),
        ("POST /reload", "none", 200),
        ("GET /workers", "cross-site", 200),
    ] {
        let headers = [("host", "localhost:3000"), ("sec-fetch-site", site)];
        assert_eq!(ask(&access, line, &headers), status, "{line} {site}");
    }
}

#[test]
fn without_a_token_only_this_machine_may_ask() {
    let access = access(None, &[]);
    let host = [("host", "192.0.2.1:3000")];
    assert_eq!(ask_at(&access, "192.0.2.1:3000", "GET /workers", &host), 401);
    assert_eq!(ask_at(&access, "192.0.2.1:3000", "GET /health", &host), 200);
    let host = [("host", "localhost")];
    assert_eq!(ask_at(&access, "[::ffff:127.0.0.1]:3000", "GET /workers", &host), 200);
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
        prop_assert_eq!(is_same(&Secret::from(a.as_str()), &b), a == b);
    }
}
