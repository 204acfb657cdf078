//! Whom a worker runs as: a user of the system, by name, with all of its groups.

use std::ffi::CString;

use nix::unistd::{User, getgrouplist};

use super::plan::Identity;

/// Looks a user up. May ask the network, where users live there.
///
/// `None` is the user that arcanos is anyway. The error says why it cannot be.
pub(super) fn look_up(name: &str) -> Result<Option<Identity>, String> {
    let user = User::from_name(name)
        .map_err(|errno| format!("the users cannot be looked up: {}", errno.desc()))?
        .ok_or_else(|| "there is no such user".to_owned())?;
    let me = rustix::process::geteuid();
    if !me.is_root() {
        if me.as_raw() == user.uid.as_raw() {
            return Ok(None);
        }
        return Err("only root may run a worker as another user".to_owned());
    }
    let name = CString::new(name).map_err(|_| "the name holds a NUL byte".to_owned())?;
    let groups = getgrouplist(&name, user.gid)
        .map_err(|errno| format!("its groups cannot be looked up: {}", errno.desc()))?;
    Ok(Some(Identity {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(|g| g.as_raw()).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_that_does_not_exist_is_named_as_such() {
        let error = look_up("no-such-user-here").expect_err("nobody has this name");
        assert_eq!(error, "there is no such user");
    }

    #[test]
    fn only_root_becomes_somebody_else() {
        let found = look_up("nobody");
        if rustix::process::geteuid().is_root() {
            let nobody = found.expect("a user").expect("another one than root");
            assert_ne!(nobody.uid, 0);
            assert!(!nobody.groups.contains(&0), "{nobody:?}");
        } else {
            assert!(found.is_err() || found == Ok(None));
        }
    }
}
