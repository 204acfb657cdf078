//! `arcanos run`: supervises and serves, until a signal.

use std::{io, net::TcpListener, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    args::Globals,
    exit::{self, Failure},
    load::chain,
    preflight::{self, Preflight},
    supervise, systemd,
};
use crate::{
    engine::ServerSettings,
    server::{self, Bound},
};

/// Runs until a signal.
///
/// # Errors
/// Whatever keeps arcanos from starting; then nothing was started.
pub(crate) fn run(globals: &Globals) -> Result<(), Failure> {
    // Before anything else is opened, so that no descriptor can be mistaken for it.
    let handed_over = systemd::handed_over();
    let preflight = preflight::prepare(globals)?;
    let handed_over = handed_over.map_err(|text| Failure::new(exit::CANNOT_LISTEN, text))?;
    supervise::block_on(serve(preflight, handed_over))
}

/// Takes the address of the config, or the socket that systemd hands over for it.
fn listen(settings: &ServerSettings, handed_over: Option<TcpListener>) -> Result<Bound, Failure> {
    let Some(socket) = handed_over else {
        return server::bind(settings)
            .map_err(|error| Failure::new(exit::CANNOT_LISTEN, chain(&error)));
    };
    let refused = |error: io::Error| {
        let text = format!("cannot use the socket that systemd hands over: {error}");
        Failure::new(exit::CANNOT_LISTEN, text)
    };
    let bound = server::adopt(socket, settings).map_err(refused)?;
    let address = bound.local_addr();
    if settings.token.is_none() && !address.ip().is_loopback() {
        let text = format!("systemd's socket listens on `{address}`, beyond this machine");
        return Err(Failure::new(exit::BAD_USAGE, text).with_remedy(
            "set `server.token` or `server.token_file`, or let it listen on 127.0.0.1",
        ));
    }
    Ok(bound)
}

async fn serve(mut preflight: Preflight, handed_over: Option<TcpListener>) -> Result<(), Failure> {
    let settings = ServerSettings::of(&preflight.loaded.config);
    let bound = listen(&settings, handed_over)?;
    // The record that `supervise` writes must name the address: who asks may come at once.
    preflight.instance.address = Some(bound.local_addr());
    let mut instance = preflight.instance.clone();
    let supervision = supervise::supervise(preflight).await?;
    let state = Arc::clone(&supervision.state);
    let end = CancellationToken::new();
    let handle = supervision.engine.handle();
    let mut addresses = bound.addresses();
    let record = async move {
        while addresses.changed().await.is_ok() {
            instance.address = Some(*addresses.borrow_and_update());
            let (state, instance) = (Arc::clone(&state), instance.clone());
            // A disk may hang. One that is full is tried again by the keeper of the directory.
            let written = tokio::task::spawn_blocking(move || state.write_instance(&instance));
            if let Ok(Err(error)) = written.await {
                let error = chain(&error);
                tracing::warn!(error, "Address cannot be put down for the command line yet.");
            }
        }
    };
    let served = async {
        tokio::join!(
            server::serve(bound, handle, end.clone()),
            // It may wait for a disk that hangs.
            end.run_until_cancelled(record),
        );
    };
    supervision.until_signal(|| end.cancel(), served).await
}
