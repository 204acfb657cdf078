//! [`ClientError`]: why a request failed, and the message that a person sees.

use std::{io, net::SocketAddr, time::Duration};

use hyper::StatusCode;

use crate::cli::exit::{self, Failure};

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens there (any more).
    #[error("nothing answers at `{0}`")]
    Unreachable(SocketAddr, #[source] io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The answer is not what arcanos answers.
    #[error("the answer cannot be understood: {0}")]
    Odd(String),
    /// It refuses; holds the answer's message.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable(..) => Self::new(exit::NOT_RUNNING, error.to_string())
                .with_remedy("it is starting or ending; try again in a moment"),
            ClientError::Refused { status: StatusCode::UNAUTHORIZED, .. } => {
                Self::new(exit::FAILED, "the running arcanos wants another token")
                    .with_remedy("it is asked with the `server.token` of the config: see `arcanos check`, and --config")
            }
            ClientError::Refused { status: StatusCode::NOT_FOUND, .. } => {
                Self::new(exit::FAILED, error.to_string())
                    .with_remedy("`arcanos status` lists the workers")
            }
            ClientError::Broken(_) => Self::new(exit::FAILED, "the running arcanos hung up"),
            ClientError::Late(_) | ClientError::Odd(_) | ClientError::Refused { .. } => {
                Self::new(exit::FAILED, error.to_string())
            }
        }
    }
}
