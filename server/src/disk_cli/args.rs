//! What `landfall disk` can be told: its commands and their arguments.

use std::{
    num::{NonZeroUsize, ParseIntError},
    str::FromStr,
};

use clap::{Args, Subcommand, ValueEnum};
use disk::Disk;
use model::DiskFormat;
use mover::Unreadable;

/// What to do with disks.
#[derive(Debug, Subcommand)]
pub enum DiskCommand {
    /// Compare two disks and write nothing; status 0 when they are equal, 1 when not
    Diff(DiffArgs),
    /// Make the target equal to the source, writing only what differs, and prove it
    Sync(SyncArgs),
    /// Compare two disks as the devices hold them, past the host's cache
    Verify(DiffArgs),
    /// Be the far end of `sync --via`, over standard input and output
    Serve(super::via::ServeArgs),
    /// Show which ranges of a disk hold data and which are known to be zero
    Map(super::map::MapArgs),
    /// Offer a disk over NBD until Ctrl-C; the first line printed is its URI
    Export(super::export::ExportArgs),
}

/// A format of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Bytes as they are; also block devices
    Raw,
    /// qcow2, with its backing images
    Qcow2,
}

impl From<Format> for DiskFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Raw => Self::Raw,
            Format::Qcow2 => Self::Qcow2,
        }
    }
}

/// Two disks.
#[derive(Debug, Args)]
pub struct Ends {
    /// What is read: a path or an NBD URI
    pub(super) source: String,
    /// What is compared with it, and written by `sync`: a path or an NBD URI
    #[arg(
        required_unless_present = "via",
        conflicts_with = "via",
        default_value = ""
    )]
    pub(super) target: String,
    /// Format of the source; otherwise qcow2 by its first bytes, else raw
    #[arg(long, value_enum)]
    pub(super) source_format: Option<Format>,
    /// Format of the target
    #[arg(long, value_enum)]
    pub(super) target_format: Option<Format>,
    /// Unit of comparison in KiB: a power of two from 4 to 1024
    #[arg(long, value_name = "KIB", default_value_t = 64)]
    pub(super) block_size: u32,
    /// Look only at these ranges, as change tracking names them: a file with one `START LENGTH`
    /// in bytes per line
    #[arg(long, value_name = "FILE")]
    pub(super) ranges: Option<std::path::PathBuf>,
    /// Look only at what this dirty bitmap of the source names: an NBD server's context
    /// `qemu:dirty-bitmap:NAME`
    #[arg(long, value_name = "NAME", conflicts_with = "ranges")]
    pub(super) bitmap: Option<String>,
    /// Keep the target's digests in this file: while they are valid, the target is read only where
    /// it differs. With `--via` the far end keeps them
    #[arg(long, value_name = "FILE", conflicts_with = "via")]
    pub(super) digests: Option<std::path::PathBuf>,
    /// Keep the source's digests in this file: while they are valid, the source is read only where
    /// it differs
    #[arg(long, value_name = "FILE")]
    pub(super) source_digests: Option<std::path::PathBuf>,
    /// With --ranges or --bitmap: compare a random sample of the other blocks as well, and the whole disk once
    /// one of them differs; a number draws the same blocks each time
    #[arg(long, value_name = "SEED|auto|off", default_value = "auto")]
    pub(super) sample: Sampling,
    /// What to do with sectors of the source that cannot be read, also on a further try
    #[arg(long, value_enum, default_value_t)]
    pub(super) unreadable: Unread,
    /// Have at most so many reads and writes on their way at once
    #[arg(long, value_name = "N")]
    pub(super) queue: Option<NonZeroUsize>,
    /// Run this command as the far end and speak with it over its input and output: on the
    /// target's host, `landfall disk serve TARGET`
    #[arg(long, value_name = "COMMAND")]
    pub(super) via: Option<String>,
    /// Print one JSON object with every counter, and progress as JSON lines on standard error
    #[arg(long)]
    pub(super) json: bool,
}

/// Whether the ranges are checked, and what draws the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// By the time and the process.
    Auto,
    /// Not checked.
    Off,
    /// By this number.
    Seed(u64),
}

impl FromStr for Sampling {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        Ok(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            number => Self::Seed(number.parse()?),
        })
    }
}

/// What to do with sectors of the source that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Unread {
    /// End with an error that names them
    #[default]
    Stop,
    /// Leave the target's content of exactly these sectors, name each, go on, and end with status 2; not
    /// while digests are kept
    Skip,
}

impl From<Unread> for Unreadable {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Stop => Self::Stop,
            Unread::Skip => Self::Skip,
        }
    }
}

/// Arguments of `disk diff` and `disk verify`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub(super) ends: Ends,
}

/// Arguments of `disk sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    pub(super) ends: Ends,
    /// How what was written is proved
    #[arg(long, value_enum, default_value_t)]
    pub(super) verify: Verify,
    /// Where progress is kept, so that a later run goes on from what is proved
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<std::path::PathBuf>,
    /// Names the content of a source of which nothing tells whether it was written since, such as
    /// an NBD export: a journal is believed for one name only
    #[arg(long, value_name = "NAME", requires = "journal")]
    pub(super) source_version: Option<String>,
    /// Make what was written durable before the end; `--verify device` and `--journal` always do
    #[arg(long)]
    pub(super) flush: bool,
    /// Send at most so many MiB per second
    #[arg(long, value_name = "MIB")]
    pub(super) limit: Option<u64>,
}

/// How what was written is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Read back as the host's cache holds it
    #[default]
    Cache,
    /// Flush, and read back from the device
    Device,
    /// Not at all: only to measure what verification costs
    #[value(hide = true)]
    None,
}

impl Verify {
    /// As [`Verify::word`], of what really answered.
    pub(super) fn word_for(self, target: &dyn Disk) -> &'static str {
        match self {
            Self::Device if !target.reads_device() => "server",
            Self::Cache | Self::Device | Self::None => self.word(),
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Device => "device",
            Self::None => "none",
        }
    }
}
