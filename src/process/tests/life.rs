//! Spawning, ending, and what a child is given.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{
    Command, Done, Duration, Exit, Instant, Receiver, Spawner, command, finish, first_line,
    is_alive, pid, proc, run, sh, spawn, text, until, within,
};
use crate::process::{Leftover, SpawnError, boot_id, end_leftovers, start_time};

#[tokio::test]
async fn a_run_ends_by_code_or_by_signal() {
    for (script, expected) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("kill -SEGV $$", Exit::Signal(11)),
        ("kill -KILL $$", Exit::Signal(9)),
    ] {
        assert_eq!(run(sh(script)).await.exit, expected, "{script}");
    }
}

#[tokio::test]
async fn output_is_kept_to_its_last_byte() {
    let done = run(sh("echo out; echo err >&2; printf 'no newline'")).await;
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out\nno newline", "err\n"));
}

#[tokio::test]
async fn a_child_is_given_what_it_should_have_and_nothing_else() {
    let mut command =
        sh("ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> /\\1 /p' | grep -v /proc/
        ps -o pgid= -p $$ | tr -d ' '; echo $$; pwd; ulimit -c; umask
        cat /proc/self/oom_score_adj; grep -E 'Sig(Blk|Ign)' /proc/self/status; env | sort");
    command.env.push(("A".to_owned(), "old".to_owned()));
    command.env.push(("A".to_owned(), "new".to_owned()));
    command.cwd = "/usr".into();
    let mark = format!("ARCANOS_RUN_ID={}", command.run);
    let done = run(command).await;
    let lines: Vec<&str> = done.stdout.lines().collect();
    let has = |line: &str| assert!(lines.contains(&line), "{line} in {done:?}");
    has("0 /dev/null");
    has("/usr");
    has("A=new");
    has(&mark);
    has("SigBlk:\t0000000000000000");
    has("SigIgn:\t0000000000000000");
    // `ls` in a pipeline has a pipe for 1; 2 is the run's, and there are no more.
    let fds = lines.iter().filter(|line| line.contains("pipe:")).count();
    assert_eq!(fds, 2, "{done:?}");
    assert!(!lines.iter().any(|line| line.contains("socket:")), "{done:?}");
    let own = lines.iter().position(|line| *line == "/usr").expect("the folder");
    assert_eq!(lines[own - 1], lines[own - 2], "its own group: {done:?}");
    assert_eq!(lines[own + 1], "0", "no core dumps");
    let names = lines.iter().filter_map(|l| l.split_once('=')).map(|(n, _)| n);
    let names: Vec<&str> = names.filter(|n| !["PWD", "OLDPWD", "SHLVL", "_"].contains(n)).collect();
    assert_eq!(names, ["A", "ARCANOS_RUN_ID", "PATH"]);
}

#[tokio::test]
async fn many_children_at_once_share_no_descriptor() {
    let spawner = Spawner::start().expect("threads");
    let spawns = (0..30).map(|_| {
        let mut command = sh("for f in /proc/$$/fd/*; do readlink $f; done; exec cat /dev/null");
        command.ipc = true;
        let spawner = spawner.clone();
        tokio::spawn(async move { finish(spawn(&spawner, command).await).await })
    });
    let mut seen = std::collections::HashSet::new();
    for task in spawns.collect::<Vec<_>>() {
        let done: Done = within(task).await.expect("it ends");
        let lines = done.stdout.lines().filter(|l| l.contains("pipe:") || l.contains("socket:"));
        let mine: Vec<&str> = lines.collect();
        assert_eq!(mine.len(), 3, "{done:?}");
        assert!(mine.iter().all(|fd| seen.insert((*fd).to_owned())), "{done:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_spawned_says_why_with_the_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path.display().to_string()
    };
    let plain = file("plain", "no program\n", 0o644);
    let garbage = file("garbage", "\x00\x01\x02", 0o755);
    let orphan = file("orphan", "#!/no/such/interpreter\n", 0o755);
    let dir = folder.path().display().to_string();
    let mut homeless = sh("true");
    homeless.cwd = "/no/such/folder".into();
    let mut stranger = sh("true");
    stranger.user = Some("no-such-user-here".to_owned());
    let spawner = Spawner::start().expect("threads");
    for (command, expected) in [
        (command("/no/such/program", &[]), "`/no/such/program`"),
        (command("no-such-program", &[]), "`no-such-program` on the worker's PATH"),
        (command(&plain, &[]), "plain`: Permission denied"),
        (command(&garbage, &[]), "garbage`: it is neither"),
        (command(&orphan, &[]), "orphan`: its interpreter"),
        (command(&dir, &[]), "it is a folder"),
        (command("sh", &["a\0b"]), "NUL"),
        (homeless, "`/no/such/folder`: No such file"),
        (stranger, "`no-such-user-here`: there is no such user"),
    ] {
        let error = within(spawner.spawn(command)).await.err().expect(expected);
        assert!(error.to_string().contains(expected), "{error} has {expected}");
        assert!(!error.is_transient(), "{error}");
    }
    let missing = within(spawner.spawn(command("no-such-program", &[]))).await.err();
    assert_eq!(missing, Some(SpawnError::Missing { path: "no-such-program".to_owned() }));
}

#[tokio::test]
async fn a_stop_reaches_a_stopped_worker_and_its_whole_group() {
    let spawner = Spawner::start().expect("threads");
    let script = "trap 'wait; echo bye; exit 0' TERM; \
                  (trap 'echo child; exit' TERM; echo; while :; do sleep 0.01; done) & \
                  while :; do sleep 0.01; done";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    first_line(&mut stdout).await;
    spawned.process.signal_group(19);
    until("stopped", || spawned.process.is_stopped()).await;
    spawned.process.ask_to_stop(15);
    assert_eq!(within(spawned.process.exited()).await, Exit::Code(0));
    assert_eq!(first_line(&mut stdout).await, "child");
    assert_eq!(first_line(&mut stdout).await, "bye");
    // It is nobody's any more: nothing may be sent.
    spawned.process.kill();
    assert!(!spawned.process.is_stopped());
    assert_eq!(spawned.process.usage(), None);
}

#[tokio::test]
async fn everything_a_run_started_dies_with_it() {
    for script in [
        "sleep 300 & echo $!",
        "(trap '' TERM HUP; exec sleep 300) & echo $!",
        "setsid sh -c 'echo $$; exec sleep 300' & sleep 0.1",
        "(setsid sh -c '(sh -c \"echo \\$\\$; exec sleep 300\" &)' &); sleep 0.1",
        "env -i /bin/sleep 300 & echo $!",
        "setsid sh -c 'env -i /bin/sleep 300 & echo $!; sleep 300' & sleep 0.1",
    ] {
        let spawner = Spawner::start().expect("threads");
        let mut spawned = spawn(&spawner, sh(&format!("{script}; exit 5"))).await;
        let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
        let escapee = pid(&first_line(&mut stdout).await);
        assert_eq!(within(spawned.process.exited()).await, Exit::Code(5), "{script}");
        assert!(!is_alive(escapee), "{script}");
        assert_eq!(spawned.process.left_behind(), 0);
        until("the orphan to be reaped", || proc::stat(escapee).is_none()).await;
    }
}

#[tokio::test]
async fn an_exit_is_seen_though_pipes_stay_open_and_other_runs_are_left_alone() {
    let spawner = Spawner::start().expect("threads");
    let mut other = spawn(&spawner, sh("setsid sh -c 'echo $$; exec sleep 300' & sleep 300")).await;
    let mut stdout = Receiver::from_owned_fd(other.stdout).expect("a pipe");
    let stranger = pid(&first_line(&mut stdout).await);
    let start = Instant::now();
    let done = run(sh("setsid sleep 300 & exit 1")).await;
    assert_eq!(done.exit, Exit::Code(1));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(is_alive(stranger));
    other.process.kill();
    assert_eq!(within(other.process.exited()).await, Exit::Signal(9));
    assert!(!is_alive(stranger));
}

#[tokio::test]
async fn orphans_of_a_living_run_are_reaped() {
    let spawner = Spawner::start().expect("threads");
    let mut spawned =
        spawn(&spawner, sh("(sh -c 'echo $$; exec sleep 0.05' &); exec sleep 300")).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let orphan = pid(&first_line(&mut stdout).await);
    until("no zombie", || proc::stat(orphan).is_none()).await;
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

#[tokio::test]
async fn waiting_may_be_cancelled_and_a_dropped_run_dies() {
    let spawner = Spawner::start().expect("threads");
    let mut spawned = spawn(&spawner, sh("sleep 300 & echo $!; wait")).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    let child = pid(&first_line(&mut stdout).await);
    let leader = spawned.process.pid();
    for _ in 0..3 {
        let waiting = tokio::time::timeout(Duration::from_millis(1), spawned.process.exited());
        assert!(waiting.await.is_err());
    }
    drop(spawned.process);
    until("both to be gone", || [child, leader].iter().all(|p| proc::stat(*p).is_none())).await;
}

#[tokio::test]
async fn a_thousand_runs_that_end_together_leave_nothing() {
    let spawner = Spawner::start().expect("threads");
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let spawner = spawner.clone();
            tokio::spawn(async move {
                let mut spawned =
                    spawn(&spawner, sh("setsid sleep 300 & sleep 300 & exit 7")).await;
                (spawned.process.pid(), within(spawned.process.exited()).await)
            })
        })
        .collect();
    for task in tasks {
        let (leader, exit) = within(task).await.expect("it ends");
        assert_eq!(exit, Exit::Code(7));
        assert_eq!(proc::stat(leader), None);
    }
    let mark = format!("test{}-", std::process::id());
    let mine = |pid: &u32| proc::run_mark(*pid).is_some_and(|m| m.starts_with(&mark));
    let sleeping = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c == "sleep\x00300\0")
    };
    // Other tests run beside this one; theirs come and go.
    until("nothing of ours", || {
        !proc::adopted().unwrap_or_default().iter().any(|p| mine(p) && sleeping(p))
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_cannot_be_held_is_a_warning() {
    let mut limited = sh("ulimit -n; sleep 0.01");
    limited.limits.open_files = Some(77);
    limited.limits.memory = Some(64 << 20);
    let spawner = Spawner::start().expect("threads");
    let spawned = spawn(&spawner, limited).await;
    let is_limited = spawned.warnings.is_empty();
    let warned = spawned.warnings.iter().any(|w| w.contains("cgroup"));
    assert!(is_limited || warned, "{:?}", spawned.warnings);
    assert_eq!(finish(spawned).await.stdout, "77\n");
}

#[tokio::test]
async fn a_user_is_become_wholly() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut command = sh("id -u; id -g; id -G; grep NoNewPrivs /proc/self/status");
    command.user = Some("nobody".to_owned());
    let nobody = nix::unistd::User::from_name("nobody").expect("users").expect("nobody");
    let (uid, gid) = (nobody.uid, nobody.gid);
    let done = run(command).await;
    assert_eq!(done.stdout, format!("{uid}\n{gid}\n{gid}\nNoNewPrivs:\t1\n"));
}

#[tokio::test]
async fn usage_counts_the_whole_run() {
    let spawner = Spawner::start().expect("threads");
    let script =
        "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; exec sleep 300'; :";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    first_line(&mut stdout).await;
    let usage = spawned.process.usage().expect("it runs");
    assert!(usage.memory_bytes > 500 << 10, "{usage:?}");
    assert!(usage.cpu_seconds >= 0.01, "{usage:?}");
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

/// Plays an arcanos that is killed: spawns what the test asks for, and waits.
#[tokio::test]
#[ignore = "run by other tests as a process of its own"]
async fn doomed_supervisor() {
    let spawner = Spawner::start().expect("threads");
    let instance = std::env::var("DOOMED").expect("its instance");
    let mut command: Command =
        sh("setsid sleep 300 & echo $$ $! >$FILE.tmp; mv $FILE.tmp $FILE; exec sleep 300");
    command.run = crate::domain::RunId::new(&instance, 1);
    let file = std::env::var("FILE").expect("its file");
    command.env.push(("FILE".to_owned(), file));
    let mut spawned = spawn(&spawner, command).await;
    spawned.process.exited().await;
}

#[tokio::test]
async fn runs_die_with_arcanos_and_the_next_ends_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    let instance = format!("doomed{}", std::process::id());
    let me = std::env::current_exe().expect("this program");
    let mut supervisor = std::process::Command::new(me)
        .args(["process::tests::life::doomed_supervisor", "--exact", "--ignored"])
        .env("DOOMED", &instance)
        .env("FILE", &file)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    until("its run", || file.exists()).await;
    let pids = fs::read_to_string(&file).expect("the pids");
    let (leader, escapee) = pids.trim().split_once(' ').expect("two");
    let (leader, escapee) = (pid(leader), pid(escapee));
    until("the escapee to be itself", || proc::stat(escapee).is_some_and(|s| s.group == escapee))
        .await;
    supervisor.kill().expect("it dies");
    supervisor.wait().expect("it is dead");
    until("the leader to die with it", || !is_alive(leader)).await;
    assert!(is_alive(escapee));
    assert_eq!(end_leftovers("doomed", &[]), 0, "a prefix of the name is another instance");
    assert_eq!(end_leftovers(&instance, &[]), 1);
    assert!(!is_alive(escapee));
    assert_eq!(end_leftovers(&instance, &[]), 0);
}

#[tokio::test]
async fn a_record_ends_only_the_process_that_it_is_about() {
    let mut child = std::process::Command::new("sleep").arg("300").spawn().expect("it starts");
    let id = child.id();
    let record = |start_time: u64, boot_id: &str| Leftover {
        pid: id,
        start_time,
        boot_id: boot_id.to_owned(),
    };
    let (start, boot) = (start_time(id).expect("it runs"), boot_id().expect("a boot"));
    let strangers = [record(start + 1, &boot), record(start, "another boot")];
    assert_eq!(end_leftovers("no-instance", &strangers), 0);
    assert!(is_alive(id));
    assert_eq!(end_leftovers("no-instance", &[record(start, &boot)]), 1);
    assert!(!is_alive(id));
    child.wait().expect("it is dead");
}

#[tokio::test]
async fn a_spawn_costs_no_more_than_milliseconds() {
    let spawner = Spawner::start().expect("threads");
    let start = Instant::now();
    for _ in 0..50 {
        let mut spawned = spawn(&spawner, command("true", &[])).await;
        within(spawned.process.exited()).await;
        drop(text(spawned.stdout).await);
    }
    let each = start.elapsed() / 50;
    assert!(each < Duration::from_millis(100), "{each:?}");
}
