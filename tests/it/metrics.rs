//! `/metrics` under Prometheus's own programs: `promtool`, which knows how metrics are to be
//! written, and a Prometheus that scrapes them. Where they are not installed, nothing is
//! tested.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    site::{Connection, Setup, until},
    support::needs::lacks,
};

const STAYS: &str = "echo up; exec sleep 86400";

#[test]
fn promtool_finds_nothing_wrong_with_the_numbers() {
    if lacks(&["promtool"]) {
        return;
    }
    let site = Setup::new()
        .set("restart.max_attempts", "0")
        .worker("a.sh", STAYS)
        .worker("broken.sh", "exit 3")
        .worker("killed.sh", "kill -9 $$")
        .start();
    for (id, state) in [("a", "running"), ("broken", "failed"), ("killed", "failed")] {
        site.wait_state(id, state);
    }
    let numbers = site.request("GET", "/metrics", &[], "").text();
    for ways in [r#"code="3",signal="""#, r#"code="",signal="SIGKILL""#] {
        assert!(numbers.contains(ways), "{ways}\n{numbers}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(numbers.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(said.status.success() && words.is_empty(), "{words}\n{numbers}");
}

/// A Prometheus that looks every quarter of a second.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    log: std::path::PathBuf,
}

impl Prometheus {
    fn scraping(target: SocketAddr, token: &str, folder: &std::path::Path) -> Self {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("token"), token).unwrap();
        let config = format!(
            "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms }}\n\
             scrape_configs:\n\
             - job_name: arcanos\n  \
               authorization: {{ credentials_file: token }}\n  \
               static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        // It cannot say which port it was given.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let log = folder.join("log");
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, address, log }
    }

    /// The workers that this query finds, once they are as `good` says.
    fn wait_workers(&self, query: &str, good: impl Fn(&[String]) -> bool) -> Vec<String> {
        let ask = || {
            let mut connection = Connection::try_open(self.address)?;
            let path = format!("/api/v1/query?query={query}");
            let reply = connection.request("GET", &path, &[], "");
            let found = (reply.status == 200).then(|| reply.json())?;
            let series = found["data"]["result"].as_array()?;
            let worker = |one: &Value| one["metric"]["worker"].as_str().map(str::to_owned);
            let mut workers: Vec<String> = series.iter().filter_map(worker).collect();
            workers.sort();
            Some(workers).filter(|workers| good(workers))
        };
        until(&format!("{query} to be found"), ask, || fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_prometheus_scrapes_what_runs_and_what_is_gone_vanishes() {
    if lacks(&["prometheus"]) {
        return;
    }
    let token = "metrics-0123456789-abcdef";
    let site = Setup::new()
        .set("server.token", &format!("'{token}'"))
        .worker("a.sh", STAYS)
        .worker("b.sh", STAYS)
        .start();
    let folder = site.path("prometheus");
    let prometheus = Prometheus::scraping(site.address().unwrap(), token, &folder);
    prometheus.wait_workers("arcanos_worker_up==1", |workers| workers == ["a", "b"]);
    site.remove("workers/b.sh");
    prometheus.wait_workers("arcanos_worker_up", |workers| workers == ["a"]);
    let starts =
        prometheus.wait_workers("arcanos_worker_starts_total", |workers| !workers.is_empty());
    assert_eq!(starts, ["a"]);
}
