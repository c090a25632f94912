//! What pages and server functions find in their reactive context, and streams in their handler.

use leptos::prelude::provide_context;
use service::{Service, local_operator};
use tokio_util::sync::CancellationToken;

/// Handles given to everything that answers a request. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Contexts {
    service: Service,
    shutdown: CancellationToken,
}

impl Contexts {
    /// Gathers the handles; `shutdown` is cancelled when the server stops.
    #[must_use]
    pub const fn new(service: Service, shutdown: CancellationToken) -> Self {
        Self { service, shutdown }
    }

    /// Ends when the server stops. Every long stream takes it, or it would hold up the shutdown.
    #[must_use]
    pub const fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The use cases.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Puts the handles in the reactive context of one request: for pages and server functions alike.
    pub fn provide(&self) {
        provide_context(self.service.clone());
        provide_context(local_operator());
    }
}
