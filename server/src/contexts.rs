//! What pages and server functions find in their reactive context, and streams in their handler.

use tokio_util::sync::CancellationToken;

/// Handles given to everything that answers a request. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Contexts {
    shutdown: CancellationToken,
}

impl Contexts {
    /// Gathers the handles; `shutdown` is cancelled when the server stops.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown }
    }

    /// Ends when the server stops. Every long stream takes it, or it would hold up the shutdown.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Puts the handles in the reactive context of one request: for pages and server functions alike.
    pub fn provide(&self) {
        // The service and the actor are given from here once they exist.
    }
}
