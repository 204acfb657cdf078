//! `arcanos run`: supervises and serves, until a signal.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    args::Globals,
    exit::{self, Failure},
    load::chain,
    supervise::Ground,
};
use crate::{
    engine::ServerSettings,
    server,
};

/// Runs until a signal; answers with the exit code.
///
/// # Errors
/// Whatever keeps arcanos from starting; then nothing was started.
pub(crate) async fn run(globals: &Globals) -> Result<u8, Failure> {
    let ground = Ground::take(globals)?;
    let settings = ServerSettings::of(&ground.loaded.config);
    let bound = server::bind(&settings).map_err(|error| {
        Failure::new(exit::CANNOT_LISTEN, chain(&error))
            .with_remedy("set another `server.listen`, or PORT; `ss -ltnp` shows who has it")
    })?;
    let (state, mut instance) = (Arc::clone(&ground.state), ground.instance.clone());
    let supervision = ground.supervise().await?;
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
    Ok(supervision.until_signal(|| end.cancel(), served).await)
}
