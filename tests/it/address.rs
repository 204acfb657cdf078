//! The status server moves to another address while arcanos runs.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::Value;

use crate::site::{Connection, Picture, Setup, Site, until};

/// A site with a worker that runs.
fn site() -> (Site, Picture) {
    let site = Setup::new().worker("a.sh", "exec sleep 86400").start();
    let picture = site.wait_running(&["a"]);
    (site, picture)
}

#[test]
fn a_new_address_is_bound_before_the_old_one_is_let_go() {
    let (mut site, before) = site();
    let old = site.address().unwrap();
    let mut open = site.connect();
    assert_eq!(open.request("GET", "/health", &[], "").status, 200);
    site.set("server.listen", "'127.0.0.2:0'");
    let new =
        site.wait_until("a new address", |site| site.address().filter(|address| *address != old));
    assert_eq!(new.ip().to_string(), "127.0.0.2");
    assert_eq!(site.get("/health")["status"], "OK");
    let gone = || TcpStream::connect(old).err();
    site.wait_until("the old address to be let go", |_| gone());
    site.assert_same_runs(&before);
}

#[test]
fn an_address_moves_under_load_without_a_refused_request() {
    let (mut site, _) = site();
    let record = site.path(".arcanos/instance.json");
    let address_of = |record: &Path| -> Option<SocketAddr> {
        let value: Value = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
        value["address"].as_str()?.parse().ok()
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                let before = address_of(&record).unwrap();
                match Connection::try_open(before) {
                    Some(mut connection) => {
                        assert_eq!(connection.request("GET", "/health", &[], "").status, 200);
                        asked += 1;
                    }
                    // It moved between the look at the record and the try.
                    None => until(
                        "the record to tell",
                        || (address_of(&record)? != before).then_some(()),
                        String::new,
                    ),
                }
            }
            asked
        });
        for n in 2..6 {
            site.set("server.listen", &format!("'127.0.0.{n}:0'"));
            let ip = format!("127.0.0.{n}");
            site.wait_until("the new address", |site| {
                site.address().filter(|a| a.ip().to_string() == ip)
            });
        }
        done.store(true, Ordering::Relaxed);
        assert!(asker.join().unwrap() > 0);
    });
}

#[test]
fn a_busy_address_leaves_the_old_one_and_the_rest_is_applied() {
    let (mut site, before) = site();
    let old = site.address().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap();
    site.set_all(&[("server.listen", &format!("'{busy}'")), ("restart.max_attempts", "7")]);
    let health =
        site.wait_health("the busy address to show", |health| health["status"] == "degraded");
    assert!(health["problems"].to_string().contains(&busy.to_string()), "{health}");
    assert_eq!(site.address(), Some(old));
    site.wait("the rest to hold", |picture| picture.worker("a").at("/maxAttempts") == 7);
    site.assert_same_runs(&before);
    site.set("server.listen", "'127.0.0.3:0'");
    site.wait_until("the good address", |site| site.address().filter(|a| *a != old));
    site.wait_health("nothing to be wrong", |health| health["status"] == "OK");
}
