//! Dotenv files against `node --env-file`, over generated files.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::Site;
use crate::domain::os_text;

/// Files that are compared.
const FILES: usize = 60;
/// Variables in each.
const LINES: usize = 12;

/// What stands between `=` and the end of a line, and in quotes.
const PIECES: [&str; 24] = [
    "a",
    "word",
    " ",
    "  ",
    "\t",
    "$",
    "$5",
    "${V0}",
    "$2b$10$abc",
    "\\n",
    "\\",
    "C:\\Users",
    "#",
    " # x",
    "'",
    "\"",
    "`",
    "it's",
    "=",
    "é",
    "[1, 2]",
    "\\d+",
    "\"\"",
    "\r",
];

/// A generator of Lehmer's: the same files in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0 * 48271 % 0x7fff_ffff;
        usize::try_from(self.0).expect("31 bits") % n
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// One variable: plain, in quotes, or in quotes over two lines.
    fn variable(&mut self, index: usize) -> String {
        let name = ["V", "MY-", "my.", "1a"][self.below(4)];
        let before = self.pick(&["", "", "export ", "  "]);
        let equals = self.pick(&["=", " = ", "=  "]);
        let text: String = (0..self.below(5)).map(|_| self.pick(&PIECES)).collect();
        let quote = self.pick(&["", "", "\"", "'", "`"]);
        let (text, after) = match quote {
            // A value that begins with a quote may go on to the next one, lines below: what is left
            // of that line is none, and Node 20 takes it for a part of the next name.
            "" => (format!("a{text}"), ""),
            quote => {
                let line = self.pick(&["", "", "\n", "\r\n"]);
                (text.replace(quote, "") + line + "y", self.pick(&["", " ", " # c", "x"]))
            }
        };
        let end = self.pick(&["\n", "\n", "\r\n", "\n\n", "\n# c = 'x'\n"]);
        format!("{before}{name}{index}{equals}{quote}{text}{quote}{after}{end}")
    }
}

fn node_reads(file: &Path) -> Option<BTreeMap<String, String>> {
    let said = Command::new("node")
        .arg(format!("--env-file={}", file.display()))
        .args(["-p", "JSON.stringify(process.env)"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("node runs");
    let mut read: BTreeMap<String, String> = serde_json::from_slice(&said.stdout).ok()?;
    read.remove("PATH");
    Some(read)
}

fn arcanos_reads(text: &str) -> BTreeMap<String, String> {
    let read = Site::new("").file(".env", text).good().config.env.available.0;
    read.into_iter().map(|(n, v)| (n, os_text::shown(&v).into_owned())).collect()
}

#[test]
fn dotenv_files_are_read_as_node_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("env");
    let mut random = Random(20_261_128);
    for _ in 0..FILES {
        let text: String = (0..LINES).map(|index| random.variable(index)).collect();
        std::fs::write(&file, &text).expect("a file");
        let node = node_reads(&file).expect("node has --env-file since 20.6");
        assert_eq!(arcanos_reads(&text), node, "{text:?}");
    }
}
