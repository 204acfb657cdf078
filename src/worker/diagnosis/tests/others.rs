//! Go, Java, Rust, Ruby, C++, .NET, PHP.

use super::{Case, Exit, ONE, check};

const CASES: &[Case] = &[
    (
        Exit::Code(2),
        "Can't locate Foo/Bar.pm in @INC (you may need to install the Foo::Bar module) at x.pl line \
         1.\nBEGIN failed--compilation aborted at x.pl line 1.",
        "Can't locate Foo/Bar.pm in @INC (you may need to install the Foo::Bar module) at x.pl line 1.",
    ),
    (
        Exit::Code(255),
        "syntax error at Lib.pm line 3, near \"}\"\nCompilation failed in require at x.pl line \
         1.\nBEGIN failed--compilation aborted at x.pl line 1.",
        "syntax error at Lib.pm line 3, near \"}\"",
    ),
    (
        Exit::Code(2),
        "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 \
         [running]:\nmain.main()\n\t/w/main.go:5 +0x1d\nexit status 2",
        "panic: runtime error: index out of range [3] with length 3",
    ),
    (
        Exit::Code(2),
        "panic: dial tcp 127.0.0.1:5432: connect: connection refused\n\ngoroutine 1 \
         [running]:\nmain.main()\n\t/w/main.go:5 +0x1d\nexit status 2",
        "127.0.0.1:5432 refused the connection: panic: dial tcp 127.0.0.1:5432: connect: connection \
         refused",
    ),
    (
        Exit::Code(2),
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan \
         receive]:\nmain.main()\n\t/w/main.go:5 +0x1d",
        "fatal error: all goroutines are asleep - deadlock!",
    ),
    (
        ONE,
        "2026/01/01 10:00:00 listen tcp :8080: bind: address already in use\nexit status 1",
        "port 8080 is in use: 2026/01/01 10:00:00 listen tcp :8080: bind: address already in use",
    ),
    (
        ONE,
        "2026/01/01 10:00:00 Get \"http://db.internal/\": dial tcp: lookup db.internal: no such \
         host\nexit status 1",
        "the name `db.internal` cannot be resolved: 2026/01/01 10:00:00 Get \"http://db.internal/\": \
         dial tcp: lookup db.internal: no such host",
    ),
    (
        ONE,
        "# command-line-arguments\n./main.go:4:2: undefined: foo\n./main.go:5:2: undefined: bar",
        "./main.go:4:2: undefined: foo",
    ),
    (
        ONE,
        "Exception in thread \"main\" java.lang.IllegalStateException: boom\n\tat A.main(A.java:1)\nCaused \
         by: java.net.ConnectException: Connection refused\n\tat \
         java.base/sun.nio.ch.Net.connect0(Native Method)\n\t... 12 more",
        "a server it needs refused the connection: Exception in thread \"main\" \
         java.lang.IllegalStateException: boom; caused by: java.net.ConnectException: Connection refused",
    ),
    (
        ONE,
        "Exception in thread \"main\" java.lang.NullPointerException: Cannot invoke \
         \"String.length()\"\n\tat A.main(A.java:1)",
        "Exception in thread \"main\" java.lang.NullPointerException: Cannot invoke \"String.length()\"",
    ),
    (
        ONE,
        "Error: Could not find or load main class A\nCaused by: java.lang.ClassNotFoundException: A",
        "Error: Could not find or load main class A; caused by: java.lang.ClassNotFoundException: A",
    ),
    (
        Exit::Code(101),
        "\nthread 'main' panicked at src/main.rs:2:5:\nboom here\nnote: run with `RUST_BACKTRACE=1` \
         environment variable to display a backtrace",
        "thread 'main' panicked at src/main.rs:2:5: boom here",
    ),
    (
        Exit::Code(101),
        "\nthread 'main' (25265) panicked at rs/a.rs:1:87:\nboom here\nstack backtrace:\n   0: \
         std::panicking::begin_panic::<&str>\n             at /rustc/5980/library/std/src/panicking.rs:761:5\n   \
         1: a::main\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose \
         backtrace.",
        "thread 'main' (25265) panicked at rs/a.rs:1:87: boom here",
    ),
    (
        Exit::Code(101),
        "thread 'main' panicked at 'boom', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1`",
        "thread 'main' panicked at 'boom', src/main.rs:2:5",
    ),
    (
        ONE,
        "Error: ParseIntError { kind: InvalidDigit }",
        "Error: ParseIntError { kind: InvalidDigit }",
    ),
    (
        ONE,
        "Error: failed to read the config\n\nCaused by:\n    0: cannot open x.toml\n    1: No such file or \
         directory (os error 2)",
        "Error: failed to read the config; caused by: No such file or directory (os error 2)",
    ),
    (
        ONE,
        "a.rb:3:in `run': no more (RuntimeError)\n\tfrom a.rb:5:in `<main>'",
        "a.rb:3:in `run': no more (RuntimeError)",
    ),
    (
        ONE,
        "a.rb:3:in 'Object#run': no more (RuntimeError)\n\tfrom a.rb:5:in '<main>'",
        "a.rb:3:in 'Object#run': no more (RuntimeError)",
    ),
    (
        ONE,
        "<internal:/usr/lib/ruby/rubygems.rb>:85:in `require': cannot load such file -- openai \
         (LoadError)\n\tfrom a.rb:1:in `<main>'",
        "the library `openai` is missing (install its gem): \
         <internal:/usr/lib/ruby/rubygems.rb>:85:in `require': cannot load such file -- openai \
         (LoadError)",
    ),
    (
        ONE,
        "a.rb:1:in `fetch': key not found: \"BOT_TOKEN\" (KeyError)\n\tfrom a.rb:1:in `<main>'",
        "a.rb:1:in `fetch': key not found: \"BOT_TOKEN\" (KeyError)",
    ),
    (
        Exit::Signal(6),
        "terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom",
        "it aborted: terminate called after throwing an instance of 'std::runtime_error' what():  boom",
    ),
    (
        Exit::Signal(6),
        "Unhandled exception. System.InvalidOperationException: boom\n   at Program.Main() in /w/a.cs:line 3",
        "it aborted: Unhandled exception. System.InvalidOperationException: boom",
    ),
    (
        Exit::Code(255),
        "PHP Fatal error:  Uncaught Exception: boom in /w/a.php:3\nStack trace:\n#0 {main}\n  thrown in \
         /w/a.php on line 3",
        "PHP Fatal error:  Uncaught Exception: boom in /w/a.php:3",
    ),
];

#[test]
fn other_languages() {
    check(CASES);
}
