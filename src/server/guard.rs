//! Access control: which requests may be answered, checked before anything else is done with one.
//!
//! Three checks, in this order. The *host* that the client believes to talk to must be ours: else
//! a page whose name was rebound to this machine could read everything. The *origin* of a page
//! must be ours: a browser sends a request without a body unasked, so only refusing it helps. The
//! *token* must be right, if there is one.

use std::{net::SocketAddr, sync::Arc};

use axum::http::{HeaderMap, HeaderName, Method, header, request::Parts};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    config::Secret,
    domain::{Authority, Host},
    engine::ServerSettings,
    http::{self, HostError, Origin},
};

use super::api_error::ApiError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who sends a request that may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// One who has shown the token, or needs none.
    Known,
    /// One who has not. What is open to all holds no texts for it.
    Stranger,
}

/// The access rules of the settings that it was made from.
pub(super) struct Access {
    settings: Arc<ServerSettings>,
}

impl Access {
    /// The rules of these settings.
    pub(super) fn of(settings: &Arc<ServerSettings>) -> Self {
        Self { settings: Arc::clone(settings) }
    }

    /// Whether it was made from these settings.
    pub(super) fn is_of(&self, settings: &Arc<ServerSettings>) -> bool {
        Arc::ptr_eq(&self.settings, settings)
    }

    /// Whether a request with this head, on a connection to this address of ours, may be answered.
    ///
    /// # Errors
    /// The response that it gets instead.
    pub(super) fn check(&self, local: SocketAddr, head: &Parts) -> Result<Asker, ApiError> {
        let target = self.check_host(local, head)?;
        self.check_origin(local, target, head)?;
        self.check_token(local, head)
    }

    fn check_host<'a>(
        &self,
        local: SocketAddr,
        head: &'a Parts,
    ) -> Result<Authority<'a>, ApiError> {
        let target = http::target(head, |host| self.accepts(local, host));
        target.map_err(|error| match error {
            HostError::Foreign(host) => ApiError::forbidden_host(host),
            HostError::Header(_) | HostError::Missing => ApiError::bad_request(error.to_string()),
        })
    }

    fn accepts(&self, local: SocketAddr, host: Host<'_>) -> bool {
        // An address cannot be rebound, and the one that the connection came to is ours: this is
        // the listen address, also where that is a wildcard.
        host.is_loopback()
            || host == Host::Ip(local.ip().to_canonical())
            || self.settings.allowed_hosts.iter().any(|allowed| host.is(allowed))
    }

    fn check_origin(
        &self,
        local: SocketAddr,
        target: Authority<'_>,
        head: &Parts,
    ) -> Result<(), ApiError> {
        if let Some(text) = only(&head.headers, &header::ORIGIN)? {
            let origin = Origin::parse(text).ok_or_else(|| ApiError::forbidden_origin(text))?;
            let is_allowed = self.settings.allowed_hosts.iter().any(|a| origin.host.is(a));
            let is_ours = origin.port == local.port() && self.accepts(local, origin.host);
            if !is_allowed && !is_ours && !origin.is_of(target) {
                return Err(ApiError::forbidden_origin(text));
            }
        }
        let is_harmless = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let site = only(&head.headers, &SEC_FETCH_SITE)?;
        match site {
            Some(site) if !is_harmless && is_of_others(site) => {
                Err(ApiError::forbidden_origin(site))
            }
            _ => Ok(()),
        }
    }

    fn check_token(&self, local: SocketAddr, head: &Parts) -> Result<Asker, ApiError> {
        match self.has_token(local, head) {
            Ok(()) => Ok(Asker::Known),
            Err(_) if is_open(head) => Ok(Asker::Stranger),
            Err(refusal) => Err(refusal),
        }
    }

    fn has_token(&self, local: SocketAddr, head: &Parts) -> Result<(), ApiError> {
        let Some(token) = &self.settings.token else {
            // The config demands a token beyond loopback, but a socket may come from elsewhere
            // and outlive the token.
            if local.ip().to_canonical().is_loopback() {
                return Ok(());
            }
            return Err(ApiError::unauthorized(
                "set `server.token`: this address is reached from other machines",
            ));
        };
        let shown = only(&head.headers, &header::AUTHORIZATION)?.and_then(bearer);
        match shown {
            Some(shown) if is_same(token, shown) => Ok(()),
            Some(_) => Err(ApiError::unauthorized("the token is not the one of `server.token`")),
            None => Err(ApiError::unauthorized("send the token as `Authorization: Bearer TOKEN`")),
        }
    }
}

/// Whether a value of `Sec-Fetch-Site` says that a page of another site sends the request. Browsers
/// write it in lower case; what stands between may write it otherwise.
fn is_of_others(site: &str) -> bool {
    let site = site.trim();
    ["cross-site", "same-site"].iter().any(|other| site.eq_ignore_ascii_case(other))
}

/// Whether a request needs no token: its response holds no data of the workers, but for whether
/// they are well.
fn is_open(head: &Parts) -> bool {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    is_read && matches!(head.uri.path(), "/" | "/health" | "/health/")
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    Ok(http::only_value(headers, name)?)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Compares in constant time: how long it takes depends on the length of what the client shows,
/// never on where the two differ.
fn is_same(token: &Secret, shown: &str) -> bool {
    let (token, shown) = (token.expose().as_bytes(), shown.as_bytes());
    let mut same: Choice = token.len().ct_eq(&shown.len());
    for (mine, theirs) in token.iter().cycle().zip(shown) {
        same &= mine.ct_eq(theirs);
    }
    same.into()
}

#[cfg(test)]
mod tests;
