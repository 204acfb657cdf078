//! Which files Node can be asked to load as tasks.

use std::path::Path;

/// The programs that are Node.
const PROGRAMS: [&str; 2] = ["node", "nodejs"];

/// Extensions that Node's loader of modules knows. With `--import` it is that one that loads the
/// file, and it refuses all others, which Node alone would run.
const EXTENSIONS: [&str; 5] = ["js", "mjs", "cjs", "ts", "mts"];

/// Extensions that a loader like tsx adds to those. Without one, Node's loader of modules may
/// refuse them, and the file must be left to run as it would have.
const LOADED_EXTENSIONS: [&str; 3] = ["cts", "tsx", "jsx"];

/// Options that put a loader into Node, before the file or in `NODE_OPTIONS`.
const LOADERS: [&str; 5] = ["--import", "--loader", "--experimental-loader", "--require", "-r"];

/// Whether a command's program is Node, by whatever path.
#[must_use]
pub fn is_node(program: &str) -> bool {
    let name = Path::new(program).file_name();
    PROGRAMS.iter().any(|known| name == Some(known.as_ref()))
}

/// Whether `mode = "auto"` looks for a default export in a file that Node runs with these options:
/// those before the file, and those of `NODE_OPTIONS`.
pub fn may_be_task<'a>(file: &Path, mut options: impl Iterator<Item = &'a str>) -> bool {
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let is_loader = |option: &str| LOADERS.contains(&option.split('=').next().unwrap_or_default());
    EXTENSIONS.contains(&extension)
        || (LOADED_EXTENSIONS.contains(&extension) && options.any(is_loader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_loader_makes_readable_needs_one_to_be_a_task() {
        for (file, options, expected) in [
            ("a.js", "", true),
            ("a.mts", "", true),
            ("a.cts", "", false),
            ("a.cts", "--import tsx", true),
            ("a.tsx", "--loader=ts-node/esm", true),
            ("a.jsx", "-r esbuild-register", true),
            ("a.jsx", "--enable-source-maps", false),
            ("a.worker", "--import tsx", false),
        ] {
            let found = may_be_task(Path::new(file), options.split_whitespace());
            assert_eq!(found, expected, "{file} {options}");
        }
        assert!(is_node("/usr/bin/node") && is_node("nodejs") && !is_node("tsx"));
    }
}
