//! The other two destinations: a recovered copy of the original, and a new VM.

use std::fs;

use model::{VisibleState, view::SessionView};

use super::{Home, LIMIT, sites, text};
use crate::console::{Console, until};

#[test]
fn a_recovered_vm_takes_the_originals_place_after_an_undo() {
    let Some(home) = Home::new() else { return };
    // What other tools restored of the original.
    let restored = format!("{}-restored", home.name);
    fs::copy(home.disk(&home.name), home.disk(&restored)).expect("copied");
    home.define(&restored);
    let console = home.console(None);
    home.connect(&console);
    let row = home.failed_over(&console);
    let uuid = home.virsh_prod(&["domuuid", &restored]);
    let prod = until("the site", LIMIT, || {
        let sites = sites(&console)?.sites;
        sites.into_iter().find(|it| it.name == "Hamburg real")
    });
    let target = format!("{}/{uuid}", prod.id);
    let line = [
        ("replicas[0]", row.id.as_str()),
        ("targets[0]", &target),
        ("others[0]", ""),
        ("press", "next"),
    ];
    let chosen = [("destination", "recovered_vm"), ("press", "next")];
    let elsewhere = Elsewhere {
        home: &home,
        console: &console,
        session: &home.name,
        vm: &restored,
        log: &restored,
        steps: &[("destination", &chosen), ("target", &line)],
    };
    elsewhere.ends(&elsewhere.serves(), "undo");
    let disk = home.disk(&restored);
    assert_eq!(home.newest(&home.hosts.prod, &restored), text(&disk));
    home.qemu_img(&["compare", &text(&disk), &text(&home.path("before.qcow2"))]);

    home.read_again(&console);
    elsewhere.ends(&elsewhere.serves(), "commit");
    elsewhere.is_production();
}

#[test]
fn a_new_vm_is_made_like_the_replica_boots_and_is_gone_after_an_undo() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    let made = format!("{}-failback", home.name);
    let chosen = [("destination", "specified_location"), ("press", "next")];
    let next = [("press", "next")];
    let elsewhere = Elsewhere {
        home: &home,
        console: &console,
        session: &made,
        vm: &made,
        // Its definition is the replica's, so it boots as that did, and writes to the same console.
        log: &home.replica(),
        steps: &[
            ("destination", &chosen),
            ("host", &next),
            ("pool", &next),
            ("datastore", &next),
            ("folder", &next),
            ("network", &next),
        ],
    };
    elsewhere.ends(&elsewhere.serves(), "undo");
    let names = home.virsh_prod(&["list", "--all", "--name"]);
    assert!(!names.lines().any(|name| name.trim() == made), "{names}");

    home.read_again(&console);
    elsewhere.ends(&elsewhere.serves(), "commit");
    elsewhere.is_production();
}

/// A failback to another VM than the original.
struct Elsewhere<'a> {
    home: &'a Home,
    console: &'a Console,
    /// What the session is called.
    session: &'a str,
    /// The VM at production.
    vm: &'a str,
    /// Whose console it writes to.
    log: &'a str,
    /// The wizard's steps to it.
    steps: &'a [(&'a str, &'a [(&'a str, &'a str)])],
}

impl Elsewhere<'_> {
    /// Goes there: the disk is equal, and the VM boots and finds what the replica wrote last.
    fn serves(&self) -> SessionView {
        let row = self.home.failed_over(self.console);
        // A guest that has only begun to boot after an undo has not said what it wrote last.
        let replica = self.home.replica();
        let ticks = self.home.ticks(&replica);
        until("the replica's guest", LIMIT, || {
            (self.home.ticks(&replica) > ticks).then_some(())
        });
        Home::finish_by(self.console, row.id.as_str(), self.steps);
        let reached = |state: VisibleState| {
            Home::session_of(self.console, self.session, &format!("{state:?}"), |it| {
                it.summary.state == state
            })
        };
        let ready = reached(VisibleState::ReadyToSwitch);
        self.console.act(&ready, "switch_now");
        let back = reached(VisibleState::Failback);
        self.home.is_equal(self.vm);
        self.home.boots_as(self.vm, self.log);
        back
    }

    fn ends(&self, back: &SessionView, operation: &str) {
        self.console.act(back, operation);
        Home::session_of(self.console, self.session, "the end", |it| {
            it.summary.ended_at.is_some()
        });
    }

    /// It took the original's place, and the original is as it was.
    fn is_production(&self) {
        let row = until("the replica's row", LIMIT, || {
            self.home
                .row(self.console)
                .filter(|row| row.state == VisibleState::Ready)
        });
        assert_eq!(row.production_name, self.vm);
        let (original, before) = (self.home.original(), self.home.path("before.qcow2"));
        let now = self.home.disk(&original);
        self.home
            .qemu_img(&["compare", &text(&now), &text(&before)]);
    }
}
