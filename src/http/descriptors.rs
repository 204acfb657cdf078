//! How many connections the limit of open descriptors allows.

use rustix::process::{Resource, getrlimit};

/// Connections that are allowed whatever the limit.
const LEAST: usize = 4;

/// At most `wanted` connections, and not more than one for every `per` descriptors that this
/// process may have: a server that takes all of them leaves none to the others and to the workers.
pub(crate) fn within_descriptors(wanted: usize, per: u64) -> usize {
    bounded(wanted, per, getrlimit(Resource::Nofile).current)
}

fn bounded(wanted: usize, per: u64, limit: Option<u64>) -> usize {
    let share =
        limit.map_or(usize::MAX, |limit| usize::try_from(limit / per).unwrap_or(usize::MAX));
    wanted.min(share.max(LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_allow_few_connections() {
        for (wanted, limit, expected) in [
            (512, Some(120), 30),
            (512, Some(1 << 20), 512),
            (512, None, 512),
            (512, Some(8), 4),
            (2, Some(8), 2),
        ] {
            assert_eq!(bounded(wanted, 4, limit), expected, "{wanted} of {limit:?}");
        }
    }
}
