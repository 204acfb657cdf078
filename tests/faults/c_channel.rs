//! 1C: what Node workers say on their channel, and what they do to it.

use std::{fs, process::Command, time::Duration};

use crate::{
    http::{self, Pulse},
    procs,
    site::{Site, until},
};

const ALIVE: &str = "setInterval(() => {}, 1e6);";

fn activity(site: &Site, id: &str) -> String {
    site.worker(id)["lastActivity"]["message"].to_string()
}

#[test]
fn c1_the_framing_is_that_of_the_node_at_hand() {
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            "process.send({{type: 'activity', message: 'line \\u2028 nul \\0 é 😀'}}); \
             process.on('message', m => process.send({{type: 'activity', message: 'got ' + \
             JSON.stringify(m)}})); {ALIVE}"
        ),
    );
    site.start();
    site.wait("w", "running");
    until("it is heard", || activity(&site, "w").contains("😀").then_some(()));
    let json = "Content-Type: application/json\r\n";
    let body = "{\"text\":\"a\\nb \\u2028 é\"}".as_bytes();
    assert_eq!(http::ask(site.port(), "POST", "/workers/run/w", json, body).status, 200);
    until("it has heard us", || activity(&site, "w").contains("got").then_some(()));
}

#[test]
fn c2_c3_a_worker_that_does_not_read_holds_nothing_up_and_gets_whole_frames() {
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            "let n = 0; process.on('message', m => {{ if (m.type === 'run') n += 1; \
             process.send({{type: 'activity', message: 'heard ' + n}}); }}); \
             process.send('ready'); {ALIVE}"
        ),
    );
    site.start();
    let pid = site.wait("w", "running")["pid"].as_u64().unwrap() as u32;
    procs::signal(pid, "STOP");
    let pulse = Pulse::start(site.port());
    let json = "Content-Type: application/json\r\n";
    let body = format!("{{\"filler\":\"{}\"}}", "f".repeat(30_000));
    let before = procs::rss(site.pid());
    for _ in 0..300 {
        let answer = http::ask(site.port(), "POST", "/workers/run/w", json, body.as_bytes());
        assert!(matches!(answer.status, 200 | 409 | 503), "{}", answer.body);
    }
    pulse.was_steady();
    until("what it does not read is dropped, and that is said", || {
        site.session().contains("does not read its channel").then_some(())
    });
    assert!(procs::rss(site.pid()) < before + 8, "nine megabytes are not kept");
    procs::signal(pid, "CONT");
    until("it reads again", || activity(&site, "w").contains("heard").then_some(()));
    assert_eq!(site.worker("w")["pid"], pid, "no frame was torn: Node would have died of it");
    assert_eq!(site.post("/workers/stop/w?wait=1").status, 200);
}

#[test]
fn c4_a_huge_message_and_garbage_are_skipped_and_counted() {
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            // The channel does not block: what does not fit is tried again.
            "const fs = require('fs'); const put = text => {{ let rest = Buffer.from(text); \
             while (rest.length) try {{ rest = rest.subarray(fs.writeSync(3, rest)); }} \
             catch (error) {{ if (error.code !== 'EAGAIN') throw error; }} }}; \
             process.send({{x: 'y'.repeat(100 << 20)}}, () => {{ \
             for (const junk of ['{{bad}}\\n', '\\n', '\\0\\xff\\n', \
             '['.repeat(200000) + '\\n', 'null\\n', '1e999\\n']) put(junk); \
             process.send({{type: 'activity', message: 'after'}}); }}); {ALIVE}"
        ),
    );
    site.start();
    site.wait("w", "running");
    let pulse = Pulse::start(site.port());
    let mut most = 0;
    until("what came after is heard", || {
        most = most.max(procs::rss(site.pid()));
        activity(&site, "w").contains("after").then_some(())
    });
    pulse.was_steady();
    assert!(most < 100, "{most} MiB");
    let worker = site.worker("w");
    assert_eq!(worker["starts"], 1);
    assert!(worker["log"]["dropped"].as_u64().unwrap() >= 1, "{worker}");
}

#[test]
fn c5_a_handle_does_not_stop_what_follows() {
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            "const server = require('net').createServer().listen(0, '127.0.0.1', () => {{ \
             process.send({{a: 1}}, server); process.send({{type: 'activity', message: 'later'}}); \
             }}); {ALIVE}"
        ),
    );
    site.start();
    until("what follows is heard", || {
        (site.get("/workers/w").status == 200 && activity(&site, "w").contains("later"))
            .then_some(())
    });
    let before = procs::descriptors(site.pid());
    site.post("/workers/stop/w?wait=1");
    assert!(procs::descriptors(site.pid()) <= before);
}

#[test]
fn c6_c7_a_flood_of_messages_is_bounded_and_its_last_word_heard() {
    let mut site = Site::new();
    site.js(
        "w",
        "for (let i = 0; i < 100000; i++) process.send({type: 'activity', message: 'm' + i}); \
         process.send({type: 'activity', message: 'last'}, () => process.exit(0))",
    );
    site.start();
    let pulse = Pulse::start(site.port());
    let mut most = 0;
    until("it has said all", || {
        most = most.max(procs::rss(site.pid()));
        (site.get("/workers/w").json()["state"] == "completed").then_some(())
    });
    pulse.was_steady();
    assert!(most < 100, "{most} MiB");
    assert!(activity(&site, "w").contains("last"), "{}", activity(&site, "w"));
}

#[test]
fn c8_a_worker_that_closes_its_channel_lives_on() {
    let mut site = Site::new();
    site.js("w", &format!("process.send('ready'); process.disconnect(); {ALIVE}"));
    site.set("start.ready", "'message'");
    site.start();
    site.wait("w", "running");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.worker("w")["state"], "running");
    assert_eq!(site.post("/workers/stop/w?wait=1").status, 200);
}

#[test]
fn c9_each_worker_has_its_own_descriptors_and_no_others() {
    let mut site = Site::new();
    for n in 0..20 {
        site.sh(&format!("s{n}"), "exec sleep 300");
    }
    site.js("n", ALIVE);
    site.start();
    site.wait("n", "running");
    for n in 0..20 {
        let pid = site.wait(&format!("s{n}"), "running")["pid"].as_u64().unwrap();
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut numbers: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        numbers.sort();
        assert_eq!(numbers, ["0", "1", "2"], "of s{n}");
    }
    let pid = site.worker("n")["pid"].as_u64().unwrap();
    let listed = Command::new("ls").arg("-l").arg(format!("/proc/{pid}/fd")).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let shared = listed.lines().filter(|line| line.contains(".arcanos") || line.contains(".log"));
    assert_eq!(shared.count(), 0, "{listed}");
}

#[test]
fn c10_nobody_is_greeted_before_it_speaks() {
    let mut site = Site::new();
    site.js(
        "w",
        &format!(
            "setTimeout(() => process.once('message', m => {{ console.log('GOT', m); \
             process.disconnect(); }}), 300); {ALIVE}"
        ),
    );
    site.start();
    site.wait("w", "running");
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(site.log("w"), "");
    site.post("/workers/stop/w?wait=1");
    assert!(!site.log("w").contains("GOT"), "a silent one gets the signal only");
}
