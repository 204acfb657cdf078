//! The client for what arcanos itself asks: it follows no redirects and keeps no connections.

use std::{error::Error, sync::Once};

use reqwest::{Client, Url, redirect};
use tokio::task;

use crate::domain::Authority;

/// Why there is no client for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientError {
    /// Its scheme is neither http nor https.
    BadScheme,
    /// This machine cannot make one, for example without any root certificate.
    NoClient(String),
}

/// A client for this address.
///
/// It follows no redirects, so a plain address never needs TLS: then no root certificates are
/// loaded. Requests to this machine do not go through a proxy of the environment.
pub(crate) async fn client(url: &Url) -> Result<Client, ClientError> {
    install_crypto();
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .user_agent(concat!("arcanos/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    let built = match url.scheme() {
        "http" => builder.tls_certs_only([]).build(),
        // The system's certificates are some hundred files, read with blocking calls.
        "https" => task::spawn_blocking(|| builder.build())
            .await
            .map_err(|_| ClientError::NoClient("the client could not be built".to_owned()))?,
        _ => return Err(ClientError::BadScheme),
    };
    built.map_err(|error| ClientError::NoClient(last_cause(&error)))
}

/// Makes rustls use ring, once a process.
fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that there is a provider already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Whether this address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let authority = url.host_str().and_then(Authority::parse);
    authority.is_some_and(|authority| authority.host.is_loopback())
}

/// The innermost cause: the ones around it repeat it and name the URL.
pub(crate) fn last_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
