//! Ends waits for a peer that does not answer: another thread hangs up for whoever waits.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::socket::Socket;

/// The sockets of one disk, to be hung up together and for good.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    interrupted: bool,
    sockets: Vec<Weak<Socket>>,
}

impl Interrupt {
    /// Hangs up on the peer of every socket, and of every one to come.
    pub(super) fn interrupt(&self) {
        let mut state = self.lock();
        state.interrupted = true;
        for socket in state.sockets.drain(..).filter_map(|it| it.upgrade()) {
            socket.shut_down(std::net::Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Takes a socket in before anybody waits for its peer.
    ///
    /// # Errors
    /// When it is to be used no more.
    pub(super) fn watch(&self, socket: &Arc<Socket>) -> io::Result<()> {
        let mut state = self.lock();
        if state.interrupted {
            return Err(interrupted());
        }
        state.sockets.retain(|it| it.strong_count() > 0);
        state.sockets.push(Arc::downgrade(socket));
        Ok(())
    }

    /// Lets some time pass.
    ///
    /// # Errors
    /// When that was interrupted, or something was before.
    pub(super) fn rest(&self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        let mut state = self.lock();
        loop {
            if state.interrupted {
                return Err(interrupted());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn interrupted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the disk was interrupted")
}
