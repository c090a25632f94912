//! How long it takes: what a guest misses, and times beside copies of the whole disk.

use std::fs;

use model::{VisibleState, view::SessionView};

use super::{Home, LIMIT, MIB, text};
use crate::console::until;

/// What a guest missed while it came home: the seconds between its last tick at DR and its first at
/// production, by its own clock.
fn missed(home: &Home, boots: usize) -> i64 {
    let last = home.said(&home.replica());
    let last = last.rsplit_once("GUEST-TICK").and_then(|(_, it)| now(it));
    let first = until("production's guest", LIMIT, || {
        if home.boots_of(&home.name) == boots {
            return None;
        }
        let said = home.said(&home.name);
        let (_, boot) = said.rsplit_once("GUEST-UP")?;
        let (_, tick) = boot.split_once("GUEST-TICK")?;
        now(tick)
    });
    first - last.expect("it ticked")
}

/// When a tick was, in seconds.
fn now(tick: &str) -> Option<i64> {
    let word = tick.lines().next()?.split_whitespace();
    word.filter_map(|it| it.strip_prefix("now="))
        .next()?
        .parse()
        .ok()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are for the guide")]
fn a_guest_misses_what_the_session_says_and_its_boot() {
    let Some(home) = Home::new() else { return };
    let console = home.console(None);
    home.connect(&console);
    let original = [
        ("destination", "original_vm"),
        ("quick", "false"),
        ("press", "next"),
    ];
    let summary = [
        ("power_on", "true"),
        ("reason", "a test"),
        ("press", "finish"),
    ];
    for mode in [
        [("mode", "auto"), ("catch_up", "0"), ("press", "next")],
        [("mode", "manual"), ("catch_up", "10 s"), ("press", "next")],
    ] {
        let row = home.failed_over(&console);
        let boots = home.boots_of(&home.name);
        let ticks = home.ticks(&home.replica());
        until("the replica's guest", LIMIT, || {
            (home.ticks(&home.replica()) > ticks + 2).then_some(())
        });
        let steps: [(&str, &[(&str, &str)]); 3] = [
            ("destination", &original),
            ("mode", &mode),
            ("summary", &summary),
        ];
        Home::finish_through(&console, row.id.as_str(), &steps);
        if mode[0].1 == "manual" {
            let caught_up = home.session(&console, "a catch-up pass", |it| {
                let past = it.carriers.iter().any(|it| it.carrier.pass > 1);
                past && it.summary.state == VisibleState::ReadyToSwitch
            });
            console.act(&caught_up, "switch_now");
        }
        let back = home.in_state(&console, VisibleState::Failback);
        let told = back.actual.downtime.expect("it is over").0;
        let missed = missed(&home, boots);
        println!(
            "{}: the guest missed {missed} s, the session says {told} s",
            mode[0].1
        );
        let told = i64::try_from(told).expect("small");
        // Its clock has seconds; an emulated guest boots in some, and QEMU starts within the rest.
        assert!(
            (told - 2..told + 40).contains(&missed),
            "{missed} s, told {told} s"
        );
        console.act(&back, "undo");
        home.session(&console, "the end", |it| it.summary.ended_at.is_some());
        home.read_again(&console);
    }
}

/// Prints what a failback of a disk of 4 GiB with 1 % changed takes, beside copies of the whole disk.
#[test]
#[ignore = "minutes long, and its figures want a quiet machine: run it by hand, without capture"]
#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
fn times_beside_copies_of_the_whole_disk() {
    const DISK: u64 = 4096 * MIB;
    let home = Home::with_disk(|path| {
        let mut random = testkit::Random::new(7);
        let mut block = vec![0; 1 << 20];
        let file = fs::File::create(path).expect("made");
        file.set_len(DISK).expect("made");
        // 68 % of it, from where the guest does not write.
        for index in 64..64 + 2785 {
            random.fill(&mut block);
            let written = std::os::unix::fs::FileExt::write_all_at(&file, &block, index * MIB);
            written.expect("written");
        }
    });
    let Some(home) = home else { return };
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        work();
        let seconds = begun.elapsed().as_secs_f64();
        println!("{what}: {seconds:.2} s");
        seconds
    };
    let changes = |at: u64| {
        let command = format!("write -P 77 {} {}", at * MIB, 41 * MIB);
        let device = "/machine/peripheral/virtio-disk0/virtio-backend";
        let line = format!("qemu-io -d {device} \"{command}\"");
        home.virsh_dr(&["qemu-monitor-command", &home.replica(), "--hmp", &line]);
    };
    changes(1000);
    let copy = text(&home.path("blockcopy.qcow2"));
    let blockcopy = timed("virsh blockcopy of the whole disk", &mut || {
        let replica = home.replica();
        let arguments = [
            "blockcopy",
            &replica,
            "vda",
            "--dest",
            &copy,
            "--format",
            "qcow2",
        ];
        let ends = ["--transient-job", "--wait", "--finish"];
        home.virsh_dr(&[&arguments[..], &ends].concat());
    });
    fs::remove_file(&copy).expect("removed");
    let console = home.console(None);
    home.connect(&console);
    home.finish(&console);
    let ready = home.in_state(&console, VisibleState::ReadyToSwitch);
    let moved = |what: &str, session: &SessionView| {
        let mut steps = session.steps.iter().rev();
        let step = steps.find(|it| it.step == model::StepName::Transfer && it.done_at.is_some());
        let step = step.expect("it was done");
        let end = step.done_at.expect("it was done").0;
        #[expect(clippy::cast_precision_loss, reason = "microseconds of some minutes")]
        let seconds = (end - step.started_at.expect("it was begun").0) as f64 / 1e6;
        println!("{what}: {seconds:.2} s");
        seconds
    };
    let compared = moved("phase 1, all compared", &ready);
    changes(1500);
    console.act(&ready, "switch_now");
    let back = home.in_state(&console, VisibleState::Failback);
    let recorded = moved("phase 2, what was recorded", &back);
    home.equal();
    let converted = text(&home.path("convert.qcow2"));
    let from = home.newest(&home.hosts.dr, &home.replica());
    let convert = timed("qemu-img convert of the whole disk", &mut || {
        home.qemu_img(&[
            "convert", "-U", "-f", "qcow2", "-O", "qcow2", &from, &converted,
        ]);
    });
    for (what, seconds) in [("all compared", compared), ("what was recorded", recorded)] {
        println!(
            "{what}: {:.3} of blockcopy, {:.3} of convert",
            seconds / blockcopy,
            seconds / convert
        );
    }
}
