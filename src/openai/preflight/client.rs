//! The preflight's requests, made by `async-openai` over a client that fails instead of
//! panicking.
//!
//! `async-openai` would retry three times, read bodies of any size, log them, and panic on a key
//! that is not a header value; the service and the settings here replace all of that.

use async_openai::{
    Client,
    config::{Config, OPENAI_API_BASE},
    error::{ApiError, ApiErrorResponse, OpenAIError},
    middleware::HttpRequestFactory,
    types::models::{ListModelResponse, Model},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tower::service_fn;

use super::target::PreflightTarget;
use crate::http::{self, ClientError, last_cause};

/// Bytes of an answer that are read: a model's description has some hundred, a list of a thousand
/// models with all that a router says of each some hundred thousand.
const ANSWER_LIMIT: usize = 2 * 1024 * 1024;

/// What is escaped in a segment of a path.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Why the upstream did not confirm key and model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PreflightFailure {
    /// There is no key, and the upstream is OpenAI.
    NoKey,
    /// The key holds a character that no header may hold.
    UnusableKey,
    /// The model's name is empty.
    NoModel,
    /// The base URL is not one.
    BadUrl,
    /// This machine cannot make a client, for example without any root certificate.
    NoClient(String),
    /// No connection, with the last cause.
    Unreachable(String),
    /// The connection broke off, with the last cause.
    BrokenOff(String),
    /// No whole answer in time.
    Late,
    /// A success that does not describe a model.
    NotAModel,
    /// The list of models, which answers for the key, lacks this one.
    NotListed,
    /// An answer with this status other than success.
    Refused { status: u16, code: Option<String>, message: String },
}

impl PreflightFailure {
    /// Whether the upstream lacks the route, and says nothing of the model.
    pub(super) fn is_unknown_route(&self, model: &str) -> bool {
        let Self::Refused { status, code, message } = self else {
            return false;
        };
        let is_about_model = code.as_deref() == Some("model_not_found") || quotes(message, model);
        matches!(status, 404 | 405 | 501) && !is_about_model
    }

    const fn is_refused_key(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }
}

/// Whether an upstream's words quote the model, as servers say that they lack it. The bare name may
/// as well be part of a path.
pub(super) fn quotes(message: &str, model: &str) -> bool {
    ['\'', '"', '`'].iter().any(|quote| message.contains(&format!("{quote}{model}{quote}")))
}

/// Asks for the model, and where the upstream lacks that route, for the list of its models.
pub(super) async fn ask(target: &PreflightTarget) -> Result<(), PreflightFailure> {
    let settings = Settings::of(target)?;
    if target.model.trim().is_empty() {
        return Err(PreflightFailure::NoModel);
    }
    let http = http_client(&settings.base).await?;
    let sender = http.clone();
    let service = service_fn(move |request| send(sender.clone(), request));
    let client = Client::build(http, settings).with_http_service(service);
    let model = target.model.trim();
    let failed = match client.models().retrieve(&escaped(model)).await {
        Ok(_) => return Ok(()),
        Err(error) => failure(error),
    };
    if !failed.is_unknown_route(model) {
        return Err(failed);
    }
    match client.models().list().await {
        Ok(list) if list.data.iter().any(|listed| listed.id == model) => Ok(()),
        Ok(_) => Err(PreflightFailure::NotListed),
        // What refuses the key here has answered the question; else the first answer says more.
        Err(error) => {
            Err(Some(failure(error)).filter(PreflightFailure::is_refused_key).unwrap_or(failed))
        }
    }
}

/// Base URL and headers of the request, checked before they are used.
#[derive(Clone, Debug)]
struct Settings {
    base: String,
    key: SecretString,
    headers: HeaderMap,
}

impl Settings {
    fn of(target: &PreflightTarget) -> Result<Self, PreflightFailure> {
        let key = target.key.expose_secret().trim();
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| PreflightFailure::UnusableKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        } else if target.base_url.is_none() {
            return Err(PreflightFailure::NoKey);
        }
        let base = target.base_url.as_deref().unwrap_or(OPENAI_API_BASE);
        Ok(Self {
            base: base.trim().trim_end_matches('/').to_owned(),
            key: SecretString::from(key),
            headers,
        })
    }
}

impl Config for Settings {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

/// A client for this base URL alone.
async fn http_client(base: &str) -> Result<reqwest::Client, PreflightFailure> {
    let url = Url::parse(base).map_err(|_| PreflightFailure::BadUrl)?;
    http::client(&url).await.map_err(|error| match error {
        ClientError::BadScheme => PreflightFailure::BadUrl,
        ClientError::NoClient(reason) => PreflightFailure::NoClient(reason),
    })
}

/// Sends the request once and reads a bounded answer.
async fn send(http: reqwest::Client, request: HttpRequestFactory) -> Result<Response, OpenAIError> {
    let response = http.execute(request.build().await?).await?;
    let status = response.status();
    let body = bounded(response).await?;
    if !status.is_success() {
        return Err(OpenAIError::ApiError(ApiErrorResponse {
            status_code: status,
            api_error: api_error(&body),
        }));
    }
    let described = described(&body)?;
    Ok(Response::from(axum::http::Response::new(described)))
}

/// The beginning of the body. A body that was cut off is not JSON, and is reported so.
async fn bounded(mut response: Response) -> Result<Vec<u8>, OpenAIError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_LIMIT {
            break;
        }
    }
    Ok(body)
}

/// The description of a model, or a list of them, with all fields: compatible servers leave some out.
fn described(body: &[u8]) -> Result<Vec<u8>, OpenAIError> {
    let unfit = |error| OpenAIError::JSONDeserialize(error, String::new());
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(unfit)?;
    let whole = |fields: &Value| {
        let id = fields.get("id").cloned().unwrap_or(Value::Null);
        Ok(Model {
            id: serde_json::from_value(id)?,
            object: "model".to_owned(),
            ..Model::default()
        })
    };
    let described = match fields.get("data").and_then(Value::as_array) {
        Some(listed) => {
            let data = listed.iter().map(whole).collect::<Result<_, _>>().map_err(unfit)?;
            serde_json::to_vec(&ListModelResponse { object: "list".to_owned(), data })
        }
        None => serde_json::to_vec(&whole(&Value::Object(fields)).map_err(unfit)?),
    };
    described.map_err(unfit)
}

/// The error in an answer: OpenAI's shape, or what other servers make of it.
fn api_error(body: &[u8]) -> ApiError {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let error = body.get("error").unwrap_or(&body);
    let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
    let message =
        text("message").or_else(|| text("detail")).or_else(|| error.as_str().map(str::to_owned));
    ApiError {
        message: message.unwrap_or_default(),
        r#type: text("type"),
        param: text("param"),
        code: text("code"),
        misalignment: None,
    }
}

/// The failure that an error of `async-openai` stands for.
fn failure(error: OpenAIError) -> PreflightFailure {
    match error {
        OpenAIError::ApiError(ApiErrorResponse { status_code, api_error }) => {
            PreflightFailure::Refused {
                status: status_code.as_u16(),
                code: api_error.code,
                message: api_error.message,
            }
        }
        OpenAIError::Reqwest(error) if error.is_builder() => PreflightFailure::BadUrl,
        OpenAIError::Reqwest(error) if error.is_timeout() => PreflightFailure::Late,
        OpenAIError::Reqwest(error) if error.is_connect() => {
            PreflightFailure::Unreachable(last_cause(&error))
        }
        OpenAIError::Reqwest(error) => PreflightFailure::BrokenOff(last_cause(&error)),
        OpenAIError::JSONDeserialize(..) => PreflightFailure::NotAModel,
        other => PreflightFailure::BrokenOff(last_cause(&other)),
    }
}

/// A model's name as one segment of a path, which `async-openai` takes as it is.
fn escaped(model: &str) -> String {
    utf8_percent_encode(model, SEGMENT).to_string()
}
