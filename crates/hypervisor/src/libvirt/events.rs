//! What a host tells by itself: whenever something happens to one of its domains, what was read of it is
//! read anew. While it tells, reading it again and again only repairs what was not told.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Site, lock, process};

/// A client that nobody ends, because we were killed, ends by itself after so long.
const ROUND: &str = "60";
/// Between two tries at a host that cannot be listened to.
const PAUSE: Duration = Duration::from_secs(5);

/// Listening to one host. It ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Events {
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The client that listens now.
    client: Mutex<Option<Child>>,
    tells: AtomicBool,
    over: AtomicBool,
}

impl Events {
    /// Begins to listen.
    pub(super) fn listen(site: &Arc<Site>) {
        let (heard, site) = (Arc::clone(&site.events.heard), Arc::downgrade(site));
        let thread = thread::Builder::new().name("libvirt-events".to_owned());
        let listens = thread.spawn(move || {
            while !heard.over.load(Ordering::SeqCst) {
                if !round(&heard, &site) {
                    heard.tells.store(false, Ordering::SeqCst);
                    thread::sleep(PAUSE);
                }
            }
        });
        if let Err(error) = listens {
            tracing::warn!(%error, "nobody listens to a host; it is read again and again");
        }
    }

    /// Whether the host tells what happens there.
    pub(super) fn tells(&self) -> bool {
        self.heard.tells.load(Ordering::SeqCst)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.heard.over.store(true, Ordering::SeqCst);
        if let Some(mut client) = lock(&self.heard.client).take() {
            process::end_group(&mut client);
        }
    }
}

/// Listens until the client ends; whether it ended because its time was over.
fn round(heard: &Heard, site: &Weak<Site>) -> bool {
    let Some(mut command) = site.upgrade().map(|site| site.virsh.command()) else {
        heard.over.store(true, Ordering::SeqCst);
        return false;
    };
    command.args(["event", "--all", "--loop", "--timeout", ROUND]);
    let output = {
        let mut client = lock(&heard.client);
        if heard.over.load(Ordering::SeqCst) {
            return false;
        }
        let Ok(mut child) = process::spawn(&mut command, Stdio::null(), Stdio::null()) else {
            return false;
        };
        let output = child.stdout.take();
        *client = Some(child);
        output
    };
    let changed = || {
        if let Some(site) = site.upgrade() {
            *lock(&site.read) = None;
        }
    };
    // What happened before it listened is not told.
    changed();
    let mut time_is_over = false;
    for line in output.into_iter().flat_map(|it| BufReader::new(it).lines()) {
        let Ok(line) = line else { break };
        time_is_over |= line.contains("timed out");
        let told = line.trim_start().starts_with("event '");
        if told || time_is_over {
            heard.tells.store(true, Ordering::SeqCst);
        }
        if told {
            changed();
        }
    }
    let ended = lock(&heard.client).take();
    let waited = ended.map(|mut client| client.wait());
    time_is_over && matches!(waited, Some(Ok(_)))
}
