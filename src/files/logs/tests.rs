//! The logs as their users meet them: through pipes, files, `tail` and `follow`.

mod captured;
mod followed;
mod site;
mod written;
