//! Gives memory that is no longer needed back to the system.
//!
//! Starting up runs a lot of code once: arguments, config, schemas, TLS. Its pages stay mapped and
//! are counted as ours though nothing uses them. Let go of, they stay in the page cache, from where
//! those that are needed after all come back at a touch, without reading a disk.

use std::{fs, ptr, sync::OnceLock};

/// A part of our address space that holds nothing but what its file holds.
struct Clean {
    start: usize,
    length: usize,
}

/// Gives back the pages of programs and libraries until they are touched again. Takes a
/// millisecond at first, to find them, and a tenth of that later; for quiet moments.
pub(in crate::process) fn give_code_back() {
    static PARTS: OnceLock<Vec<Clean>> = OnceLock::new();
    let parts = PARTS.get_or_init(|| {
        // Without `/proc` nothing is given back.
        clean_parts(&fs::read_to_string("/proc/self/smaps").unwrap_or_default())
    });
    for part in parts {
        let start = ptr::without_provenance_mut(part.start);
        // SAFETY: the part is mapped from a file, not writable, and held no page of its own when
        // it was found; as nothing here makes it writable, it never will. So whatever is dropped
        // is read from the file again when it is touched. Nobody unmaps it: libraries are not
        // unloaded here. If it fails, nothing has happened.
        unsafe { libc::madvise(start, part.length, libc::MADV_DONTNEED) };
    }
}

/// Gives back what the heap does not use; where the allocator cannot, nothing.
#[cfg(target_env = "gnu")]
pub(in crate::process) fn give_heap_back() {
    // SAFETY: takes a number; the allocator locks itself.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(in crate::process) fn give_heap_back() {}

/// The parts that are mapped from a file and were never written to, by `/proc/PID/smaps`.
///
/// What the loader relocates is mapped from the file too and is read-only afterwards, but has
/// pages of its own: dropping those would be the end.
fn clean_parts(smaps: &str) -> Vec<Clean> {
    let mut parts: Vec<Clean> = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(part) = mapped_file(line) {
            candidate = part;
        } else if let Some(own) = line.strip_prefix("Anonymous:") {
            let is_clean = own.trim() == "0 kB";
            parts.extend(candidate.take().filter(|_| is_clean));
        }
    }
    parts
}

/// What the head of a mapping says: `Some(None)` for one that is not to be touched, `None` for a
/// line that is not a head.
fn mapped_file(line: &str) -> Option<Option<Clean>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let permissions = words.next()?;
    let is_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
    let is_constant =
        permissions.starts_with('r') && permissions.ends_with('p') && !permissions.contains('w');
    let part = Clean { start, length: end.checked_sub(start)? };
    Some((is_file && is_constant).then_some(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_without_pages_of_their_own_are_given_back() {
        let smaps = "1000-3000 r--p 00000000 08:01 7   /bin/a b\n\
            Rss:  8 kB\nAnonymous:  0 kB\n\
            3000-9000 r-xp 00002000 08:01 7   /bin/a b\nAnonymous:     0 kB\n\
            9000-a000 r--p 00008000 08:01 7   /bin/a b\nAnonymous:     4 kB\n\
            a000-b000 rw-p 00009000 08:01 7   /bin/a b\nAnonymous:     0 kB\n\
            b000-c000 r--s 00000000 08:01 9   /etc/shared\nAnonymous:     0 kB\n\
            c000-d000 r--p 00000000 00:00 0\nAnonymous:     0 kB\n\
            d000-e000 r-xp 00000000 00:00 0   [vdso]\nAnonymous:     0 kB\n";
        let parts = clean_parts(smaps);
        let seen: Vec<_> = parts.iter().map(|part| (part.start, part.length)).collect();
        assert_eq!(seen, [(0x1000, 0x2000), (0x3000, 0x6000)]);
    }

    #[test]
    fn we_live_on_without_what_was_given_back() {
        let before = "still here".to_owned();
        give_heap_back();
        give_code_back();
        assert_eq!(format!("{before}, {}", 6 * 7), "still here, 42");
    }
}
