//! Makes the paths of a config absolute.

use std::path::{Path, PathBuf};

use crate::domain::os_text;

/// The path, from this folder if it is relative. Links and `..` stay as they are: what they
/// lead to is a question to the disk.
pub(super) fn absolute(folder: &Path, path: &str) -> PathBuf {
    folder.join(os_text::os_string(path)).components().collect()
}

/// The program of a command, with its placeholders filled in: a path with a slash starts at the
/// folder of the config, wherever the command is run; a bare name is looked up on `PATH`.
#[must_use]
pub fn program_from(folder: &Path, program: &str) -> String {
    if program.contains('/') {
        os_text::kept_path(&absolute(folder, program))
    } else {
        program.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_slash_starts_at_the_folder_of_the_config() {
        for (program, expected) in [
            ("node", "node"),
            ("venv/bin/python", "/site/venv/bin/python"),
            ("./tool", "/site/tool"),
            ("../tool", "/site/../tool"),
            ("/bin/sh", "/bin/sh"),
        ] {
            assert_eq!(program_from(Path::new("/site"), program), expected);
        }
    }
}
