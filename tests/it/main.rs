//! The integration tests: a real `arcanos` on real files with real processes, seen from outside.
//!
//! Each test has a [`site::Site`] of its own, a temporary folder in which an arcanos runs, and waits
//! for states instead of sleeping. A module holds one behaviour. They run side by side.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod address;
mod channel;
mod cli;
mod disk_faults;
mod governor;
mod imports;
mod launch;
mod layers;
mod life;
mod live;
mod logs;
mod metrics;
mod model;
mod npm;
mod order;
mod plan;
mod prepare;
mod readme;
mod ready;
mod reload;
mod routes;
mod saves;
mod schedule;
mod shipped;
mod site;
mod six_workers;
mod streams;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod support;
mod systemd;
mod tasks;
mod watch;
