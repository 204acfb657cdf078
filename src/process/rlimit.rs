//! Resource limits: the descriptors of arcanos and its workers, and no core dumps.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that arcanos was started with.
static ORIGINAL: OnceLock<Rlimit> = OnceLock::new();

/// Raises our own soft limit of descriptors to the hard one, and remembers the old one for the
/// workers: programs that use `select` break on descriptors over 1024.
///
/// Returns the limit now in force; `None` if there is no limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    let original = original();
    let raised = Rlimit { current: original.maximum, maximum: original.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => original.maximum,
        Err(_) => original.current,
    }
}

/// Forbids core dumps of arcanos: they would hold every secret.
pub fn forbid_core_dumps() {
    // A lower limit is never refused.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Soft and hard limit of a worker's descriptors; `None` where ours are the ones to inherit.
pub(super) fn for_worker(wanted: Option<u64>) -> Option<(u64, u64)> {
    let original = original();
    let hard = original.maximum.unwrap_or(libc::RLIM_INFINITY);
    match wanted {
        Some(wanted) if rustix::process::geteuid().is_root() => Some((wanted, wanted)),
        Some(wanted) => Some((wanted.min(hard), wanted.min(hard))),
        None => Some((original.current.unwrap_or(libc::RLIM_INFINITY), hard)),
    }
}

fn original() -> Rlimit {
    *ORIGINAL.get_or_init(|| getrlimit(Resource::Nofile))
}
