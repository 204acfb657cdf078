//! Sleeps until an optional deadline; without one, forever.

use tokio::time::{Instant, sleep_until};

/// Waits until this moment; for ever without one.
///
/// # Cancel safety
/// Nothing is lost: call it again with the same moment.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        // Boxed, since most callers live long and have no moment to wait for: a timer takes over a
        // hundred bytes in the future of each.
        Some(moment) => Box::pin(sleep_until(moment)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_moment_comes_and_no_moment_never_does() {
        until(Some(Instant::now())).await;
        assert!(until(None).now_or_never().is_none());
    }
}
