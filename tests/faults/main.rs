//! Every fault that arcanos survives, provoked for real: processes, signals, full disks, starved
//! limits, hostile clients. A test is named after the kind of the fault and its number there: `a`
//! process life, `b` output and logs, `c` the channel, `d` restarts and load, `e` arcanos itself,
//! `f` resources, `g` and `h` the folder and the config, `i` HTTP, `s` security.
//!
//! What a machine lacks (root, `strace`, `unshare`) leaves a test out, with a line that says so.
//! [`soak`] is the long one, which is only run when asked for.

#![expect(clippy::print_stdout, reason = "what a soak measured")]
#![expect(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod group;
mod http;
mod procs;
mod site;
mod soak;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod support;

mod a_process_life;
mod b_output;
mod c_channel;
mod d_restarts;
mod e_disks;
mod e_shutdown;
mod e_supervisor;
mod f_resources;
mod g_watching;
mod i_http;
mod s_callers;
mod s_files;
mod s_secrets;
mod s_supply;
