//! A whole failback of a real VM: committed, undone, and with what is killed on the way.

use std::{process::Command, time::Duration};

use model::{PowerState, VisibleState};

use super::{Home, LIMIT, run, text};
use crate::console::until;

#[test]
fn a_real_vm_comes_home_equal_boots_and_is_committed() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    // Proxies are called as people called their site.
    let carried = &ready.carriers[0].carrier;
    assert!(
        carried.source.name.starts_with("Munich real-proxy-"),
        "{carried:?}"
    );
    // Production cannot be started by anybody else now.
    let held = Command::new(home.hosts.virsh_dir.join("virsh"))
        .args(["--connect", &home.hosts.prod, "start", &home.name])
        .output()
        .expect("virsh is there");
    assert!(String::from_utf8_lossy(&held.stderr).contains("/landfall/held-by/"));
    let ticks = home.ticks(&home.replica());
    until("the replica serves on", LIMIT, || {
        (home.ticks(&home.replica()) > ticks).then_some(())
    });

    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
    home.commits(&console, &back);
    let ticks = home.ticks(&home.name);
    until("production serves", LIMIT, || {
        (home.ticks(&home.name) > ticks).then_some(())
    });
}

#[test]
fn undo_returns_both_sides_to_what_they_were() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    home.boots();
    console.act(&back, "undo");
    home.session(&console, "the end", |it| it.summary.ended_at.is_some());
    home.is_at_its_own_image();
    home.qemu_img(&[
        "compare",
        &text(&home.disk(&home.name)),
        &text(&home.path("before.qcow2")),
    ]);
    let ticks = home.ticks(&home.replica());
    until("the replica serves again", LIMIT, || {
        (home.ticks(&home.replica()) > ticks).then_some(())
    });
    home.listed(&console, VisibleState::Failover, PowerState::On);
}

#[test]
fn killed_consoles_and_libvirtds_leave_what_ends_equal() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    drop(console);
    // Killed when the data is there and not yet merged.
    let console = home.console(Some("performed:8"));
    home.finish(&console);
    console.until_killed();
    for host in [&home.hosts.prod_dir, &home.hosts.dr_dir] {
        run(&mut Command::new(host.join("kill-libvirtd")));
    }
    let console = home.console(None);
    std::thread::sleep(Duration::from_secs(3));
    for host in [&home.hosts.prod_dir, &home.hosts.dr_dir] {
        run(&mut Command::new(host.join("start-libvirtd")));
    }
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    drop(console);
    // And in phase 2, before what was sent is merged.
    let console = home.console(Some("begun:7"));
    console.act(&ready, "switch_now");
    console.until_killed();
    let console = home.console(None);
    home.in_state(&console, VisibleState::Failback);
    home.equal();
    home.boots();
}
