//! Where the name of a module leads: by the rules of Node, TypeScript and Python.
//!
//! Asks what there is through [`Sites`], so the scanner, which looks at the disk, and the judge,
//! which looks at a listing, go the same way.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    graph::ImportRoots,
    local::{Local, Way},
    manifest::{Condition, Manifest},
    rules::{is_javascript, is_typescript},
};

/// A tsconfig may extend others in a chain so long.
const MAX_EXTENDS: usize = 8;

/// What Node tries after the bare path, in its order.
const ENDINGS: [&str; 4] = ["js", "mjs", "cjs", "json"];

/// What TypeScript tries after the bare path.
const TYPESCRIPT_ENDINGS: [&str; 4] = ["ts", "tsx", "mts", "cts"];

/// What there is, as far as names lead there. Paths are as in a listing.
pub trait Sites {
    /// Whether there is a file.
    fn is_file(&mut self, path: &Path) -> bool;

    /// What a `package.json` or `tsconfig.json` says, if it is there.
    fn manifest(&mut self, path: &Path) -> Option<Arc<Manifest>>;

    /// What is at a path `node_modules/NAME`.
    fn installed(&mut self, path: &Path) -> Option<Installed>;
}

/// A package in `node_modules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// A copy, which is not followed.
    Copy,
    /// A copy that anyone may write to; says why.
    Open(String),
    /// A link to this folder, whose files are local files.
    Linked(PathBuf),
}

/// The packages that were looked for, by their paths.
pub type Packages = BTreeMap<PathBuf, Installed>;

/// The file that a local import means, by what there is.
pub fn resolve(
    roots: &ImportRoots,
    from: &Path,
    local: &Local,
    sites: &mut impl Sites,
) -> Option<PathBuf> {
    Resolver { roots, from, sites }.resolve(local)
}

/// The way in `node_modules` at which a package was found whose name begins this one.
pub(super) fn package_of(
    roots: &ImportRoots,
    from: &Path,
    local: &Local,
    sites: &mut impl Sites,
) -> Option<Installed> {
    let (name, _) = split_package(&local.specifier)?;
    let mut resolver = Resolver { roots, from, sites };
    (local.way.condition()).and_then(|_| resolver.find_package(name))
}

struct Resolver<'a, S> {
    roots: &'a ImportRoots,
    from: &'a Path,
    sites: &'a mut S,
}

impl<S: Sites> Resolver<'_, S> {
    fn resolve(&mut self, local: &Local) -> Option<PathBuf> {
        let specifier = local.specifier.as_str();
        match local.way {
            Way::Python => self.python(specifier),
            Way::Started => {
                let beside_config = self.roots.in_outermost(Path::new(specifier));
                let beside_config = beside_config.filter(|_| !specifier.starts_with('/'));
                let found = beside_config.and_then(|path| self.code_file(&path, specifier));
                found.or_else(|| self.located(specifier))
            }
            Way::Located => self.located(specifier),
            Way::Import => self.module(specifier, Condition::Import),
            Way::Require => self.module(specifier, Condition::Require),
        }
    }

    /// A file of code that is named by a path from the importing file.
    fn located(&mut self, specifier: &str) -> Option<PathBuf> {
        let path = self.roots.follow(self.from, specifier)?;
        self.code_file(&path, specifier)
    }

    /// Data that a program names is not followed: it may write there itself.
    fn code_file(&mut self, path: &Path, specifier: &str) -> Option<PathBuf> {
        self.file(path, specifier).filter(|found| is_javascript(found))
    }

    fn module(&mut self, specifier: &str, condition: Condition) -> Option<PathBuf> {
        if specifier.starts_with('#') {
            let (folder, manifest) = self.nearest("package.json")?;
            return manifest.imports(specifier, condition).iter().find_map(|target| {
                if !target.starts_with('.') {
                    return self.package(target, condition);
                }
                let path = self.roots.follow(&folder.join("package.json"), target)?;
                self.file(&path, target)
            });
        }
        if is_path(specifier) {
            let path = self.roots.follow(self.from, specifier)?;
            return self.file_or_package(&path, specifier);
        }
        let by_tsconfig = is_typescript(self.from).then(|| self.by_tsconfig(specifier)).flatten();
        by_tsconfig.or_else(|| self.package(specifier, condition))
    }

    /// A file, or the main file of a folder that is a package.
    fn file_or_package(&mut self, path: &Path, specifier: &str) -> Option<PathBuf> {
        if let Some(found) = self.file(path, specifier) {
            return Some(found);
        }
        let package = path.join("package.json");
        let manifest = self.sites.manifest(&package)?;
        let targets = manifest.exports(".", Condition::Require);
        targets.iter().find_map(|target| {
            let path = self.roots.follow(&package, target)?;
            self.file(&path, target)
        })
    }

    /// The file at a path, by the endings that may be left out.
    fn file(&mut self, path: &Path, specifier: &str) -> Option<PathBuf> {
        let paths = local_paths(path, specifier, is_typescript(self.from));
        paths.into_iter().find(|path| self.sites.is_file(path))
    }

    /// A file of a package that is linked, or of the package that the importing file is in.
    fn package(&mut self, specifier: &str, condition: Condition) -> Option<PathBuf> {
        let (name, subpath) = split_package(specifier)?;
        let folder = match self.find_package(name) {
            Some(Installed::Linked(folder)) => folder,
            Some(Installed::Copy | Installed::Open(_)) => return None,
            None => {
                let (folder, manifest) = self.nearest("package.json")?;
                (manifest.name() == Some(name)).then_some(folder)?
            }
        };
        let place = folder.join("package.json");
        let manifest = self.sites.manifest(&place).unwrap_or_default();
        manifest.exports(&subpath, condition).iter().find_map(|target| {
            let path = self.roots.follow(&place, target)?;
            self.file_or_package(&path, target)
        })
    }

    fn find_package(&mut self, name: &str) -> Option<Installed> {
        let folders = self.roots.upward(self.from);
        let paths = folders.iter().map(|folder| folder.join("node_modules").join(name));
        let paths: Vec<PathBuf> = paths.collect();
        paths.iter().find_map(|path| self.sites.installed(path))
    }

    /// The nearest file of this name, in the importing file's folder or one above it.
    fn nearest(&mut self, name: &str) -> Option<(PathBuf, Arc<Manifest>)> {
        let folders = self.roots.upward(self.from);
        folders.into_iter().find_map(|folder| {
            let manifest = self.sites.manifest(&folder.join(name))?;
            Some((folder, manifest))
        })
    }

    /// Where `paths` and `baseUrl` of the nearest tsconfig lead, with those that it extends.
    fn by_tsconfig(&mut self, specifier: &str) -> Option<PathBuf> {
        let (folder, manifest) = self.nearest("tsconfig.json")?;
        let mut chain = vec![(folder.join("tsconfig.json"), manifest)];
        let mut at = 0;
        while let Some((place, config)) = chain.get(at).cloned() {
            for parent in config.extends().iter().rev() {
                let name = if parent.ends_with(".json") { "" } else { ".json" };
                let path = self.roots.follow(&place, &format!("{parent}{name}"));
                let found = path.and_then(|path| Some((path.clone(), self.sites.manifest(&path)?)));
                chain.extend(found.filter(|_| chain.len() < MAX_EXTENDS));
            }
            at += 1;
        }
        let base = chain.iter().find_map(|(place, config)| {
            self.roots.follow(place, &format!("./{}/", config.base_url()?))
        });
        let paths = chain.iter().find(|(_, config)| config.has_paths());
        if let Some((place, config)) = paths
            && let Some(targets) = config.paths(specifier)
        {
            let home = base.clone().or_else(|| Some(place.parent()?.to_path_buf()))?;
            return targets.iter().find_map(|target| {
                let path =
                    self.roots.follow(&home.join("tsconfig.json"), &format!("./{target}"))?;
                self.file_or_package(&path, target)
            });
        }
        let path = self.roots.follow(&base?.join("tsconfig.json"), &format!("./{specifier}"))?;
        self.file(&path, specifier)
    }

    /// A module of Python. A plain name is looked for beside the file and in the folders above it,
    /// up to that of the workers: one of them holds the program that is run, where Python looks.
    fn python(&mut self, specifier: &str) -> Option<PathBuf> {
        let name = specifier.trim_start_matches('.');
        let way = name.replace('.', "/");
        let dots = specifier.len() - name.len();
        let above = self.from.ancestors().skip(1).map(Path::to_path_buf);
        let folders: Vec<PathBuf> = match dots {
            0 => above.collect(),
            _ => above.skip(dots - 1).take(1).collect(),
        };
        folders.into_iter().find_map(|folder| {
            let package = folder.join(&way).join("__init__.py");
            let module = folder.join(format!("{way}.py"));
            [package, module].into_iter().find(|path| self.sites.is_file(path))
        })
    }
}

/// The paths that a path without its ending may mean, in the order in which they are tried.
pub(super) fn local_paths(path: &Path, specifier: &str, is_typescript: bool) -> Vec<PathBuf> {
    let specifier = specifier.split(['?', '#']).next().unwrap_or_default();
    let is_folder =
        specifier.ends_with('/') || matches!(specifier.rsplit('/').next(), Some("." | ".."));
    let with = |path: &Path, ending: &str| -> PathBuf {
        let mut name = path.to_path_buf().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    };
    let mut paths = Vec::new();
    let (endings, others) = if is_typescript {
        (&TYPESCRIPT_ENDINGS[..], &ENDINGS[..])
    } else {
        (&ENDINGS[..], &TYPESCRIPT_ENDINGS[..])
    };
    let endings = || endings.iter().chain(others);
    if !is_folder && path.file_name().is_some() {
        let sources: &[&str] = match path.extension().and_then(|ending| ending.to_str()) {
            Some("js") => &["ts", "tsx"],
            Some("jsx") => &["tsx"],
            Some("mjs") => &["mts"],
            Some("cjs") => &["cts"],
            _ => &[],
        };
        let sources = sources.iter().map(|ending| path.with_extension(ending));
        if is_typescript {
            paths.extend(sources.chain([path.to_path_buf()]));
        } else {
            paths.extend([path.to_path_buf()].into_iter().chain(sources));
        }
        paths.extend(endings().chain(&["jsx"]).map(|ending| with(path, ending)));
    }
    let indexes = endings().filter(|ending| **ending != "json");
    paths.extend(indexes.map(|ending| path.join(format!("index.{ending}"))));
    paths
}

/// Whether a module's name is a path or an address of a file.
pub(super) fn is_path(specifier: &str) -> bool {
    matches!(specifier, "." | "..")
        || ["./", "../", "/", "file:"].iter().any(|start| specifier.starts_with(start))
}

/// The name of a package and the path in it, `.` being the package itself.
fn split_package(specifier: &str) -> Option<(&str, String)> {
    let slash = specifier.find('/');
    let end = match slash {
        Some(slash) if specifier.starts_with('@') => {
            specifier[slash + 1..].find('/').map_or(specifier.len(), |next| slash + 1 + next)
        }
        Some(slash) => slash,
        None => specifier.len(),
    };
    let is_name = !specifier.starts_with(['.', '/', '#']) && !specifier.contains(':') && end > 0;
    is_name.then(|| (&specifier[..end], format!(".{}", &specifier[end..])))
}
