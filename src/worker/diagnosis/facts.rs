//! What a report asks the engine, and the answers: plain data.

/// What a report cannot know by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Is there a Python module of this name in the project?
    pub module: Option<String>,
    /// Is this variable set for arcanos, and is it passed on?
    pub variable: Option<String>,
    /// Does arcanos itself listen on this port?
    pub port: Option<u16>,
}

/// The answers, and what else the engine knows of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The folder in which the module that was not found lies.
    pub module_folder: Option<String>,
    /// How it stands with the variable.
    pub variable: VariableState,
    /// Arcanos itself listens on the port.
    pub is_port_ours: bool,
    /// The system user that the run had, if that is another than that of arcanos.
    pub user: Option<String>,
    /// Nothing can come on the run's stdin.
    pub is_stdin_empty: bool,
}

/// Whether a variable reached the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VariableState {
    /// Neither arcanos nor the run has it.
    #[default]
    Unset,
    /// It is set for arcanos, but the run did not get it.
    Withheld,
    /// The run has it.
    PassedOn,
}
