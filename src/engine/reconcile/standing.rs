//! Whether the packages that specs are made with are there.

use crate::{engine::runtime::Preparation, plan::Installed};

/// What is known of the packages that the specs are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// The first preparation has not ended. Nothing has been launched that could be kept, so the
    /// specs are made as if the packages were there.
    #[default]
    Assumed,
    /// The first preparation failed, and workers were launched without the packages.
    Lacking,
    /// They are there, or there are none to install.
    There,
}

impl Standing {
    /// Follows a preparation of `wanted`. Returns the packages that specs are to be made with from
    /// now on, where that is not `now`.
    pub(super) fn follow(
        &mut self,
        preparation: Preparation,
        now: Option<&Installed>,
        wanted: Installed,
    ) -> Option<Installed> {
        match preparation {
            Preparation::UnderWay => self.assumed(now, wanted),
            Preparation::Failed => {
                let assumed = self.assumed(now, wanted);
                if *self == Self::Assumed {
                    *self = Self::Lacking;
                }
                assumed
            }
            Preparation::Done => {
                let before = std::mem::replace(self, Self::There);
                match now.filter(|now| now.is_by_same_lock(&wanted)) {
                    Some(_) if before == Self::Lacking => {
                        Some(Installed { is_late: true, ..wanted })
                    }
                    Some(_) => None,
                    None => Some(wanted),
                }
            }
        }
    }

    fn assumed(self, now: Option<&Installed>, wanted: Installed) -> Option<Installed> {
        (self == Self::Assumed && now.is_none()).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Fingerprint;

    fn by_lock(digest: u64) -> Installed {
        let digest = Fingerprint(digest.into());
        Installed { lock_file: "/site/package-lock.json".into(), digest, is_late: false }
    }

    /// The digest and lateness of the packages in force after each preparation.
    fn history(preparations: &[(Preparation, u64)]) -> Vec<(Fingerprint, bool)> {
        let mut standing = Standing::default();
        let mut now = None;
        let mut follow = |(preparation, digest): &(Preparation, u64)| {
            let next = standing.follow(*preparation, now.as_ref(), by_lock(*digest));
            now = next.or_else(|| now.take());
            let now = now.as_ref().expect("there are some from the first pass on");
            (now.digest, now.is_late)
        };
        preparations.iter().map(&mut follow).collect()
    }

    #[test]
    fn packages_that_come_after_workers_were_launched_without_them_are_others() {
        use Preparation::{Done, Failed, UnderWay};
        let seen = |states: &[(u64, bool)]| -> Vec<_> {
            states.iter().map(|(digest, late)| (Fingerprint((*digest).into()), *late)).collect()
        };
        // A usual start, and a look later.
        assert_eq!(
            history(&[(UnderWay, 1), (Done, 1), (Done, 1)]),
            seen(&[(1, false), (1, false), (1, false)])
        );
        // The first try fails, and a later one does not: once, and it stays so.
        assert_eq!(
            history(&[(UnderWay, 1), (Failed, 1), (UnderWay, 1), (Done, 1), (Done, 1)]),
            seen(&[(1, false), (1, false), (1, false), (1, true), (1, true)])
        );
        // A new lock file: what runs is kept until it is prepared, failures or not.
        assert_eq!(
            history(&[(UnderWay, 1), (Done, 1), (UnderWay, 2), (Failed, 2), (Done, 2)]),
            seen(&[(1, false), (1, false), (1, false), (1, false), (2, false)])
        );
        // The specs of a first lock file that comes while workers run: not before it is prepared.
        let mut standing = Standing::There;
        assert_eq!(standing.follow(UnderWay, None, by_lock(1)), None);
        assert_eq!(standing.follow(Failed, None, by_lock(1)), None);
        assert_eq!(standing.follow(Done, None, by_lock(1)), Some(by_lock(1)));
        // Modules that went while workers ran: the same packages, so nothing is replaced.
        assert_eq!(
            history(&[(Done, 1), (UnderWay, 1), (Failed, 1), (Done, 1)]),
            seen(&[(1, false), (1, false), (1, false), (1, false)])
        );
    }
}
