//! A modelled link: a command's standard input and output behind a rate and a delay.
//!
//! `xtask link` takes the place of ssh: its own input and output are the near end, the command's
//! are the far end. Each direction delivers a byte no sooner than the rate allows after the byte
//! before it, and half a round trip later. It counts the bytes.

use std::{
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// What goes over the link at once.
const CHUNK: usize = 16 * 1024;

/// Arguments of `xtask link`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Mbit per second in each direction
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Milliseconds of a round trip
    #[arg(long, default_value_t = 50.0)]
    round_trip: f64,
    /// Add the bytes of both directions to this file
    #[arg(long, value_name = "FILE")]
    count: Option<std::path::PathBuf>,
    /// The command at the far end; what rsync passes for a host comes first and is left out
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs the command behind the link.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let words = options.command.iter().skip_while(|word| *word == "far");
    let words: Vec<&String> = words.collect();
    let (program, args) = words.split_first().context("name a command")?;
    let mut child = if args.is_empty() {
        Command::new("sh")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    } else {
        Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    }
    .with_context(|| format!("start {program}"))?;
    let to = child.stdin.take().context("the far end's input")?;
    let from = child.stdout.take().context("the far end's output")?;
    let link = Link {
        bytes_per_second: options.rate * 1e6 / 8.0,
        delay: Duration::from_secs_f64(options.round_trip / 2000.0),
    };
    let sent = thread::spawn(move || link.carry(io::stdin(), to));
    let received = link.carry(from, io::stdout()).context("carry the answer")?;
    let status = child.wait().context("wait for the far end")?;
    if let Some(path) = &options.count {
        // The near end may keep its output open after the far end ended: what was carried counts.
        let sent = if sent.is_finished() {
            sent.join().ok().and_then(Result::ok).unwrap_or_default()
        } else {
            0
        };
        std::fs::write(path, format!("{sent} {received}\n")).context("write the count")?;
    }
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One direction's rate and delay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) bytes_per_second: f64,
    pub(super) delay: Duration,
}

impl Link {
    /// Carries everything; returns how many bytes.
    pub(super) fn carry(self, from: impl Read, to: impl Write + Send + 'static) -> io::Result<u64> {
        // As much as the link itself holds on its way, and no more: the sender feels the rate.
        let one = CHUNK as f64 / self.bytes_per_second;
        let room = (self.delay.as_secs_f64() + 0.01) / one;
        let room = (4..1 << 16).find(|count| f64::from(*count) >= room);
        let room = usize::try_from(room.unwrap_or(4)).unwrap_or(4);
        let (sender, receiver) = sync_channel(room);
        let delivered = thread::spawn(move || deliver(&receiver, to));
        let result = self.send(from, &sender);
        drop(sender);
        delivered
            .join()
            .map_err(|_| io::Error::other("the link panicked"))??;
        result
    }

    fn send(self, mut from: impl Read, to: &SyncSender<(Instant, Vec<u8>)>) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK];
        let mut free_at = Instant::now();
        let mut total = 0;
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Ok(total);
            }
            let begins = free_at.max(Instant::now());
            free_at = begins + Duration::from_secs_f64(read as f64 / self.bytes_per_second);
            total += read as u64;
            let chunk = buffer[..read].to_vec();
            if to.send((free_at + self.delay, chunk)).is_err() {
                return Ok(total);
            }
        }
    }
}

fn deliver(from: &Receiver<(Instant, Vec<u8>)>, mut to: impl Write) -> io::Result<()> {
    while let Ok((at, chunk)) = from.recv() {
        let now = Instant::now();
        if at > now {
            thread::sleep(at - now);
        }
        // The far end may have ended: what it no longer hears is not an error of the link.
        if to.write_all(&chunk).and_then(|()| to.flush()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calibration: bytes take the time that the model says, within a tenth.
    #[test]
    fn a_link_takes_the_time_of_its_rate_and_delay() {
        let link = Link {
            bytes_per_second: 20e6,
            delay: Duration::from_millis(40),
        };
        let content = vec![7_u8; 4_000_000];
        let begun = Instant::now();
        let carried = link.carry(content.as_slice(), io::sink()).expect("carried");
        let took = begun.elapsed().as_secs_f64();
        assert_eq!(carried, 4_000_000);
        assert!((0.24..0.27).contains(&took), "{took}");
        let begun = Instant::now();
        link.carry([1_u8].as_slice(), io::sink()).expect("carried");
        let took = begun.elapsed().as_secs_f64();
        assert!((0.04..0.06).contains(&took), "{took}");
    }
}
