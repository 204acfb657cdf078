//! The system user that a worker runs as, with all of its groups.

use std::{ffi::CString, io};

use rustix::io::Errno;

use super::{plan::Identity, sys};

/// Looks a user up by name. May ask the network, where the users are on a server.
///
/// `None` means that arcanos runs as this user already. The error says why a worker cannot run as
/// this user.
pub(super) fn look_up(name: &str) -> Result<Option<Identity>, String> {
    let c_name = CString::new(name).map_err(|_| "the name holds a NUL byte".to_owned())?;
    let user = sys::user_by_name(&c_name)
        .map_err(|errno| format!("the users cannot be looked up: {}", words(errno)))?
        .ok_or_else(|| "there is no such user".to_owned())?;
    let me = rustix::process::geteuid();
    if !me.is_root() {
        if me.as_raw() == user.uid {
            return Ok(None);
        }
        return Err("only root may run a worker as another user".to_owned());
    }
    let groups = sys::groups_of(&c_name, user.gid)
        .map_err(|errno| format!("its groups cannot be looked up: {}", words(errno)))?;
    Ok(Some(Identity { uid: user.uid, gid: user.gid, groups }))
}

/// The system's text for an error.
fn words(errno: Errno) -> String {
    io::Error::from(errno).to_string()
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
