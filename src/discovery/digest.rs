//! Digests of content: the same bytes have the same one in every program and version.

use std::{os::unix::ffi::OsStrExt, path::Path};

use ring::digest::{Context, SHA256};

use crate::domain::Fingerprint;

/// The digest of one content.
#[must_use]
pub(crate) fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    finish(context)
}

/// The digest of a file and of all that it imports, by name and content. A file that was never
/// read counts as one of its own kind, not as an empty one.
pub(super) fn fingerprint_of_all<'a>(
    own: Option<Fingerprint>,
    uses: impl Iterator<Item = (&'a Path, Fingerprint)>,
) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    context.update(&[u8::from(own.is_some())]);
    context.update(&own.unwrap_or_default().0.to_be_bytes());
    for (path, content) in uses {
        let path = path.as_os_str().as_bytes();
        // With its length before it, a name cannot pass for a part of what follows.
        context.update(&(path.len() as u64).to_be_bytes());
        context.update(path);
        context.update(&content.0.to_be_bytes());
    }
    finish(context)
}

/// The first half of a SHA-256: enough that two contents differ in it if they differ.
fn finish(context: Context) -> Fingerprint {
    let digest = context.finish();
    let half = digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes");
    Fingerprint(u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_first_half_of_a_sha_256() {
        // The examples of FIPS 180-2.
        for (content, digest) in
            [("", "e3b0c44298fc1c149afbf4c8996fb924"), ("abc", "ba7816bf8f01cfea414140de5dae2223")]
        {
            assert_eq!(fingerprint(content.as_bytes()).to_string(), digest);
        }
    }

    #[test]
    fn the_fingerprint_of_a_worker_is_fixed_and_differs_by_each_part() {
        let of = |own, uses: &[(&str, u128)]| {
            let uses = uses.iter().map(|(name, content)| (Path::new(*name), Fingerprint(*content)));
            fingerprint_of_all(own, uses).to_string()
        };
        let one = Some(Fingerprint(1));
        let fixed = of(one, &[("lib/a.js", 2), ("lib/b.js", 3)]);
        assert_eq!(fixed, "eb67ec6d13fce5cce0f444f6bc8f04d5");
        for other in [
            of(None, &[("lib/a.js", 2), ("lib/b.js", 3)]),
            of(Some(Fingerprint(9)), &[("lib/a.js", 2), ("lib/b.js", 3)]),
            of(one, &[("lib/a.js", 2), ("lib/c.js", 3)]),
            of(one, &[("lib/a.js", 2), ("lib/b.js", 9)]),
            of(one, &[("lib/a.js", 2)]),
        ] {
            assert_ne!(other, fixed);
        }
        assert_ne!(of(None, &[]), of(Some(Fingerprint::default()), &[]));
    }
}
