//! Why an effect failed, and whether trying again may help.

use hypervisor::{PlatformError, Retry};
use model::with_causes;
use mover::MoverError;
use store::StoreError;
use thiserror::Error;

/// A failed effect. Its text goes to the session's log and page, so it names cause and next step.
#[derive(Debug, Error)]
pub(crate) enum EffectError {
    /// The platform refused or failed.
    #[error("the platform failed")]
    Platform(#[from] PlatformError),
    /// A disk could not be opened.
    #[error("a disk failed")]
    Disk(#[from] disk::DiskError),
    /// The mover failed.
    #[error("disk {disk}: the transfer failed")]
    Mover {
        /// The disk's name.
        disk: String,
        /// Why.
        source: MoverError,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The operator or a shutdown stopped it.
    #[error("stopped")]
    Stopped,
    /// What is there contradicts what the session expects; only a person can decide.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// A thread that performed it died.
    #[error("a worker died")]
    Worker(#[from] tokio::task::JoinError),
    /// The directory of a disk's digests could not be made, or what must not be believed not removed.
    #[error("the kept digests")]
    Digests {
        /// Why.
        source: std::io::Error,
    },
    /// A journal directory could not be made or removed.
    #[error("journal directory {path}")]
    Journal {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What a person must look at.
#[derive(Debug, Error)]
pub(crate) enum Contradiction {
    /// The target's disks are not those that the session was planned for.
    #[error(
        "disk {disk} of the {side} VM is not as it was when the session was planned: {what}. \
         Cancel, check the VM, and start a new failback"
    )]
    Layout {
        /// The disk's name.
        disk: String,
        /// `production` or `replica`.
        side: &'static str,
        /// What differs.
        what: String,
    },
    /// Somebody else holds the VM.
    #[error("the production VM is held by {holder}. Release it there, then retry")]
    HeldByOther {
        /// Who.
        holder: String,
    },
    /// What was the production VM before the session was not recorded.
    #[error(
        "what was the production VM before this session is not recorded. Read the inventory \
         again, then retry"
    )]
    NoPointer,
    /// The session makes its production VM and does not say which.
    #[error("the session has no description of the VM to make. Cancel and start a new failback")]
    NoSpec,
    /// What is kept of the two sides differs after everything was verified.
    #[error(
        "disk {disk}: the digests of production are not those of the replica, although every \
         block was verified. Do not start production: undo, and keep the log"
    )]
    NotEqual {
        /// The disk's name.
        disk: String,
    },
    /// More cannot be read than anybody agreed to leave out.
    #[error(
        "disk {disk}: {unread} of the replica cannot be read, far more than single sectors. Nothing \
         of this pass reaches production. Mend the storage at the DR site, then retry, or cancel"
    )]
    TooMuchUnreadable {
        /// The disk's name.
        disk: String,
        /// How much.
        unread: model::ByteCount,
    },
    /// A guest did not go off even when it was powered off.
    #[error(
        "the replica is still on after it was powered off. Check it at its platform, then retry"
    )]
    StillOn,
}

impl EffectError {
    /// Whether the same effect may succeed later without a person.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Platform(error) => error.retry() == Retry::Temporary,
            // An effect opens its disks anew.
            Self::Disk(error) => error.is_temporary() || error.is_way_lost(),
            Self::Mover { source, .. } => source.is_temporary() || source.is_way_lost(),
            Self::Store(_) | Self::Worker(_) => true,
            Self::Stopped
            | Self::Contradiction(_)
            | Self::Journal { .. }
            | Self::Digests { .. } => false,
        }
    }

    /// Whether it stopped at sectors of the replica that cannot be read.
    pub(crate) const fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Mover {
                source: MoverError::Unreadable { .. },
                ..
            }
        )
    }

    /// The whole chain of causes as one sentence.
    pub(crate) fn sentence(&self) -> String {
        let text = with_causes(self);
        let mut letters = text.chars();
        let first = letters
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        let next_step = self.next_step();
        format!(
            "{first}{}.{next_step}",
            letters.as_str().trim_end_matches('.')
        )
    }

    /// What to do about it, where the causes do not say so themselves.
    fn next_step(&self) -> &'static str {
        match self {
            Self::Mover { source, .. } if source.is_full() => {
                " Make room where production's disks are, then retry, or cancel."
            }
            Self::Platform(_)
            | Self::Disk(_)
            | Self::Mover { .. }
            | Self::Store(_)
            | Self::Stopped
            | Self::Contradiction(_)
            | Self::Worker(_)
            | Self::Digests { .. }
            | Self::Journal { .. } => "",
        }
    }
}
