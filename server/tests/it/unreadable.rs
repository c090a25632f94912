//! A replica with a cluster that cannot be read: the session stops and names it, and goes on without
//! it when somebody says so.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use model::{Operation, VisibleState, view::CertificateView};

use crate::{
    case::{Case, LIMIT, Way, is_failback},
    console::until,
};

const CLUSTER: usize = 65_536;
/// The second: guests write to the first while this goes on.
const DISK: usize = 1;

/// An image with a cluster whose entry says that it is compressed, at a place that holds no
/// compressed data: reading it fails in every program.
struct Damage {
    image: PathBuf,
    /// Where the entry stands, and what it was.
    entry: usize,
    was: [u8; 8],
    /// Which cluster of the disk it is.
    cluster: usize,
}

impl Damage {
    /// To the last cluster of an image that has something.
    fn to(image: &Path) -> Self {
        let mut all = Self::to_all(image, 1);
        all.pop().expect("one")
    }

    /// To so many clusters of an image, the last first.
    fn to_all(image: &Path, count: usize) -> Vec<Self> {
        let mut bytes = fs::read(image).expect("an image");
        let number = |bytes: &[u8], at: usize| {
            let field: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            u64::from_be_bytes(field)
        };
        let offset = |entry: u64| usize::try_from(entry & 0x00ff_ffff_ffff_fe00).expect("fits");
        let l2 = offset(number(&bytes, offset(number(&bytes, 40))));
        let allocated: Vec<usize> = (0..CLUSTER / 8)
            .rev()
            .filter(|index| number(&bytes, l2 + index * 8) != 0)
            .take(count)
            .collect();
        assert_eq!(allocated.len(), count, "so many are allocated");
        // Compressed, and to be found where the table itself is.
        let hurt = (1_u64 << 62) | u64::try_from(l2).expect("fits");
        let damage = allocated.into_iter().map(|cluster| {
            let entry = l2 + cluster * 8;
            let was = bytes[entry..entry + 8].try_into().expect("eight bytes");
            bytes[entry..entry + 8].copy_from_slice(&hurt.to_be_bytes());
            Self {
                image: image.to_owned(),
                entry,
                was,
                cluster,
            }
        });
        let damage = damage.collect();
        fs::write(image, bytes).expect("written");
        damage
    }

    fn heal(&self) {
        let mut bytes = fs::read(&self.image).expect("an image");
        bytes[self.entry..self.entry + 8].copy_from_slice(&self.was);
        fs::write(&self.image, bytes).expect("written");
    }
}

/// The newest layer of that disk: what the replica wrote since its failover.
fn written(case: &Case) -> PathBuf {
    let vm = case
        .data()
        .join("lab/dr")
        .join(format!("{}-replica", case.vm));
    let text = fs::read_to_string(vm.join("vm.json")).expect("described");
    let described: serde_json::Value = serde_json::from_str(&text).expect("json");
    let layers = described["disks"][DISK]["layers"]
        .as_array()
        .expect("layers");
    let newest = layers.last().expect("a layer");
    vm.join(newest["file"].as_str().expect("an image"))
}

#[test]
fn what_cannot_be_read_stops_it_and_is_left_out_when_somebody_says_so() {
    let case = Case::by(Way::Original, "tiny-b");
    let console = case.start(None);
    until("the replica", LIMIT, || case.replica(&console));
    assert!(console.interrupt().success());
    let before = case.production_content();
    let damage = Damage::to(&written(&case));

    let console = case.start(None);
    case.finish(&console, "auto");
    let stuck = case.stuck_or_not(&console, "the stop", |session| {
        session.summary.attention.is_some()
    });
    let attention = stuck.summary.attention.as_ref().expect("it stopped");
    assert!(attention.unreadable, "{attention:?}");
    let from = damage.cluster * CLUSTER;
    assert!(
        attention.cause.contains(&format!("bytes {from} to")),
        "{}",
        attention.cause
    );
    let offered = |operation| {
        let mut all = stuck.operations.iter();
        all.any(|it| it.operation == operation && it.why_not.is_none())
    };
    assert!(offered(Operation::LeaveUnreadable) && offered(Operation::Retry));

    // Another try stops at the same place.
    console.act(&stuck, "retry");
    let since = attention.since;
    let again = case.stuck_or_not(&console, "the second stop", |session| {
        let attention = session.summary.attention.as_ref();
        attention.is_some_and(|attention| attention.since > since)
    });
    assert_eq!(again.summary.state, VisibleState::Synchronizing);
    let again_since = again.summary.attention.as_ref().expect("it stopped").since;

    console.act(&again, "leave_unreadable");
    // The sampled check of the switchover meets the cluster too, and consent was for phase 1.
    let consents = Cell::new(1_u32);
    let done = case.stuck_or_not(&console, "Failback", |session| {
        let attention = session.summary.attention.as_ref();
        if attention.is_some_and(|it| it.unreadable && it.since > again_since) {
            let switching = session.summary.state == VisibleState::Switching;
            consents.set(consents.get() + u32::from(switching));
            console.act(session, "leave_unreadable");
        }
        is_failback(session)
    });
    assert!(consents.get() > 1, "a later pass asks again");
    let named = format!(
        "64 KiB cannot be read at the replica and were left as production has them: bytes {from} to"
    );
    assert!(
        done.log.iter().any(|line| line.text.contains(&named)),
        "{:?}",
        done.log
    );
    match done.certificate.clone().expect("something is said") {
        CertificateView::Not { why } => assert!(why.contains("could not be read"), "{why}"),
        CertificateView::Signed(_) => panic!("certified what was never read"),
    }
    console.act(&done, "commit");
    case.session(&console, "the commit", |session| {
        session.summary.ended_at.is_some()
    });
    // Quick rollback would take both sides for equal as of it.
    let kept = until("the restore point", LIMIT, || {
        let replica = case.replica(&console)?;
        replica
            .restore_point
            .filter(|_| replica.state == VisibleState::Ready)
    });
    assert_eq!(kept.common(), None, "{kept:?}");
    assert!(console.interrupt().success());

    // But for the cluster, production holds what the replica does.
    let after = case.production_content();
    damage.heal();
    let replica = case.replica_content(0);
    let lost = from..from + CLUSTER;
    assert_ne!(replica[DISK][lost.clone()], before[DISK][lost.clone()]);
    let mut wanted = replica.clone();
    wanted[DISK][lost.clone()].copy_from_slice(&before[DISK][lost]);
    for (disk, (found, wanted)) in after.iter().zip(&wanted).enumerate() {
        assert!(found == wanted, "disk {disk}");
    }
}

/// A storage that is gone is not a few bad sectors, whoever agreed to those.
#[test]
fn more_than_single_sectors_stops_it_for_good_whatever_was_agreed_to() {
    let case = Case::by(Way::Original, "tiny-b");
    let console = case.start(None);
    until("the replica", LIMIT, || case.replica(&console));
    assert!(console.interrupt().success());
    let before = case.production_content();
    // More than a mebibyte.
    Damage::to_all(&written(&case), 20);

    let console = case.start(None);
    case.finish(&console, "auto");
    let stuck = case.stuck_or_not(&console, "the stop", |session| {
        let attention = session.summary.attention.as_ref();
        attention.is_some_and(|attention| attention.unreadable)
    });
    console.act(&stuck, "leave_unreadable");
    let stopped = case.stuck_or_not(&console, "the second stop", |session| {
        let attention = session.summary.attention.as_ref();
        attention.is_some_and(|attention| !attention.unreadable)
    });
    let cause = stopped.summary.attention.expect("it stopped").cause;
    assert!(cause.contains("far more than single sectors"), "{cause}");
    let cancel = case.stuck_or_not(&console, "the page", |_| true);
    console.act(&cancel, "cancel");
    case.stuck_or_not(&console, "the end", |session| {
        session.summary.ended_at.is_some()
    });
    assert!(console.interrupt().success());
    assert!(case.production_content() == before, "production changed");
}
