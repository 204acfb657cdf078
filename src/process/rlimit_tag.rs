//! A tag in the resource limits of a run's processes, which no cleared environment takes off.
//!
//! Resource limits pass to every descendant, whatever it does to its environment, group, session
//! or user, and anyone may read them. `RLIMIT_RTTIME` bounds processes of real-time scheduling
//! only, in microseconds; its hard value names the instance here and its soft one the run, both
//! above a hundred thousand years. So nothing is limited, and everything is marked.

use super::proc;
use crate::domain::RunId;

/// The hard value's highest bits. Above the soft value's, which may not exceed it.
const HARD: u64 = 0x5 << 60;

/// The soft value's highest bits.
const SOFT: u64 = 0x4 << 60;

/// The bits that are free to name something.
const NAME: u64 = (1 << 60) - 1;

/// The tag that all processes of a run carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RlimitTag {
    /// The soft limit: which run.
    pub(super) soft: u64,
    /// The hard limit: of which instance.
    pub(super) hard: u64,
}

impl RlimitTag {
    /// The tag of a run; `None` where its name is not `INSTANCE-NUMBER`.
    pub(super) fn of(run: &RunId) -> Option<Self> {
        let (instance, number) = run.as_str().rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        Some(Self { soft: SOFT | (number & NAME), hard: Self::of_instance(instance) })
    }

    /// What all tags of an instance have in common.
    pub(super) fn of_instance(instance: &str) -> u64 {
        HARD | (hash(instance.as_bytes()) & NAME)
    }

    /// The tag that a process carries, if any.
    pub(super) fn read(pid: u32) -> Option<Self> {
        let (soft, hard) = proc::realtime_limit(pid)?;
        let is_tag = soft & !NAME == SOFT && hard & !NAME == HARD;
        is_tag.then_some(Self { soft, hard })
    }
}

/// FNV-1a: the next version of arcanos must come to the same number.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_instances_are_distinguished() {
        let rlimit_tag =
            |instance: &str, number| RlimitTag::of(&RunId::new(instance, number)).unwrap();
        assert_eq!(rlimit_tag("a", 1), rlimit_tag("a", 1));
        assert_ne!(rlimit_tag("a", 1), rlimit_tag("a", 2));
        assert_ne!(rlimit_tag("a", 1).hard, rlimit_tag("b", 1).hard);
        assert_eq!(rlimit_tag("a", 1).hard, RlimitTag::of_instance("a"));
        assert!(rlimit_tag("a", u64::MAX).soft < rlimit_tag("a", 0).hard);
    }

    #[test]
    fn we_carry_none() {
        assert_eq!(RlimitTag::read(std::process::id()), None);
    }
}
