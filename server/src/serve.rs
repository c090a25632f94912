//! One running server: takes the address, answers, and stops in bounded time.
//!
//! Shutdown in order: the token is cancelled, which ends every long stream that holds a child of it;
//! the listener closes; requests at work get [`GRACE`] to finish; what is left is cut off; then the
//! sessions are parked and the back end closes.

use std::{future::Future, io, net::SocketAddr, path::PathBuf, time::Duration};

use proof::KeyStore;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, BackendError},
    config::Config,
    contexts::Contexts,
    port, router,
};

/// How long requests at work may take once the server stops.
pub const GRACE: Duration = Duration::from_secs(10);

/// A server that has its address and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
    backend: Backend,
}

/// A server that could not start or go on.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Another process holds the port.
    #[error(
        "port {} on {} is taken{}. Stop that process, or listen elsewhere: --listen {}",
        address.port(),
        address.ip(),
        holder.as_ref().map(|name| format!(" by {name}")).unwrap_or_default(),
        next_free(*address)
    )]
    PortTaken {
        /// What was asked for.
        address: SocketAddr,
        /// Who holds it, where that can be known.
        holder: Option<String>,
    },
    /// The address cannot be used for another reason.
    #[error("listen on {address}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The data directory cannot be made.
    #[error("make the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What works behind the console could not start.
    #[error("start the back end")]
    Backend(#[from] BackendError),
    /// The listener failed.
    #[error("answer requests")]
    Serve {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Server {
    /// Takes the address, opens the data directory and takes up the sessions in it. Nothing is
    /// answered before [`Self::run`].
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| bind_error(address, source))?;
        let address = listener
            .local_addr()
            .map_err(|source| ServeError::Bind { address, source })?;
        make_private_dir(&config.data_dir).map_err(|source| ServeError::DataDir {
            path: config.data_dir.clone(),
            source,
        })?;
        let open_to_network = config.open_to_network();
        let lab = (config.lab_scale.into(), config.lab_vms);
        let keys = KeyStore::of(&config.data_dir, config.master_key_file.as_deref());
        let backend = Backend::start(&config.data_dir, keys, lab, open_to_network).await?;
        Ok(Self {
            listener,
            address,
            config,
            backend,
        })
    }

    /// Where it listens; with port 0 asked for, the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is cancelled, then ends within [`GRACE`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let contexts = Contexts::new(
            self.backend.service(),
            self.config.open_to_network(),
            shutdown.child_token(),
        );
        let router = router::build(&self.config, self.address, contexts);
        let graceful = axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let served = within_grace(graceful.into_future(), &shutdown, GRACE).await;
        self.backend.shutdown().await;
        served.map_err(|source| ServeError::Serve { source })
    }
}

/// Drives the server; once `shutdown` is cancelled it has `grace` left.
async fn within_grace(
    serving: impl Future<Output = io::Result<()>>,
    shutdown: &CancellationToken,
    grace: Duration,
) -> io::Result<()> {
    let grace_is_over = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = serving => result,
        () = grace_is_over => {
            tracing::warn!(grace_s = grace.as_secs(), "cut off requests that did not end in time");
            Ok(())
        }
    }
}

fn bind_error(address: SocketAddr, source: io::Error) -> ServeError {
    if source.kind() == io::ErrorKind::AddrInUse {
        let holder = port::holder(address.port());
        return ServeError::PortTaken { address, holder };
    }
    ServeError::Bind { address, source }
}

/// The address to propose when a port is taken.
fn next_free(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(3001))
}

/// The data directory holds keys and guest data: nobody else reads it.
fn make_private_dir(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests;
