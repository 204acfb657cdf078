//! Looks up what the diagnosis of an ended run cannot know from its output.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    domain::{self, EnvMap, Stdin, os_text},
    worker::{Facts, Questions, VariableState},
};

/// Folders below the working directory where projects keep their Python modules.
const SOURCE_FOLDERS: [&str; 4] = ["src", "lib", "python", "app"];

/// Answers the questions about a run with this launch; `address` is that of the status server, and
/// `known` are the names of the variables that arcanos has, from its environment and dotenv files.
///
/// It reads folders of the project, and may block.
pub(super) fn look_up(
    questions: &Questions,
    launch: &domain::Launch,
    address: Option<SocketAddr>,
    known: &BTreeSet<String>,
) -> Facts {
    let module = questions.module.as_deref();
    Facts {
        module_folder: module
            .and_then(|name| module_folder(name, &launch.cwd, &launch.file))
            .map(|folder| os_text::shown_path(&folder)),
        variable: variable_state(questions, &launch.env, known),
        is_port_ours: questions.port.is_some() && questions.port == address.map(|a| a.port()),
        user: launch.user.clone(),
        is_stdin_empty: launch.stdin == Stdin::Null,
    }
}

/// How it stands with the variable.
fn variable_state(
    questions: &Questions,
    passed: &EnvMap,
    known: &BTreeSet<String>,
) -> VariableState {
    match questions.variable.as_deref() {
        Some(name) if passed.0.contains_key(name) => VariableState::PassedOn,
        Some(name) if known.contains(name) => VariableState::Withheld,
        _ => VariableState::Unset,
    }
}

/// The folder of the project in which the Python module lies; `None` where it is not one of its
/// own. The folder of the worker's file is on Python's path already.
fn module_folder(name: &str, cwd: &Path, file: &Path) -> Option<PathBuf> {
    // The name comes from the run's output, and must not lead out of the project.
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_name || name.is_empty() {
        return None;
    }
    let own = file.parent()?;
    let above = own.ancestors().skip(1).take_while(|folder| folder.starts_with(cwd));
    let named = SOURCE_FOLDERS.iter().map(|folder| cwd.join(folder));
    let folders: BTreeSet<PathBuf> =
        [cwd.to_owned()].into_iter().chain(above.map(Path::to_owned)).chain(named).collect();
    folders.into_iter().find(|folder| folder != own && holds_module(folder, name))
}

fn holds_module(folder: &Path, name: &str) -> bool {
    let package = folder.join(name);
    let is_python = |path: PathBuf| path.extension().is_some_and(|ext| ext == "py");
    let has_python = || {
        let entries = fs::read_dir(&package).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(is_python)
    };
    folder.join(format!("{name}.py")).is_file() || has_python()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_a_dotenv_file_is_one_that_arcanos_has() {
        // `known` holds names of `.env` too, which the process itself does not have.
        let known = BTreeSet::from(["FROM_DOTENV".to_owned(), "GIVEN".to_owned()]);
        let passed = EnvMap([("GIVEN".to_owned(), "1".to_owned())].into());
        for (name, expected) in [
            ("FROM_DOTENV", VariableState::Withheld),
            ("GIVEN", VariableState::PassedOn),
            ("NOWHERE", VariableState::Unset),
        ] {
            let questions = Questions { variable: Some(name.to_owned()), ..Questions::default() };
            assert_eq!(variable_state(&questions, &passed, &known), expected, "{name}");
        }
    }

    #[test]
    fn a_module_of_the_project_is_found_where_projects_keep_theirs() {
        let site = tempfile::tempdir().expect("a folder");
        let at = |path: &str| site.path().join(path);
        for folder in ["workers/near", "mylib", "src/deep", "empty"] {
            fs::create_dir_all(at(folder)).expect("a folder");
        }
        for file in ["mylib/__init__.py", "src/deep/one.py", "plain.py", "workers/near/x.py"] {
            fs::write(at(file), "").expect("a file");
        }
        let file = at("workers/a.py");
        let find = |name: &str| module_folder(name, site.path(), &file);
        assert_eq!(find("mylib"), Some(site.path().to_owned()));
        assert_eq!(find("plain"), Some(site.path().to_owned()));
        assert_eq!(find("deep"), Some(at("src")));
        assert_eq!(find("near"), None, "the file's own folder is on the path");
        assert_eq!(find("empty"), None, "no module of Python");
        assert_eq!(find("../mylib"), None);
        assert_eq!(find("openai"), None);
    }
}
