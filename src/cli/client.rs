//! An HTTP client for the status server of the running arcanos, which [`find`] finds.
//!
//! It knows no routes. Each request has a connection of its own: a person asks seldom, and the
//! server may be another one each time.

mod connection;
mod error;
pub(crate) mod find;
mod sse;

use std::{io, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::config::Secret;
use connection::Connection;
pub(crate) use error::ClientError;
pub(crate) use sse::{Events, SseEvent};

/// How long a connection on this machine may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take that waits for nothing.
const ANSWER: Duration = Duration::from_secs(15);

/// How long an answer may take that waits for a worker to start or stop: longer than any timeout
/// one would give a worker, and shorter than a forgotten terminal lives.
const PATIENT_ANSWER: Duration = Duration::from_secs(3600);

/// The largest answer that is read, in bytes: 5,000 log lines of 16 KiB.
const MAX_ANSWER: usize = 96 * 1024 * 1024;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as looking something up takes.
    Short,
    /// As long as a worker takes.
    Long,
}

/// Where the running arcanos listens, and what it wants to be shown. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    token: Option<Secret>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Client {
    /// A client of the arcanos that listens there.
    pub(crate) const fn new(address: SocketAddr, token: Option<Secret>) -> Self {
        Self { address, token }
    }

    /// Reads something.
    ///
    /// # Errors
    /// See [`ClientError`]; every status but a good one is [`ClientError::Refused`].
    pub(crate) async fn read(&self, path: &str) -> Result<Value, ClientError> {
        let answer = self.ask(Method::GET, path, None, Wait::Short).await?;
        answer.good()
    }

    /// Asks, and reads the answer whole, whatever its status.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        patience: Wait,
    ) -> Result<Answer, ClientError> {
        let limit = match patience {
            Wait::Short => ANSWER,
            Wait::Long => PATIENT_ANSWER,
        };
        let exchange = async {
            let request = self.request(method, path, body)?;
            let (response, _connection) = self.send(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|e| ClientError::Odd(e.to_string()))?.to_bytes();
            let body = serde_json::from_slice(&body)
                .map_err(|_| ClientError::Odd(format!("status {status}, and no JSON")))?;
            Ok(Answer { status, body })
        };
        timeout(limit, exchange).await.map_err(|_| ClientError::Late(limit))?
    }

    /// Opens a stream of events, from the one after `last_id` on where the route knows ids.
    ///
    /// # Errors
    /// There was no answer, or a bad one.
    pub(crate) async fn events(
        &self,
        path: &str,
        last_id: Option<&str>,
    ) -> Result<Events, ClientError> {
        let mut request = self.request(Method::GET, path, None)?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_id.and_then(|id| id.parse().ok()) {
            headers.insert("last-event-id", id);
        }
        let (response, connection) =
            timeout(ANSWER, self.send(request)).await.map_err(|_| ClientError::Late(ANSWER))??;
        let status = response.status();
        if status.is_success() {
            return Ok(Events::new(response.into_body(), connection));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map(|b| b.to_bytes()).unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Err(Answer { status, body }.refusal())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("arcanos/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if body.is_some() {
            builder = builder.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        builder.body(body).map_err(|e| ClientError::Odd(e.to_string()))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), ClientError> {
        let unreachable = |error| ClientError::Unreachable(self.address, error);
        let stream = timeout(CONNECT, TcpStream::connect(self.address))
            .await
            .map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(unreachable)?;
        let io = TokioIo::new(stream);
        let (mut sender, connection) = http1::handshake(io).await.map_err(ClientError::Broken)?;
        // The connection's end is seen by whoever reads the answer; the task ends with it.
        let connection = Connection::of(tokio::spawn(async move { drop(connection.await) }));
        let response = sender.send_request(request).await.map_err(ClientError::Broken)?;
        Ok((response, connection))
    }
}

impl Answer {
    /// What it says, if it is a good answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub(crate) fn good(self) -> Result<Value, ClientError> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.refusal()) }
    }

    /// Why it is not a good answer.
    pub(crate) fn refusal(&self) -> ClientError {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        // Of something unknown the title says all; the message names routes.
        let keys = match self.status {
            StatusCode::NOT_FOUND => ["error", "message"],
            _ => ["message", "error"],
        };
        let message = text(keys[0]).or_else(|| text(keys[1])).map_or_else(
            || format!("arcanos answers with the status {}", self.status),
            |text| crate::text::escape(text.as_bytes()).into_owned(),
        );
        ClientError::Refused { status: self.status, message }
    }
}

#[cfg(test)]
mod tests;
