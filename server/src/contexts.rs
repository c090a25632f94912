//! What pages and server functions find in their reactive context, and streams in their handler.

use app::layout::OpenToNetwork;
use leptos::prelude::provide_context;
use service::{Service, local_operator};
use tokio_util::sync::CancellationToken;

/// Handles given to everything that answers a request. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Contexts {
    service: Service,
    open_to_network: bool,
    shutdown: CancellationToken,
}

impl Contexts {
    /// Gathers the handles; `open_to_network` shows a banner on every page, `shutdown` is cancelled
    /// when the server stops.
    #[must_use]
    pub const fn new(service: Service, open_to_network: bool, shutdown: CancellationToken) -> Self {
        Self {
            service,
            open_to_network,
            shutdown,
        }
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
        provide_context(OpenToNetwork(self.open_to_network));
    }
}
