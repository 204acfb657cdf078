//! What `/proc` says, and what the machine lacks.

pub(crate) use crate::support::{
    needs::{lacks, leave_out},
    processes::{
        cpu, descriptors, is_alive, rss, rss_kib, signal, state, status, threads, try_signal,
        zombies_of,
    },
};
