//! Security: who may ask, and for what.

use std::{io::Write, net::TcpStream, os::unix::fs::PermissionsExt, process::Command};

use crate::{
    http, procs,
    site::{Site, until},
};

/// Requests that must not come further than the door, each with the status it gets.
fn refused(site: &Site, method: &str, path: &str, headers: &str, status: u16) {
    let answer = http::ask(site.port(), method, path, headers, b"");
    assert_eq!(answer.status, status, "{method} {path} {headers:?}: {}", answer.body);
    assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
}

#[test]
fn s1_dns_rebinding_meets_a_closed_door() {
    let mut site = Site::new();
    site.set("server.allowed_hosts", "['box.example']");
    site.sh("w", "exec sleep 300");
    site.start();
    site.wait("w", "running");
    for host in [
        "evil.com",
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "evil.com:80",
        "127.0.0.1@evil.com",
        "localhost#.evil.com",
        "box.example.evil.com",
        "[::1].evil.com",
        "2130706433.evil.com",
    ] {
        for path in ["/health", "/workers", "/config", "/", "/no/such", "/metrics"] {
            let answer = http::ask(site.port(), "GET", path, &format!("Host: {host}\r\n"), b"");
            assert!(matches!(answer.status, 400 | 403), "{host} {path}: {}", answer.status);
            assert!(!answer.body.contains("running"), "{}", answer.body);
        }
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9", "box.example", "localhost."] {
        let answer = http::ask(site.port(), "GET", "/health", &format!("Host: {host}\r\n"), b"");
        assert_eq!(answer.status, 200, "{host}");
    }
    let two = "GET /workers HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n\
               Connection: close\r\n\r\n";
    let none = "GET /workers HTTP/1.1\r\nConnection: close\r\n\r\n";
    let absolute = "GET http://evil.com/workers HTTP/1.1\r\nHost: localhost\r\n\
                    Connection: close\r\n\r\n";
    for request in [two, none, absolute] {
        let answer = http::raw(site.port(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
}

#[test]
fn s2_other_sites_change_nothing() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    let before = site.wait("w", "running");
    let own = format!("Origin: http://127.0.0.1:{}\r\n", site.port());
    for headers in [
        "Origin: https://evil.com\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: http://127.0.0.1.evil.com\r\n".to_owned(),
        "Origin: http://localhost:1\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
        "Origin: https://evil.com\r\nContent-Type: text/plain\r\n".to_owned(),
        format!("{own}Origin: https://evil.com\r\n"),
    ] {
        for path in ["/workers/restart/w", "/workers/stop/w", "/workers/restart-all", "/reload"] {
            let answer = http::ask(site.port(), "POST", path, &headers, b"");
            assert!(matches!(answer.status, 400 | 403), "{headers} {path}: {}", answer.body);
        }
        refused(&site, "OPTIONS", "/workers/restart/w", "Origin: https://evil.com\r\n", 403);
    }
    // What reads never acts.
    for verb in ["restart", "stop", "start", "run"] {
        refused(&site, "GET", &format!("/workers/{verb}/w"), "", 405);
    }
    refused(&site, "GET", "/workers/restart-all", "", 405);
    refused(&site, "GET", "/reload", "", 405);
    assert_eq!(site.worker("w")["pid"], before["pid"]);
    let answer = http::ask(site.port(), "POST", "/workers/stop/w", &own, b"");
    assert_eq!(answer.status, 200, "our own pages may: {}", answer.body);
}

#[test]
fn s3_nothing_but_health_works_without_the_token() {
    let mut site = Site::new();
    site.set("server.token", "'a-token-of-many-characters'");
    site.sh("w", "exec sleep 300");
    site.start();
    let port = site.port();
    let with = |token: &str| format!("Authorization: {token}\r\n");
    let good = with("Bearer a-token-of-many-characters");
    for (method, path) in [
        ("GET", "/workers"),
        ("GET", "/workers/w"),
        ("GET", "/workers/status"),
        ("GET", "/workers/logs/w"),
        ("GET", "/config"),
        ("GET", "/discovery"),
        ("GET", "/events"),
        ("GET", "/metrics"),
        ("POST", "/workers/stop/w"),
        ("POST", "/workers/restart-all"),
        ("POST", "/reload"),
    ] {
        refused(&site, method, path, "", 401);
        for token in [
            "Bearer a-token-of-many-character",
            "Bearer a-token-of-many-charactersx",
            "Bearer ",
            "Basic YS10b2tlbi1vZi1tYW55LWNoYXJhY3RlcnM=",
            "a-token-of-many-characters",
        ] {
            refused(&site, method, path, &with(token), 401);
        }
        refused(&site, method, &format!("{path}?token=a-token-of-many-characters"), "", 401);
    }
    assert_eq!(http::ask(port, "GET", "/health", "", b"").status, 200);
    assert_eq!(http::ask(port, "GET", "/workers", &good, b"").status, 200);
}

#[test]
fn s3_beyond_loopback_arcanos_does_not_start_without_a_token() {
    let mut site = Site::new();
    site.set("server.listen", "'0.0.0.0:0'");
    site.sh("w", "touch started; exec sleep 300");
    site.launch();
    assert_eq!(site.ended().code(), Some(2), "{}", site.stderr());
    assert!(site.stderr().contains("token"), "{}", site.stderr());
    assert!(!site.path("started").exists());
}

#[test]
fn s3_a_token_file_that_others_may_read_is_refused_or_warned_of() {
    let mut site = Site::new();
    site.set("server.token_file", "'token'");
    site.write("token", "a-token-of-many-characters\n");
    std::fs::set_permissions(site.path("token"), std::fs::Permissions::from_mode(0o644)).unwrap();
    site.launch();
    until("the mode is spoken of", || {
        let said = site.stderr();
        (said.contains("token") && said.contains("chmod")).then_some(())
    });
}

#[test]
fn s4_a_request_names_no_program_path_environment_or_signal() {
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.start();
    let before = site.wait("w", "running");
    for path in [
        "/workers/exec/w",
        "/workers/kill/w",
        "/workers/start/..%2f..%2fbin%2fsh",
        "/workers/start/%2fbin%2fsh",
        "/workers/start/sh%20-c%20id",
        "/workers/restart/w;id",
        "/workers/start/new?command=sh&file=/bin/sh",
        "/RPC2",
    ] {
        let status = site.post(path).status;
        assert!(matches!(status, 400 | 404 | 405), "{path}: {status}");
    }
    let body = br#"{"command":["touch","owned"],"env":{"LD_PRELOAD":"x"},"signal":9,"cwd":"/"}"#;
    for path in ["/workers/restart/w?signal=9&command=touch+owned", "/reload?file=/etc/passwd"] {
        http::ask(site.port(), "POST", path, "Content-Type: application/json\r\n", body);
    }
    site.wait("w", "running");
    assert_eq!(site.worker("w")["file"], before["file"]);
    assert!(!site.path("owned").exists());
    assert_eq!(site.json("/workers")["workers"].as_array().unwrap().len(), 1);
}

#[test]
fn s5_the_state_directory_is_for_its_owner_alone() {
    let mut site = Site::new();
    std::fs::create_dir(site.path(".arcanos")).unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(site.path(".arcanos"), open).unwrap();
    site.start();
    let mode = |name: &str| site.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".arcanos"), 0o700);
    for entry in std::fs::read_dir(site.path(".arcanos")).unwrap() {
        let name = entry.unwrap().path();
        assert_eq!(name.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", name.display());
    }
}

#[test]
fn s5_a_state_directory_of_another_user_is_not_used() {
    if procs::lacks(&["root", "chown"]) {
        return;
    }
    let mut site = Site::new();
    std::fs::create_dir(site.path(".arcanos")).unwrap();
    Command::new("chown").arg("65534").arg(site.path(".arcanos")).status().unwrap();
    site.launch();
    assert_eq!(site.ended().code(), Some(1));
    assert!(site.stderr().contains("65534"), "{}", site.stderr());
}

#[test]
fn s6_what_workers_say_is_never_markup() {
    let mut site = Site::new();
    site.sh("w", "echo '<img src=x onerror=alert(1)></script><script>alert(2)</script>'; exit 0");
    site.start();
    site.wait("w", "completed");
    for path in ["/workers/logs/w", "/workers/w", "/events", "/config", "/no%3Cscript%3E"] {
        let mut stream = TcpStream::connect(("127.0.0.1", site.port())).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut head = [0; 1024];
        let count = std::io::Read::read(&mut stream, &mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
        assert!(!head.contains("text/html"), "{path}: {head}");
    }
    let page = http::ask(site.port(), "GET", "/", "Accept: text/html\r\n", b"");
    let head = page.head.to_lowercase();
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(!head.contains("unsafe-inline") && !head.contains("unsafe-eval"), "{head}");
    assert!(!page.body.contains("alert(2)"));
}
