//! Moves the difference from one image to another and prints its counters: what `cargo xtask bench`
//! measures as a whole process. `apply [--dry-run] SOURCE TARGET`, both raw images.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use blockmap::BlockSize;
use disk::{Access, DiskError, Locator};
use model::DiskFormat;
use mover::{Controls, Meter, Proof, Scope, Task};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let dry_run = args.first().is_some_and(|first| first == "--dry-run");
    if dry_run {
        args.remove(0);
    }
    let [source, target] = args.as_slice() else {
        drop(writeln!(
            std::io::stderr(),
            "usage: apply [--dry-run] SOURCE TARGET"
        ));
        return ExitCode::from(2);
    };
    match run(source, target, dry_run) {
        Ok(text) => {
            drop(writeln!(std::io::stdout(), "{text}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error:?}"));
            ExitCode::FAILURE
        }
    }
}

fn run(source: &str, target: &str, dry_run: bool) -> Result<String, Box<dyn std::error::Error>> {
    let open = |path: &str, access| -> Result<_, DiskError> {
        disk::open(
            &Locator::File {
                path: PathBuf::from(path),
                format: DiskFormat::Raw,
            },
            access,
        )
    };
    let task = Task {
        source: open(source, Access::Read)?,
        target: open(target, if dry_run { Access::Read } else { Access::Write })?,
        scope: Scope::Whole,
        block: BlockSize::default(),
        journal: None,
        task_key: "bench".to_owned(),
        apply: !dry_run,
        proof: Proof::Cache,
    };
    let counters = mover::run(&task, &Controls::default(), &Meter::default())?.counters;
    Ok(format!(
        "scanned {}, skipped {}, different {}, sent {}, written {}, verified {}",
        counters.scanned,
        counters.skipped,
        counters.different,
        counters.sent,
        counters.written,
        counters.verified
    ))
}
