//! The preflight's one request, made by `async-openai` over a client that fails instead of
//! panicking.
//!
//! `async-openai` would retry three times, read bodies of any size, log them, and panic on a key
//! that is not a header value; the service and the settings here replace all of that.

use std::{error::Error, sync::Once};

use async_openai::{
    Client,
    config::{Config, OPENAI_API_BASE},
    error::{ApiError, ApiErrorResponse, OpenAIError},
    middleware::HttpRequestFactory,
    types::models::Model,
};
use axum::http;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::task;
use tower::service_fn;

use super::target::Target;
use crate::domain::Authority;

/// Bytes of an answer that are read: a model's description has some hundred.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What is escaped in a segment of a path.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Why the upstream did not confirm key and model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
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
    /// An answer with this status other than success.
    Refused { status: u16, code: Option<String>, message: String },
}

/// Asks for the model.
pub(super) async fn ask(target: &Target) -> Result<(), Failure> {
    let settings = Settings::of(target)?;
    if target.model.trim().is_empty() {
        return Err(Failure::NoModel);
    }
    let http = http_client(&settings.base).await?;
    let sender = http.clone();
    let service = service_fn(move |request| send(sender.clone(), request));
    let client = Client::build(http, settings).with_http_service(service);
    let model = escaped(target.model.trim());
    match client.models().retrieve(&model).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failure(error)),
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
    fn of(target: &Target) -> Result<Self, Failure> {
        let key = target.key.expose_secret().trim();
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| Failure::UnusableKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        } else if target.base_url.is_none() {
            return Err(Failure::NoKey);
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
///
/// It follows no redirects, so a plain base never needs TLS: then no root certificates are loaded.
/// Requests to this machine do not go through a proxy of the environment.
async fn http_client(base: &str) -> Result<reqwest::Client, Failure> {
    let url = Url::parse(base).map_err(|_| Failure::BadUrl)?;
    install_crypto();
    let mut builder = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .user_agent(concat!("arcanos/", env!("CARGO_PKG_VERSION")));
    if is_loopback(&url) {
        builder = builder.no_proxy();
    }
    let built = match url.scheme() {
        "http" => builder.tls_certs_only([]).build(),
        // The system's certificates are some hundred files, read with blocking calls.
        "https" => task::spawn_blocking(|| builder.build())
            .await
            .map_err(|_| Failure::NoClient("the client could not be built".to_owned()))?,
        _ => return Err(Failure::BadUrl),
    };
    built.map_err(|error| Failure::NoClient(last_cause(&error)))
}

/// Makes rustls use ring, once a process.
fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that there is a provider already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn is_loopback(url: &Url) -> bool {
    let authority = url.host_str().and_then(Authority::parse);
    authority.is_some_and(|authority| authority.host.is_loopback())
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
    Ok(Response::from(http::Response::new(described)))
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

/// The description of a model with all fields: compatible servers leave some out.
fn described(body: &[u8]) -> Result<Vec<u8>, OpenAIError> {
    let unfit = |error| OpenAIError::JSONDeserialize(error, String::new());
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(unfit)?;
    let id = fields.get("id").cloned().unwrap_or(Value::Null);
    let model = Model {
        id: serde_json::from_value(id).map_err(unfit)?,
        object: "model".to_owned(),
        ..Model::default()
    };
    serde_json::to_vec(&model).map_err(unfit)
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
fn failure(error: OpenAIError) -> Failure {
    match error {
        OpenAIError::ApiError(ApiErrorResponse { status_code, api_error }) => Failure::Refused {
            status: status_code.as_u16(),
            code: api_error.code,
            message: api_error.message,
        },
        OpenAIError::Reqwest(error) if error.is_builder() => Failure::BadUrl,
        OpenAIError::Reqwest(error) if error.is_timeout() => Failure::Late,
        OpenAIError::Reqwest(error) if error.is_connect() => {
            Failure::Unreachable(last_cause(&error))
        }
        OpenAIError::Reqwest(error) => Failure::BrokenOff(last_cause(&error)),
        OpenAIError::JSONDeserialize(..) => Failure::NotAModel,
        other => Failure::BrokenOff(last_cause(&other)),
    }
}

/// The innermost cause: the ones around it repeat it and name the URL.
fn last_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A model's name as one segment of a path, which `async-openai` takes as it is.
fn escaped(model: &str) -> String {
    utf8_percent_encode(model, SEGMENT).to_string()
}
