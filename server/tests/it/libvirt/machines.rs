//! Hosts that are other machines, and one that hangs.

use std::{fs, process::Command, time::Duration};

use model::VisibleState;

use super::{Home, LIMIT, run, sites, text};
use crate::console::until;

/// Neither host's images are files of the console's machine, as far as it knows.
#[test]
fn hosts_that_are_other_machines_fail_back_by_ssh_and_nbd_whatever_is_killed() {
    let Some(mut home) = Home::new() else { return };
    home.prod.clone_from(&home.hosts.prod_ssh);
    home.dr.clone_from(&home.hosts.dr_ssh);
    let console = home.console(None);
    home.connect(&console);
    drop(console);
    // Killed when the data is there and not yet merged.
    let console = home.console(Some("performed:8"));
    home.finish(&console);
    console.until_killed();
    let console = home.console(None);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    let carriers: Vec<_> = ready
        .disks
        .iter()
        .filter_map(|it| it.proxies.clone())
        .collect();
    assert!(
        carriers.iter().any(|it| it.contains("network")),
        "{carriers:?}"
    );
    // And the servers of the images, while data moves slowly.
    let slowly = [("operation", "set_limit"), ("limit_mib", "1")];
    console.ask(&ready, &slowly);
    let killer = std::thread::spawn({
        let folder = text(home.dir.path());
        move || kill_servers(&folder, 2)
    });
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    assert_eq!(killer.join().expect("it ended"), 2);
    home.equal();
    home.boots();
    home.commits(&console, &back);
}

/// Kills so many servers of images in a folder, one after the other; returns how many there were.
fn kill_servers(folder: &str, wanted: usize) -> usize {
    let begun = std::time::Instant::now();
    let mut killed = std::collections::BTreeSet::new();
    while killed.len() < wanted && begun.elapsed() < LIMIT {
        for entry in fs::read_dir("/proc").expect("processes").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(line) = fs::read(entry.path().join("cmdline")) else {
                continue;
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let is_one = line.starts_with("qemu-nbd") && line.contains(folder);
            if is_one && killed.len() < wanted && !killed.contains(&name) {
                // One that is killed before it serves is an error of its start.
                std::thread::sleep(Duration::from_millis(200));
                // One that has ended meanwhile was none.
                let kill = Command::new("kill").args(["-9", &name]).status();
                if kill.expect("kill is there").success() {
                    killed.insert(name);
                }
            }
        }
    }
    killed.len()
}

/// Found in review: one host that did not answer held the whole console up.
#[test]
fn a_host_that_hangs_is_told_holds_nobody_up_and_is_found_again() {
    let Some(home) = Home::new() else { return };
    // The real client, which hangs as long as a file is there.
    let (clients, hang) = (home.path("clients"), home.path("hang"));
    fs::create_dir(&clients).expect("made");
    let script = format!(
        "#!/bin/sh\nif [ -e {} ]; then exec sleep 60; fi\nexec {}/virsh \"$@\"\n",
        hang.display(),
        home.hosts.virsh_dir.display()
    );
    fs::write(clients.join("virsh"), script).expect("written");
    run(Command::new("chmod").arg("+x").arg(clients.join("virsh")));
    let console = home.console_through(&clients, None);
    home.connect(&console);
    fs::write(&hang, "").expect("written");

    // A VM of the lab goes all the way meanwhile.
    let row = until("the lab's replica", LIMIT, || {
        let mut rows = console.start_view()?.replicas.into_iter();
        rows.find(|row| row.name == "tiny-a-replica")
    });
    let begun = std::time::Instant::now();
    Home::finish_of(&console, row.id.as_str());
    let state = |state| {
        until("the lab's session", Duration::from_secs(30), || {
            let session = console.newest_session("tiny-a")?;
            (session.summary.state == state).then_some(session)
        })
    };
    console.act(&state(VisibleState::ReadyToSwitch), "switch_now");
    state(VisibleState::Failback);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );

    let error = || {
        let sites = sites(&console)?.sites.into_iter();
        Some(sites.filter_map(|site| site.error).collect::<Vec<_>>())
    };
    until("that it hangs", LIMIT, || {
        error()?
            .first()
            .filter(|it| it.contains("has not answered for 20 s"))
            .map(drop)
    });
    fs::remove_file(&hang).expect("removed");
    until("that it answers", LIMIT, || {
        error()?.is_empty().then_some(())
    });
}
