//! 1E: disks that hang: what arcanos promises holds whether they answer or not.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    e_shutdown::DEAF,
    http, procs,
    site::{A_SECOND, SLACK, Site, until},
};

/// Mounts a file system that answers nothing after its first message.
const HANG: &str = r#"
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, 9, 0, 0, 0)
fuse = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % fuse
if libc.mount(b"hang", os.fsencode(sys.argv[1]), b"fuse", 0, options):
    sys.exit(os.strerror(ctypes.get_errno()))
_, _, unique = struct.unpack_from("<IIQ", os.read(fuse, 1 << 17))
body = struct.pack("<IIIIHHII", 7, 31, 65536, 0, 12, 9, 65536, 1) + bytes(32)
os.write(fuse, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
print("it hangs", flush=True)
time.sleep(300)
"#;

/// A folder on a disk that hangs, until this is dropped.
struct Hung {
    folder: PathBuf,
    disk: Child,
}

impl Hung {
    fn new(folder: &Path) -> Self {
        let mut disk = Command::new("python3")
            .args(["-c", HANG])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(disk.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "it hangs\n");
        Self { folder: folder.to_owned(), disk }
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        // First, so that the kernel gives up whatever waits for an answer.
        let _ = self.disk.kill();
        let _ = self.disk.wait();
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn lacks_fuse() -> bool {
    if procs::lacks(&["root", "python3", "umount"]) {
        return true;
    }
    let has_fuse = std::fs::File::open("/dev/fuse").is_ok();
    if !has_fuse {
        procs::leave_out("this machine lacks FUSE");
    }
    !has_fuse
}

/// Writes `asked` when it is asked to end.
const POLITE: &str = "trap 'touch asked; exit 0' TERM; touch up; while :; do sleep 0.05; done";

fn polite() -> Site {
    let mut site = Site::new();
    site.set("stop.timeout", "'1s'").sh("polite", POLITE);
    site.start();
    site.wait("polite", "running");
    until("its trap is set", || site.path("up").exists().then_some(()));
    site
}

fn await_problem(site: &Site) {
    until("the disk that hangs is a problem", || {
        site.json("/health")["problems"].to_string().contains("has not answered").then_some(())
    });
}

fn ends_in_time(site: &mut Site, what: &str) {
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0), "{what}: {}", site.stderr());
    assert!(took < Duration::from_secs(1) + A_SECOND, "{what}: {took:?}");
    assert!(site.path("asked").exists(), "{what}: the worker was not asked to end");
}

#[test]
fn e14_a_folder_of_workers_that_hangs_does_not_hold_the_end_up() {
    if lacks_fuse() {
        return;
    }
    for what in ["an edit", "SIGHUP", "a reload"] {
        let mut site = polite();
        let hung = Hung::new(&site.path("workers"));
        let port = site.port();
        match what {
            "an edit" => {
                site.set("restart.delay", "'300ms'");
                site.write_config();
            }
            "SIGHUP" => site.signal("HUP"),
            _ => drop(thread::spawn(move || http::try_ask(port, "POST", "/reload", "", b""))),
        }
        await_problem(&site);
        assert_eq!(site.worker("polite")["state"], "running");
        ends_in_time(&mut site, what);
        drop(hung);
        site.is_empty();
    }
}

#[test]
fn e14_a_second_signal_ends_all_though_a_disk_hangs() {
    if lacks_fuse() {
        return;
    }
    let mut site = Site::new();
    site.set("stop.timeout", "'1m'").sh("deaf", DEAF);
    site.start();
    site.wait("deaf", "running");
    let _hung = Hung::new(&site.path("workers"));
    site.signal("HUP");
    await_problem(&site);
    site.signal("TERM");
    until("it is stopping", || (site.worker("deaf")["state"] == "stopping").then_some(()));
    let start = Instant::now();
    assert_eq!(site.insist("TERM").code(), Some(143));
    assert!(start.elapsed() < Duration::from_secs(2) + SLACK, "{:?}", start.elapsed());
    site.await_silence();
}

#[test]
fn e14_a_disk_that_answers_again_is_followed_again() {
    if lacks_fuse() {
        return;
    }
    let mut site = polite();
    let hung = Hung::new(&site.path("workers"));
    site.signal("HUP");
    await_problem(&site);
    drop(hung);
    until("the problem is gone", || (site.json("/health")["status"] == "OK").then_some(()));
    site.sh("later", "exec sleep 300");
    site.wait("later", "running");
    assert_eq!(site.worker("polite")["state"], "running");
    site.stop();
}

#[test]
fn e14_a_state_directory_that_hangs_does_not_hold_the_end_up() {
    if lacks_fuse() {
        return;
    }
    let mut site = polite();
    let _port = site.port();
    let _hung = Hung::new(&site.path(".arcanos"));
    ends_in_time(&mut site, "the state directory");
}

#[test]
fn e14_a_start_that_waits_for_a_disk_can_be_ended() {
    if lacks_fuse() {
        return;
    }
    let mut site = Site::new();
    let _hung = Hung::new(&site.path("workers"));
    site.start();
    await_problem(&site);
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0), "{}", site.stderr());
    assert!(took < A_SECOND, "{took:?}");
}

#[test]
fn e15_a_full_state_directory_keeps_no_worker_from_running() {
    if procs::lacks(&["root", "mount"]) {
        return;
    }
    let mut site = Site::new();
    site.sh("w", "exec sleep 300");
    site.mount_tmpfs(".arcanos", "size=64k,mode=0700");
    let fill = site.path(".arcanos/fill");
    let mut file = std::fs::File::create(&fill).unwrap();
    while std::io::Write::write_all(&mut file, &[b'x'; 4096]).is_ok() {}
    let port = free_port();
    site.set("server.listen", &format!("'127.0.0.1:{port}'"));
    site.launch();
    let health = until("the full disk is a problem", || {
        let health = http::try_get(port, "/health")?.text();
        (health.contains("state.directory") && health.contains("No space")).then_some(health)
    });
    assert!(health.contains("degraded"), "{health}");
    until("it runs", || {
        http::try_get(port, "/workers/w")?.text().contains("running").then_some(())
    });
    // An open file keeps its space.
    drop(file);
    std::fs::remove_file(&fill).unwrap();
    until("it is written down", || (site.address()?.port() == port).then_some(()));
    until("the problem is gone", || (site.json("/health")["status"] == "OK").then_some(()));
    site.stop();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn e16_a_launch_on_a_disk_that_hangs_holds_nobody_up_and_a_stop_gives_it_up() {
    if lacks_fuse() {
        return;
    }
    let mut site = Site::new();
    std::fs::create_dir(site.path("deaf")).unwrap();
    let hung = Hung::new(&site.path("deaf"));
    site.table(
        "[workers.late]\ncwd = 'deaf'\nstart = { timeout = '1s' }\nrestart = { delay = '5s' }",
    );
    site.table("[workers.stopped]\ncwd = 'deaf'\nstart = { timeout = '10m' }");
    for name in ["late", "stopped", "good"] {
        site.sh(name, "exec sleep 300");
    }
    site.start();
    site.wait("good", "running");
    let late = site.wait("late", "backoff");
    assert!(late["lastExit"]["reason"].to_string().contains("does not answer"), "{late}");
    assert!(site.json("/health")["problems"].to_string().contains("late"), "{late}");
    assert_eq!(site.worker("stopped")["state"], "starting");
    site.post("/workers/stop/stopped");
    site.wait("stopped", "stopped");
    site.post("/workers/start/stopped");
    site.wait("stopped", "starting");
    let (status, took) = site.stop();
    assert_eq!(status.code(), Some(0), "{}", site.stderr());
    assert!(took < Duration::from_secs(1) + A_SECOND, "{took:?}");
    drop(hung);
}
