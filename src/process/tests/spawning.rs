//! Spawning, and what a child is given.

use std::{fs, os::unix::fs::PermissionsExt};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use super::{
    Done, Duration, Exit, Instant, Receiver, Spawner, command, finish, first_line, run, sh, spawn,
    text, within,
};
use crate::domain::Stdin;
use crate::process::{
    SpawnError,
    plan::{Step, StepFailure},
    raise_descriptor_limit, sys, usage,
};

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
async fn only_who_may_gets_new_privileges() {
    let own = fs::read_to_string("/proc/self/status").expect("our own status");
    let own = own.lines().find(|line| line.starts_with("NoNewPrivs")).expect("a line");
    for (new_privileges, expected) in [(false, "NoNewPrivs:\t1"), (true, own)] {
        let mut command = sh("grep NoNewPrivs /proc/self/status");
        command.new_privileges = new_privileges;
        assert_eq!(run(command).await.stdout.trim_end(), expected);
    }
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
async fn an_open_stdin_is_empty_and_ends_only_when_it_is_let_go() {
    let spawner = Spawner::start().expect("threads");
    let mut command = sh("exec cat");
    command.stdin = Stdin::Open;
    let mut reader = spawn(&spawner, command.clone()).await;
    // A run that began later holds no end of it either, nor does the reader itself.
    let _other = spawn(&spawner, command).await;
    let early = tokio::time::timeout(Duration::from_millis(200), reader.process.exited()).await;
    assert!(early.is_err(), "{early:?}");
    drop(reader.stdin);
    assert_eq!(within(reader.process.exited()).await, Exit::Code(0));
    assert_eq!(text(reader.stdout).await, "");
}

#[tokio::test]
async fn a_limit_that_cannot_be_held_is_a_warning() {
    let mut limited = sh("ulimit -n; sleep 0.01");
    limited.limits.open_files = Some(77);
    limited.limits.cpu = Some(0.5);
    let spawner = Spawner::start().expect("threads");
    let spawned = spawn(&spawner, limited).await;
    let is_limited = spawned.warnings.is_empty();
    let warned = spawned.warnings.iter().any(|w| w.contains("cgroup"));
    assert!(is_limited || warned, "{:?}", spawned.warnings);
    assert_eq!(finish(spawned).await.stdout, "77\n");
}

#[tokio::test]
async fn memory_that_no_cgroup_limits_is_added_up_over_all_that_the_run_started() {
    // In the group, out of it, and an orphan out of it; `head` keeps the bytes of its one line.
    for wrap in ["", "setsid ", "(setsid setsid -f "] {
        let close = if wrap.starts_with('(') { ")" } else { "" };
        let script = format!(
            "{wrap}sh -c 'x=$(head -c 30000000 /dev/zero | tr \"\\0\" a); echo; sleep 300' {close} \
             & exec sleep 300"
        );
        let mut command = sh(&script);
        command.limits.memory = Some(1 << 30);
        let spawner = Spawner::start().expect("threads");
        let mut spawned = spawn(&spawner, command).await;
        assert!(spawned.warnings.is_empty(), "{:?}", spawned.warnings);
        let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
        first_line(&mut stdout).await;
        // Where there is a cgroup v2 to be written to, the kernel holds the limit.
        if let Some(watch) = &spawned.memory {
            let used = watch.resident();
            assert!((30_000_000..300_000_000).contains(&used), "{wrap}: {used}");
        }
        spawned.process.kill();
        within(spawned.process.exited()).await;
    }
}

#[tokio::test]
async fn output_pipes_hold_what_the_system_grants_without_privilege() {
    let granted = fs::read_to_string("/proc/sys/fs/pipe-max-size").expect("the limit");
    let granted: usize = granted.trim().parse().expect("a number");
    if granted < 1 << 20 {
        return;
    }
    let spawner = Spawner::start().expect("threads");
    let mut spawned = spawn(&spawner, sh("exec sleep 300")).await;
    for pipe in [&spawned.stdout, &spawned.stderr] {
        assert_eq!(rustix::pipe::fcntl_getpipe_size(pipe), Ok(1 << 20));
    }
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

#[tokio::test]
async fn a_user_is_become_wholly() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut command = sh("id -u; id -g; id -G; grep NoNewPrivs /proc/self/status");
    command.user = Some("nobody".to_owned());
    let nobody = sys::user_by_name(c"nobody").expect("users").expect("nobody");
    let (uid, gid) = (nobody.uid, nobody.gid);
    let done = run(command).await;
    assert_eq!(done.stdout, format!("{uid}\n{gid}\n{gid}\nNoNewPrivs:\t1\n"));
}

#[tokio::test]
async fn a_user_can_open_its_output_anew() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut command = sh("echo out > /dev/stdout; echo err > /dev/stderr");
    command.user = Some("nobody".to_owned());
    let done = run(command).await;
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out\n", "err\n"));
}

#[tokio::test]
async fn usage_counts_the_whole_run() {
    let spawner = Spawner::start().expect("threads");
    // Works until the kernel has counted three ticks of it, however fast the machine is.
    let script = "sh -c '\
        t=0; s=0; \
        while [ $((t + s)) -lt 3 ]; do \
            read -r _ _ _ _ _ _ _ _ _ _ _ _ _ t s _ < /proc/$$/stat; \
        done; \
        echo; exec sleep 300'; :";
    let mut spawned = spawn(&spawner, sh(script)).await;
    let mut stdout = Receiver::from_owned_fd(spawned.stdout).expect("a pipe");
    first_line(&mut stdout).await;
    let usage = usage(spawned.process.pid()).expect("it runs");
    assert!(usage.memory_bytes > 500 << 10, "{usage:?}");
    assert!(usage.cpu_seconds >= 0.01, "{usage:?}");
    spawned.process.kill();
    within(spawned.process.exited()).await;
}

/// Plays an arcanos that is killed: spawns what the test asks for, and waits.
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

#[test]
fn what_the_machine_refuses_for_the_moment_names_the_program() {
    let failure = StepFailure { step: Step::Clone, errno: Errno::AGAIN };
    let error = SpawnError::in_child(failure, &sh("true"), "/bin/sh");
    assert!(error.is_transient());
    assert!(error.to_string().starts_with("make a process for `/bin/sh`: "), "{error}");
}

#[test]
fn what_a_user_may_not_do_names_the_user() {
    let mut command = sh("true");
    command.user = Some("nobody".to_owned());
    let failure = StepFailure { step: Step::Exec, errno: Errno::ACCESS };
    let error = SpawnError::in_child(failure, &command, "/root/bin/node");
    let said = error.to_string();
    assert!(
        said.starts_with("execute `/root/bin/node` as user nobody: Permission denied"),
        "{said}"
    );
    assert!(!error.is_transient());
}

/// Plays an arcanos that is short of descriptors: a process of its own, as the limit is too.
#[tokio::test]
#[ignore = "run by another test as a process of its own"]
async fn starved_supervisor() {
    let limit = |soft: u64| {
        let hard = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(soft), maximum: hard };
        setrlimit(Resource::Nofile, limit).expect("a lower limit");
    };
    limit(123);
    let raised = raise_descriptor_limit();
    assert!(raised.is_none_or(|raised| raised > 123));
    let spawner = Spawner::start().expect("threads");
    let open = fs::read_dir("/proc/self/fd").expect("descriptors").count() as u64;
    limit(open + 1);
    let error = within(spawner.spawn(sh("true"))).await.err();
    assert!(error.is_some_and(|error| error.is_transient()));
    limit(raised.unwrap_or(1024));
    let spawned = within(spawner.spawn(sh("ulimit -n"))).await.expect("it spawns");
    assert_eq!(finish(spawned).await.stdout, "123\n", "what arcanos was started with");
}

#[tokio::test]
async fn a_shortage_of_descriptors_passes_and_workers_get_the_old_limit() {
    let me = std::env::current_exe().expect("this program");
    let test = "process::tests::spawning::starved_supervisor";
    let mut supervisor = std::process::Command::new(me);
    supervisor.args([test, "--exact", "--ignored"]);
    let output = supervisor.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
