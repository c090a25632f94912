//! What one start of the server is told, checked before anything is opened.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::lab_cli::{LabScale, MOST_VMS};

/// Where the console listens when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:3000";

/// The command line of `landfall serve`, as it was given.
#[derive(Clone, Debug, clap::Args)]
pub struct RawConfig {
    /// Address and port to listen on
    #[arg(long, default_value = DEFAULT_LISTEN, value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Directory of everything that Landfall keeps; made when it does not exist
    #[arg(long, default_value = ".landfall", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Directory of the built site; by default `site` beside the program's own directory
    #[arg(long, value_name = "DIR")]
    pub site_dir: Option<PathBuf>,
    /// File of the master key, which seals the key that signs certificates; made when neither
    /// exists. By default `master.key` in the data directory
    #[arg(long, value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,
    /// Serve beyond loopback although nobody signs in: whoever reaches the port may do everything
    #[arg(long)]
    pub allow_unauthenticated: bool,
    /// A further host name under which browsers may reach the console; may be repeated
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// How large the lab is that an empty data directory gets
    #[arg(long, value_enum, default_value_t)]
    pub lab_scale: LabScale,
    /// How many VMs with replicas that lab has: those beyond its own are generated, with small disks
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=MOST_VMS))]
    pub lab_vms: u32,
}

/// A start that can work: what [`RawConfig`] says, with every refusal behind it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Directory of everything that Landfall keeps.
    pub data_dir: PathBuf,
    /// File of the master key, where it does not lie in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// Directory of the built site.
    pub site_dir: PathBuf,
    /// Host names that are answered besides the loopback ones, in lower case.
    pub allow_hosts: Vec<String>,
    /// How large the lab is that an empty data directory gets.
    pub lab_scale: LabScale,
    /// How many VMs with replicas that lab has; 0 is those of its scale.
    pub lab_vms: u32,
}

/// A start that was refused. Each text names the cause and the next step.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Listening beyond loopback was not agreed to.
    #[error(
        "refused to listen on {listen}: nobody signs in yet, so whoever reaches this port may \
         start, cancel and undo failbacks. Listen on {DEFAULT_LISTEN} and reach it from elsewhere \
         with `ssh -L`, or accept the risk with --allow-unauthenticated"
    )]
    BeyondLoopback {
        /// The address that was asked for.
        listen: SocketAddr,
    },
    /// There is no built site.
    #[error(
        "no built site at {}: {} is missing. Build it with `cargo xtask site`, or name another \
         directory with --site-dir",
        site_dir.display(),
        missing.display()
    )]
    NoSite {
        /// Where the site was looked for.
        site_dir: PathBuf,
        /// The file that is not there.
        missing: PathBuf,
    },
    /// The directory of the program itself cannot be known.
    #[error("find the program's own directory; name the site with --site-dir")]
    OwnDirectory {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl RawConfig {
    /// Checks what was given. Reads the disk, changes nothing.
    pub fn check(self) -> Result<Config, ConfigError> {
        if !self.listen.ip().is_loopback() && !self.allow_unauthenticated {
            return Err(ConfigError::BeyondLoopback {
                listen: self.listen,
            });
        }
        let site_dir = match self.site_dir {
            Some(dir) => dir,
            None => default_site_dir()?,
        };
        let missing = site_dir.join("pkg").join("landfall.js");
        if !missing.is_file() {
            return Err(ConfigError::NoSite { site_dir, missing });
        }
        Ok(Config {
            listen: self.listen,
            data_dir: self.data_dir,
            master_key_file: self.master_key_file,
            site_dir,
            allow_hosts: self
                .allow_host
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            lab_scale: self.lab_scale,
            lab_vms: self.lab_vms,
        })
    }
}

impl Config {
    /// Whether others than this machine may reach the console.
    #[must_use]
    pub fn open_to_network(&self) -> bool {
        !self.listen.ip().is_loopback()
    }
}

/// `target/release/landfall` finds `target/site`; an installed `bin/landfall` finds `site`.
fn default_site_dir() -> Result<PathBuf, ConfigError> {
    let program = std::env::current_exe().map_err(|source| ConfigError::OwnDirectory { source })?;
    let directory = program
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."));
    Ok(directory.join("site"))
}

#[cfg(test)]
mod tests;
