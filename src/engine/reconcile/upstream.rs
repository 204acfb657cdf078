//! Monitors the model upstream: starts the stand-in if the config wants it, and asks the upstream
//! once whether key and model are good.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Upstream},
    domain::{AiStatus, os_text},
    engine::board::Board,
    openai::{self, StandIn},
    plan::PLACEHOLDER_KEY,
};

/// How long an upstream may take to answer whether key and model are good: as long as its own SDK
/// waits for a connection. No worker waits for the answer.
const PREFLIGHT_LIMIT: Duration = Duration::from_secs(10);

/// What the upstream is asked; it is asked again only when this changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    upstream: Upstream,
    key: Option<String>,
    model: String,
    is_asked: bool,
}

/// Follows the config's model section.
pub(in crate::engine) struct UpstreamMonitor {
    board: Arc<Board>,
    stand_in: Option<StandIn>,
    end: CancellationToken,
    question: Option<Question>,
    asking: Option<JoinHandle<()>>,
}

impl UpstreamMonitor {
    pub(in crate::engine) fn new(board: Arc<Board>, end: CancellationToken) -> Self {
        Self { board, stand_in: None, end, question: None, asking: None }
    }

    /// Follows the config. Returns the base URL that workers get, if any.
    pub(in crate::engine) async fn follow(&mut self, config: &Config) -> Option<String> {
        let vars = &config.env.set.0;
        let inherited = &config.env.inherited.0;
        let value = |name: &str| {
            let value = vars.get(name).or_else(|| inherited.get(name))?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let question = Question {
            upstream: config.model.upstream.clone(),
            key: value("OPENAI_API_KEY"),
            model: value("AI_MODEL").map(|m| os_text::shown(&m).into_owned()).unwrap_or_default(),
            is_asked: config.model.preflight,
        };
        let url = self.url(&question.upstream).await;
        if self.question.as_ref() != Some(&question) {
            self.ask(&question);
            self.question = Some(question);
        }
        url
    }

    /// Where the stand-in listens, if it was started.
    pub(in crate::engine) fn stand_in_url(&self) -> Option<String> {
        self.stand_in.as_ref().map(StandIn::url)
    }

    async fn url(&mut self, upstream: &Upstream) -> Option<String> {
        match upstream {
            Upstream::OpenAi => None,
            Upstream::Http(url) => Some(url.clone()),
            Upstream::Echo => self.stand_in().await,
        }
    }

    async fn stand_in(&mut self) -> Option<String> {
        if self.stand_in.is_none() {
            match StandIn::start(self.end.child_token()).await {
                Ok(stand_in) => self.stand_in = Some(stand_in),
                Err(error) => {
                    let problem = format!("the stand-in model cannot listen: {error}");
                    self.board.set_problem("model", Some(problem));
                }
            }
        }
        self.stand_in_url()
    }

    /// Shows the upstream, and asks it in the background if the config wants that.
    fn ask(&mut self, question: &Question) {
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
        let name = match &question.upstream {
            Upstream::OpenAi => "openai".to_owned(),
            Upstream::Http(url) => url.clone(),
            Upstream::Echo => "echo".to_owned(),
        };
        let is_echo = question.upstream == Upstream::Echo;
        let status = AiStatus {
            default_model: question.model.clone(),
            upstream: name,
            reachable: is_echo.then_some(true),
            error: None,
        };
        self.board.update(|snapshot| snapshot.ai = status);
        if is_echo {
            tracing::warn!(
                "The built-in stand-in answers instead of a model; set OPENAI_API_KEY to use OpenAI."
            );
            return;
        }
        if question.key.is_none() {
            tracing::warn!("OPENAI_API_KEY is not set; workers start without it.");
        }
        let base_url = match &question.upstream {
            Upstream::Http(url) => Some(url.clone()),
            Upstream::OpenAi | Upstream::Echo => None,
        };
        // A server of one's own may need no key: workers send it a placeholder, and so does this.
        let substitute = base_url.as_ref().map(|_| PLACEHOLDER_KEY.to_owned());
        let Some(key) = question.key.clone().or(substitute) else {
            return;
        };
        if !question.is_asked {
            return;
        }
        let target = openai::PreflightTarget {
            base_url,
            key: SecretString::from(key),
            model: question.model.clone(),
            timeout: PREFLIGHT_LIMIT,
        };
        let board = Arc::clone(&self.board);
        self.asking = Some(tokio::spawn(async move {
            let found = openai::preflight(&target).await;
            if let Some(error) = &found.error {
                tracing::warn!("Model upstream: {error}");
            }
            board.update(|snapshot| {
                snapshot.ai.reachable = found.reachable;
                snapshot.ai.error = found.error;
            });
        }));
    }
}

impl Drop for UpstreamMonitor {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}
