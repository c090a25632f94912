//! `landfall site test|add|list|forget`: connected sites from the command line.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Error, bail};
use clap::{Args, Subcommand, ValueEnum};
use engine::{connect_site, forget_site};
use hypervisor::{
    lab::own_data_dir,
    libvirt::{ConnectionUri, LibvirtSettings, test_connection},
};
use model::{NewSite, SiteRole, SiteSettings};
use store::Store;

/// What to do with sites.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Try a connection and say what is there; nothing is saved
    Test(TestArgs),
    /// Try a connection and connect the site; the console must not run
    Add(AddArgs),
    /// List the connected sites
    List(DataArgs),
    /// Forget a site, and change nothing there; the console must not run
    Forget(ForgetArgs),
}

/// Arguments of `site test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// `qemu:///system`, `qemu+ssh://USER@HOST/system` or `qemu+tls://HOST/system`
    uri: String,
}

/// Where sites are kept.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Directory of everything that Landfall keeps
    #[arg(long, default_value = ".landfall", value_name = "DIR")]
    data_dir: PathBuf,
}

/// What a site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Where the original VMs run
    Production,
    /// Where the replicas are
    Dr,
}

/// Arguments of `site add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// What operators will call it
    name: String,
    /// Its address
    uri: String,
    /// What it is for
    #[arg(long, value_enum)]
    role: Role,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `site forget`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    data: DataArgs,
}

/// Does what was asked, and prints what came of it.
///
/// # Errors
/// With the cause and the next step.
pub fn run(command: SiteCommand) -> anyhow::Result<ExitCode> {
    match command {
        SiteCommand::Test(args) => say(&tried(&args.uri)?),
        SiteCommand::Add(args) => say(&add(&args)?),
        SiteCommand::List(args) => say(&list(&args)?),
        SiteCommand::Forget(args) => say(&forget(&args)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a host says of itself.
fn tried(uri: &str) -> anyhow::Result<String> {
    let uri = ConnectionUri::parse(uri)?;
    let report = test_connection(&LibvirtSettings::default(), &uri)
        .map_err(|why| Error::msg(format!("{uri}: {why}")))?;
    Ok(format!(
        "host {}, libvirt {}, QEMU {}, {} VMs",
        report.host, report.libvirt, report.qemu, report.vms
    ))
}

fn add(args: &AddArgs) -> anyhow::Result<String> {
    let _owner = own_data_dir(&args.data.data_dir)?;
    let site = NewSite {
        name: args.name.clone(),
        role: match args.role {
            Role::Production => SiteRole::Production,
            Role::Dr => SiteRole::DisasterRecovery,
        },
        uri: args.uri.clone(),
    };
    with_store(&args.data, async |store| {
        let connected = connect_site(store, &LibvirtSettings::default(), &site).await;
        let (_, said) = connected.map_err(Error::msg)?;
        Ok(said)
    })
}

fn list(args: &DataArgs) -> anyhow::Result<String> {
    if !args.data_dir.join("landfall.db").exists() {
        bail!("{} holds no Landfall data", args.data_dir.display());
    }
    with_store(args, async |store| {
        let sites = store.site_list().await?;
        if sites.is_empty() {
            return Ok("No site is connected.".to_owned());
        }
        let line = |site: &SiteSettings| {
            let role = match site.role {
                SiteRole::Production => "production",
                SiteRole::DisasterRecovery => "disaster recovery",
            };
            format!("{}\t{role}\t{}", site.name, site.uri)
        };
        Ok(sites.iter().map(line).collect::<Vec<_>>().join("\n"))
    })
}

fn forget(args: &ForgetArgs) -> anyhow::Result<String> {
    let _owner = own_data_dir(&args.data.data_dir)?;
    with_store(&args.data, async |store| {
        let known = store.site_list().await?;
        let Some(site) = known.into_iter().find(|site| site.name == args.name) else {
            bail!(
                "no site named {} is connected. `landfall site list` shows them",
                args.name
            );
        };
        forget_site(store, &site.id).await.map_err(Error::msg)
    })
}

fn with_store<T>(
    args: &DataArgs,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("make {}", args.data_dir.display()))?;
    runtime.block_on(async {
        let store = Store::open_path(&args.data_dir.join("landfall.db")).await?;
        let done = work(&store).await;
        store.close().await;
        done
    })
}

fn say(text: &str) {
    // A closed standard output is no failure of what was done.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}
