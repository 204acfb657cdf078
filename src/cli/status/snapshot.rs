//! [`StatusSnapshot`]: the workers and the health of the running arcanos at one moment.

use crate::cli::{
    client::{Client, ClientError, find},
    json::understand,
    wire,
};

/// What the running arcanos answered, as the table shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusSnapshot {
    pub(crate) status: wire::Status,
    pub(crate) health: wire::Health,
    /// The process of arcanos.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) address: String,
}

impl StatusSnapshot {
    /// Asks the running arcanos for everything that the table shows.
    ///
    /// # Errors
    /// It does not answer, or not as expected.
    pub(crate) async fn fetch(found: &find::Found) -> Result<Self, ClientError> {
        let (status, health) =
            tokio::join!(found.client.read("/workers/status"), health(&found.client));
        Ok(Self {
            status: understand(status?)?,
            health: health?,
            pid: found.instance.pid,
            address: found.instance.address.map_or_else(String::new, |a| format!("http://{a}")),
        })
    }
}

async fn health(client: &Client) -> Result<wire::Health, ClientError> {
    understand(client.read("/health").await?)
}
