//! `arcanos run`: supervises and serves, until a signal.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    args::Globals,
    exit::{self, Failure},
    ground::{self, Ground},
    load::chain,
    supervise,
};
use crate::{engine::ServerSettings, server};

/// Runs until a signal.
///
/// # Errors
/// Whatever keeps arcanos from starting; then nothing was started.
pub(crate) fn run(globals: &Globals) -> Result<(), Failure> {
    let ground = ground::prepare(globals)?;
    supervise::runtime()?.block_on(serve(ground))
}

async fn serve(mut ground: Ground) -> Result<(), Failure> {
    let settings = ServerSettings::of(&ground.loaded.config);
    let bound = server::bind(&settings).map_err(|error| {
        Failure::new(exit::CANNOT_LISTEN, chain(&error))
            .with_remedy("set another `server.listen`, or PORT; `ss -ltnp` shows who has it")
    })?;
    // The record that `supervise` writes must name the address: who asks may come at once.
    ground.instance.address = Some(bound.local_addr());
    let mut instance = ground.instance.clone();
    let supervision = supervise::supervise(ground).await?;
    let state = Arc::clone(&supervision.state);
    let end = CancellationToken::new();
    let handle = supervision.engine.handle();
    let mut addresses = bound.addresses();
    let record = async move {
        while addresses.changed().await.is_ok() {
            instance.address = Some(*addresses.borrow_and_update());
            if let Err(error) = state.write_instance(&instance) {
                let error = chain(&error);
                tracing::warn!(error, "Address cannot be put down for the command line.");
            }
        }
    };
    let served = async {
        tokio::join!(server::serve(bound, handle, end.clone()), record);
    };
    supervision.until_signal(|| end.cancel(), served).await
}
