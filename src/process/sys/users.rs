//! The user database: a user's ids and groups, by name.
//!
//! glibc answers through NSS, which may read `/etc/passwd` or ask a directory server.

use std::{
    ffi::{CStr, c_int},
    mem::MaybeUninit,
    ptr,
};

use rustix::io::Errno;

/// The first size of the buffer for the texts of an entry, in bytes: what glibc proposes
/// (`_SC_GETPW_R_SIZE_MAX`).
const FIRST_BUFFER: usize = 1024;

/// The largest buffer that is tried, in bytes. No entry is near it.
const LARGEST_BUFFER: usize = 1 << 20;

/// The groups that there is room for at first.
const FIRST_GROUPS: usize = 32;

/// The most groups of one user: the kernel takes no more (`NGROUPS_MAX`).
const MOST_GROUPS: usize = 1 << 16;

/// The ids of a user of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) struct UserIds {
    pub(in crate::process) uid: u32,
    /// Its primary group.
    pub(in crate::process) gid: u32,
}

/// Looks a user up by name; `None` if there is no such user. May ask the network.
pub(in crate::process) fn user_by_name(name: &CStr) -> Result<Option<UserIds>, Errno> {
    let mut buffer = vec![0; FIRST_BUFFER];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found: *mut libc::passwd = ptr::null_mut();
        // SAFETY: the name ends with NUL; `entry`, `found` and the buffer live through the call,
        // and the length that is passed is the buffer's.
        let code = unsafe {
            let (at, length) = (buffer.as_mut_ptr(), buffer.len());
            libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), at, length, &raw mut found)
        };
        match code {
            0 if found.is_null() => return Ok(None),
            // SAFETY: the call succeeded and `found` points to `entry`, so it is filled in. Only
            // its numbers are read.
            0 => return Ok(Some(unsafe { ids_of(entry.assume_init_ref()) })),
            libc::ERANGE if buffer.len() < LARGEST_BUFFER => buffer.resize(buffer.len() * 2, 0),
            libc::EINTR => {}
            // getpwnam_r(3) names these among the answers for a user that is not found.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            code => return Err(Errno::from_raw_os_error(code)),
        }
    }
}

/// All groups of a user, the primary one included. May ask the network.
pub(in crate::process) fn groups_of(name: &CStr, primary: u32) -> Result<Vec<u32>, Errno> {
    let mut groups: Vec<libc::gid_t> = vec![0; FIRST_GROUPS];
    loop {
        let mut count = c_int::try_from(groups.len()).unwrap_or(c_int::MAX);
        // SAFETY: the name ends with NUL; `groups` and `count` live through the call, and `count`
        // says how many groups there is room for.
        let code = unsafe {
            libc::getgrouplist(name.as_ptr(), primary, groups.as_mut_ptr(), &raw mut count)
        };
        let count = usize::try_from(count).unwrap_or(0);
        if code >= 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        // There are more groups than room; `count` is how many, if the C library says so.
        if groups.len() >= MOST_GROUPS {
            return Err(Errno::INVAL);
        }
        groups.resize(count.max(groups.len() * 2).min(MOST_GROUPS), 0);
    }
}

fn ids_of(entry: &libc::passwd) -> UserIds {
    UserIds { uid: entry.pw_uid, gid: entry.pw_gid }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What id(1) says of a user.
    fn id(option: &str, user: &str) -> Vec<u32> {
        let output = Command::new("id").args([option, user]).output().expect("id(1) runs");
        let text = String::from_utf8(output.stdout).expect("numbers");
        text.split_ascii_whitespace().map(|id| id.parse().expect("a number")).collect()
    }

    #[test]
    fn users_have_the_ids_and_groups_that_id_says() {
        for (name, text) in [(c"root", "root"), (c"nobody", "nobody")] {
            let user = user_by_name(name).expect("an answer").expect("a user");
            assert_eq!(vec![user.uid], id("-u", text));
            assert_eq!(vec![user.gid], id("-g", text));
            let mut groups = groups_of(name, user.gid).expect("an answer");
            let mut expected = id("-G", text);
            groups.sort_unstable();
            expected.sort_unstable();
            assert_eq!(groups, expected, "{text}");
        }
    }

    #[test]
    fn a_name_without_a_user_is_not_found() {
        assert_eq!(user_by_name(c"no-such-user-here"), Ok(None));
        assert_eq!(user_by_name(c""), Ok(None));
    }
}
