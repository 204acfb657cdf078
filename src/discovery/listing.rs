//! The listing of a folder of workers: its files, and what is known of each.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{analysis::Analysis, graph::ImportRoots, resolve::Packages};

/// The files of a folder and what is known of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The folder, absolute, links not followed.
    pub directory: PathBuf,
    /// Where what they import is looked for.
    pub import_roots: ImportRoots,
    /// What is in `node_modules`, of what they import.
    pub packages: Packages,
    /// By path from the folder: the files that may be workers, those that are passed over beside
    /// them, and all that the former import locally.
    pub files: BTreeMap<PathBuf, Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is known of its content.
    pub content: Content,
    /// What its owner should know.
    pub warnings: Vec<String>,
}

/// What is known of a file's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing, since nothing asks for it.
    Unread,
    /// Read whole; or, while a program writes to it, as it was before.
    Analysed(Arc<Analysis>),
    /// New, and a program still writes to it.
    Held,
    /// No worker and no helper can come from it, for this reason.
    Rejected(String),
    /// Nothing new may start from it; what runs goes on.
    Untrusted {
        /// Why not.
        reason: Distrust,
        /// Its content when it was last read, if it ever was.
        before: Option<Arc<Analysis>>,
    },
}

/// Why nothing new may start from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Anyone may write to it or to its folder; says which, and what to do.
    Open(String),
    /// It cannot be read; says why.
    Unreadable(String),
}

impl Distrust {
    /// The reason, in words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Open(reason) | Self::Unreadable(reason) => reason,
        }
    }
}

impl Entry {
    /// A file of which nothing but its content is to be said.
    #[must_use]
    pub const fn new(content: Content) -> Self {
        Self { content, warnings: Vec::new() }
    }

    /// What the content says, if it was ever read.
    #[must_use]
    pub const fn analysis(&self) -> Option<&Arc<Analysis>> {
        match &self.content {
            Content::Analysed(analysis) => Some(analysis),
            Content::Untrusted { before, .. } => before.as_ref(),
            Content::Unread | Content::Held | Content::Rejected(_) => None,
        }
    }

    /// Why the content as it is now cannot be used, if that is so.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        match &self.content {
            Content::Rejected(reason) => Some(reason),
            Content::Untrusted { reason, .. } => Some(reason.as_str()),
            Content::Unread | Content::Held | Content::Analysed(_) => None,
        }
    }
}
