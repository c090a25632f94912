//! `landfall lab reset|verify`: the lab from the command line.

use std::{collections::BTreeSet, io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use hypervisor::{
    Platform as _,
    lab::{Lab, LabSettings, Scale, Verdict, verify},
};

/// What to do with the lab.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Make the lab's estate anew; the console must not run
    Reset(ResetArgs),
    /// Compare each replica's protective point with its production disks, independently of
    /// Landfall's own data path; the console may run
    Verify(VerifyArgs),
}

/// How large the lab is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LabScale {
    /// A few VMs of some MiB, for tests
    Tiny,
    /// The sample estate
    #[default]
    Sample,
}

impl From<LabScale> for Scale {
    fn from(scale: LabScale) -> Self {
        match scale {
            LabScale::Tiny => Self::Tiny,
            LabScale::Sample => Self::Sample,
        }
    }
}

/// Arguments of `lab reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Directory of everything that Landfall keeps
    #[arg(long, default_value = ".landfall", value_name = "DIR")]
    data_dir: PathBuf,
    /// How large the estate is
    #[arg(long, value_enum, default_value_t)]
    scale: LabScale,
    /// How many VMs with replicas it has: those beyond its own are generated, with small disks
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MOST_VMS))]
    vms: u32,
}

/// More VMs than this are not generated.
pub(crate) const MOST_VMS: i64 = 100_000;

/// Arguments of `lab verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Directory of everything that Landfall keeps
    #[arg(long, default_value = ".landfall", value_name = "DIR")]
    data_dir: PathBuf,
}

/// Does what was asked, and prints what came of it. The exit status of `verify` is 0 when all is
/// equal, 1 when something differs, and 2 when it was not, or could not be, compared.
///
/// # Errors
/// With the cause and the next step.
pub fn run(command: LabCommand) -> anyhow::Result<ExitCode> {
    match command {
        LabCommand::Reset(args) => reset(&args).map(|()| ExitCode::SUCCESS),
        LabCommand::Verify(args) => verify_all(&args),
    }
}

fn reset(args: &ResetArgs) -> anyhow::Result<()> {
    let database = args.data_dir.join("landfall.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    if database.exists() {
        runtime.block_on(refuse_when_at_work(&database))?;
    }
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("make {}", args.data_dir.display()))?;
    let settings = LabSettings {
        scale: args.scale.into(),
        vms: args.vms,
        ..LabSettings::default()
    };
    let lab = Lab::open_anew(&args.data_dir, settings)?;
    if database.exists() {
        runtime.block_on(forget_pointers(&database, &lab))?;
    }
    lab.shutdown();
    say(&format!(
        "The lab in {} is as it was at the beginning.",
        args.data_dir.display()
    ));
    Ok(())
}

/// A reset under a session that is not over would pull its disks away.
async fn refuse_when_at_work(database: &std::path::Path) -> anyhow::Result<()> {
    let store = store::Store::open_path(database).await?;
    let active = store.session_list_active().await?;
    store.close().await;
    if let Some(session) = active.first() {
        bail!(
            "the failback of {} is not over. Start the console and commit, undo or cancel it first",
            session.vm_name
        );
    }
    Ok(())
}

/// What took the place of an original VM went with the old lab.
async fn forget_pointers(database: &std::path::Path, lab: &Lab) -> anyhow::Result<()> {
    let store = store::Store::open_path(database).await?;
    let known = store.protected_vm_list().await?.into_iter();
    let known: BTreeSet<_> = known.map(|row| row.id).collect();
    let mut pointers = Vec::new();
    for site in lab.sites() {
        let replicas = lab.inventory(&site)?.replicas.into_iter();
        let replicas = replicas.filter(|replica| known.contains(&replica.protected));
        pointers.extend(replicas.map(|replica| (replica.protected, replica.original)));
    }
    store.protected_vm_set_productions(&pointers).await?;
    store.close().await;
    Ok(())
}

fn verify_all(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let report = verify(&args.data_dir)?;
    let (words, status) = match report.verdict() {
        Verdict::Equal => ("All that was compared is equal.", 0),
        Verdict::Different => ("At least one pair of disks is not equal.", 1),
        Verdict::NotCompared => (
            "Not all disks could be compared; none is known to differ.",
            2,
        ),
        Verdict::NothingToCompare => ("There is nothing to compare: no session is at work.", 2),
    };
    say(&format!("{report}{words}"));
    Ok(ExitCode::from(status))
}

fn say(text: &str) {
    // A closed standard output is no failure of what was done.
    drop(writeln!(std::io::stdout().lock(), "{}", text.trim_end()));
}
