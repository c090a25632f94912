//! A guest: a thread that appends records to a file of its VM's first disk, one per tick.
//!
//! Records carry a sequence number and a checksum, so anybody can tell later whether a disk holds
//! every write up to a moment. A guest asks the disk where it left off, never its memory.

mod journal;

use std::{
    cell::Cell,
    fmt, io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use disk::Disk;

use crate::clock;

pub(crate) use self::journal::{
    JOURNAL, JOURNAL_LEN, Records, STATUS, STATUS_LEN, read_records, record_at,
};
use self::journal::{next_sequence, slot_offset, status_text};
use super::guestfs::{self, Volume};

/// Every so many records the guest rewrites its status file as well.
const STATUS_EVERY: u64 = 16;

/// How guests behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestSettings {
    /// Between two records.
    pub(crate) tick: Duration,
    /// From a request to shut down until the guest is off.
    pub(crate) shutdown_delay: Duration,
}

impl Default for GuestSettings {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(250),
            shutdown_delay: Duration::from_secs(2),
        }
    }
}

/// A running guest. Dropping it stops it like [`Guest::stop`], without waiting.
pub(crate) struct Guest {
    name: String,
    commands: Sender<Command>,
    life: Arc<Life>,
}

enum Command {
    Shutdown,
    Stop,
}

/// Whether the thread still has the disk.
#[derive(Default)]
struct Life {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Life {
    fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn has_ended(&self) -> bool {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            ended = self
                .changed
                .wait(ended)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Ends the life when the thread does, however it does.
struct EndOfLife(Arc<Life>);

impl Drop for EndOfLife {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("name", &self.name)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

/// Starts a guest on a disk; one without a disk writes nothing. After a shutdown it has asked for, `on_exit` is called once, on the
/// guest's thread, when the disk is released; a deaf guest never shuts down.
pub(crate) fn spawn(
    name: &str,
    disk: Option<Arc<dyn Disk>>,
    settings: GuestSettings,
    deaf: bool,
    on_exit: Box<dyn FnOnce() + Send>,
) -> Guest {
    let (commands, inbox) = mpsc::channel();
    let life = Arc::new(Life::default());
    let machine = Machine {
        name: name.to_owned(),
        disk,
        settings,
        deaf,
        failed: Cell::new(false),
    };
    let end = EndOfLife(Arc::clone(&life));
    let run = move || {
        let ending = machine.run(&inbox);
        // The disk first, then the news that it is free.
        drop(machine);
        drop(end);
        match ending {
            Ending::Shutdown => on_exit(),
            Ending::Stopped => {}
        }
    };
    // When no thread can be had, the closure is dropped, and with it the guest's life ends.
    if let Err(error) = thread::Builder::new()
        .name(format!("guest {name}"))
        .spawn(run)
    {
        tracing::error!(guest = name, %error, "guest not started");
    }
    Guest {
        name: name.to_owned(),
        commands,
        life,
    }
}

impl Guest {
    /// Asks the guest to shut down. It may take its time, or never do it.
    pub(crate) fn request_shutdown(&self) {
        self.send(Command::Shutdown);
    }

    /// Pulls the plug: waits for the write at hand, no more; the file system is not unmounted.
    /// When it returns, the guest has released the disk. `on_exit` is not called, unless the guest
    /// was just finishing a shutdown.
    pub(crate) fn stop(&self) {
        self.send(Command::Stop);
        self.life.wait();
    }

    /// Whether the guest still has its disk.
    pub(crate) fn is_running(&self) -> bool {
        !self.life.has_ended()
    }

    /// A guest that has ended hears nothing, and need not.
    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!(guest = self.name, "guest has ended already");
        }
    }
}

struct Machine {
    name: String,
    disk: Option<Arc<dyn Disk>>,
    settings: GuestSettings,
    deaf: bool,
    /// The newest record could not be written.
    failed: Cell<bool>,
}

enum Ending {
    Shutdown,
    Stopped,
}

/// A mounted file system and the number of the next record.
struct Mounted {
    volume: Volume,
    next: u64,
}

impl Machine {
    fn run(&self, inbox: &Receiver<Command>) -> Ending {
        let mut mounted = None;
        loop {
            self.tick(&mut mounted);
            match inbox.recv_timeout(self.settings.tick) {
                Ok(Command::Shutdown) if !self.deaf => return self.shut_down(inbox, mounted),
                Ok(Command::Shutdown) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return Ending::Stopped,
            }
        }
    }

    /// Goes on writing until the delay is over, then unmounts.
    fn shut_down(&self, inbox: &Receiver<Command>, mut mounted: Option<Mounted>) -> Ending {
        let mut left = self.settings.shutdown_delay;
        while !left.is_zero() {
            let wait = left.min(self.settings.tick.max(Duration::from_millis(1)));
            match inbox.recv_timeout(wait) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return Ending::Stopped,
                Ok(Command::Shutdown) | Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick(&mut mounted);
            left = left.saturating_sub(wait);
        }
        if let Some(mounted) = mounted
            && let Err(error) = mounted.volume.unmount()
        {
            tracing::warn!(guest = self.name, %error, "guest could not unmount");
        }
        Ending::Shutdown
    }

    /// Writes one record. What a failed write left in the cache is dropped; the next tick mounts
    /// again and finds on the disk how far it came.
    fn tick(&self, mounted: &mut Option<Mounted>) {
        let Some(disk) = &self.disk else { return };
        let current = match mounted.take() {
            Some(current) => Ok(current),
            None => self.mount(disk),
        };
        match current.and_then(Self::append) {
            Ok(current) => {
                self.failed.set(false);
                *mounted = Some(current);
            }
            // Said once: one whose disk has no file system tries for as long as it runs.
            Err(error) if !self.failed.replace(true) => {
                tracing::warn!(guest = self.name, %error, "guest could not write a record; it tries again");
            }
            Err(_) => {}
        }
    }

    fn mount(&self, disk: &Arc<dyn Disk>) -> io::Result<Mounted> {
        let volume = guestfs::mount(Arc::clone(disk))?;
        let next = next_sequence(&volume)?;
        if volume.is_dirty()? {
            tracing::info!(
                guest = self.name,
                next,
                "file system was not unmounted; guest goes on"
            );
        }
        Ok(Mounted { volume, next })
    }

    fn append(mut mounted: Mounted) -> io::Result<Mounted> {
        let (volume, sequence) = (&mounted.volume, mounted.next);
        volume.overwrite(
            JOURNAL,
            slot_offset(sequence),
            &record_at(sequence, clock::now_micros()),
        )?;
        if sequence.is_multiple_of(STATUS_EVERY) {
            volume.overwrite(STATUS, 0, &status_text(sequence))?;
        }
        volume.sync()?;
        mounted.next += 1;
        Ok(mounted)
    }
}

#[cfg(test)]
mod tests;
