//! The keys of a data directory. A console may run meanwhile.

use std::{path::PathBuf, process::ExitCode};

use anyhow::ensure;
use clap::Args;
use proof::{Fingerprint, KeyStore, KnownKey};

use super::{DataArgs, say};

/// Arguments of `certificate export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Only the key with this fingerprint; by default every key that signs or signed
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<Fingerprint>,
}

/// Arguments of `certificate rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    data: DataArgs,
    /// File of the master key, where it does not lie in the data directory
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
}

pub(super) fn list(args: &DataArgs) -> anyhow::Result<ExitCode> {
    for known in known(args)? {
        say(&line(&known));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(known: &KnownKey) -> String {
    let (print, made) = (known.key.fingerprint(), known.made_at.utc_text());
    match known.retired_at {
        None => format!("{print}  made {made}, signs"),
        Some(at) => format!("{print}  made {made}, retired {}", at.utc_text()),
    }
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let mut keys = known(&args.data)?;
    keys.retain(|known| args.key.is_none_or(|key| known.key.fingerprint() == key));
    ensure!(
        !keys.is_empty(),
        "no key has this fingerprint: `landfall certificate keys` lists them"
    );
    for known in keys {
        say(&known.key.to_pem());
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rotate(args: &RotateArgs) -> anyhow::Result<ExitCode> {
    let keys = KeyStore::of(&args.data.data_dir, args.master_key_file.as_deref());
    let key = keys.rotate(engine::now())?;
    say(&format!("From now on {} signs.", key.fingerprint()));
    Ok(ExitCode::SUCCESS)
}

fn known(args: &DataArgs) -> anyhow::Result<Vec<KnownKey>> {
    Ok(KeyStore::of(&args.data_dir, None).known()?)
}
