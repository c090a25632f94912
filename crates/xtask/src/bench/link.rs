//! A modelled link: a command's standard input and output behind a rate and a delay.
//!
//! `xtask link` takes the place of ssh: its own input and output are the near end, the command's
//! are the far end. Each direction delivers a byte no sooner than the rate allows after the byte
//! before it, and half a round trip later. It counts the bytes.

use std::{
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
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
    let (sent, received) = (Carried::default(), Carried::default());
    {
        // The near end may keep its output open after the far end ended: nobody waits for this.
        let sent = sent.clone();
        thread::spawn(move || link.carry(io::stdin(), to, &sent));
    }
    link.carry(from, io::stdout(), &received)
        .context("carry the answer")?;
    let status = child.wait().context("wait for the far end")?;
    if let Some(path) = &options.count {
        append(path, &format!("{} {}\n", sent.bytes(), received.bytes()))
            .context("write the count")?;
    }
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn append(path: &std::path::Path, line: &str) -> io::Result<()> {
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path);
    file?.write_all(line.as_bytes())
}

/// Bytes of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried(Arc<AtomicU64>);

impl Carried {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// One direction's rate and delay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) bytes_per_second: f64,
    pub(super) delay: Duration,
}

impl Link {
    /// Carries everything, and counts it.
    pub(super) fn carry(
        self,
        from: impl Read,
        to: impl Write + Send + 'static,
        carried: &Carried,
    ) -> io::Result<()> {
        // As much as the link itself holds on its way, and no more: the sender feels the rate.
        let one = CHUNK as f64 / self.bytes_per_second;
        let room = (self.delay.as_secs_f64() + 0.01) / one;
        let room = (4..1 << 16).find(|count| f64::from(*count) >= room);
        let room = usize::try_from(room.unwrap_or(4)).unwrap_or(4);
        let (sender, receiver) = sync_channel(room);
        let delivered = thread::spawn(move || deliver(&receiver, to));
        let result = self.send(from, &sender, carried);
        drop(sender);
        delivered
            .join()
            .map_err(|_| io::Error::other("the link panicked"))??;
        result
    }

    fn send(
        &self,
        mut from: impl Read,
        to: &SyncSender<(Instant, Vec<u8>)>,
        carried: &Carried,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut free_at = Instant::now();
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            let begins = free_at.max(Instant::now());
            free_at = begins + Duration::from_secs_f64(read as f64 / self.bytes_per_second);
            carried.0.fetch_add(read as u64, Ordering::SeqCst);
            let chunk = buffer[..read].to_vec();
            if to.send((free_at + self.delay, chunk)).is_err() {
                return Ok(());
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
    use std::io::{PipeReader, PipeWriter, pipe};

    use super::*;

    const LINK: Link = Link {
        bytes_per_second: 20e6,
        delay: Duration::from_millis(40),
    };

    /// One direction of a link between two pipes, and its count.
    fn direction(link: Link) -> (PipeWriter, PipeReader, Carried) {
        let (from, near) = pipe().expect("a pipe");
        let (far, to) = pipe().expect("a pipe");
        let carried = Carried::default();
        let counted = carried.clone();
        thread::spawn(move || link.carry(from, to, &counted));
        (near, far, carried)
    }

    /// Seconds for so many bytes to arrive, all of them sent as fast as they are taken.
    fn time_of(link: Link, bytes: usize) -> (f64, u64) {
        let (mut near, mut far, carried) = direction(link);
        let begun = Instant::now();
        let sender = thread::spawn(move || near.write_all(&vec![7; bytes]));
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).expect("carried");
        sender.join().expect("sent").expect("sent");
        assert_eq!(arrived.len(), bytes);
        (begun.elapsed().as_secs_f64(), carried.bytes())
    }

    /// A machine that is busy can only be late: the best of three tries is judged.
    fn best(mut tries: impl FnMut() -> f64) -> f64 {
        (0..3).map(|_| tries()).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn bytes_take_the_time_of_the_rate_and_are_counted() {
        for bytes in [1_000_000, 4_000_000] {
            let took = best(|| {
                let (took, counted) = time_of(LINK, bytes);
                assert_eq!(counted, bytes as u64);
                took
            });
            let wanted = bytes as f64 / LINK.bytes_per_second + 0.04;
            assert!(took >= wanted - 0.001, "{took} is faster than the link");
            assert!(took < wanted * 1.1 + 0.005, "{took} for {wanted}");
        }
    }

    #[test]
    fn an_answer_takes_a_round_trip() {
        for milliseconds in [5, 50] {
            let link = Link {
                bytes_per_second: 125e6,
                delay: Duration::from_millis(milliseconds) / 2,
            };
            let (mut near, mut heard, there) = direction(link);
            let (mut answers, mut answer, back) = direction(link);
            thread::spawn(move || {
                let mut byte = [0];
                while heard.read_exact(&mut byte).is_ok() && answers.write_all(&byte).is_ok() {}
            });
            let wanted = Duration::from_millis(milliseconds).as_secs_f64();
            let took = best(|| {
                let begun = Instant::now();
                near.write_all(&[1]).expect("sent");
                answer.read_exact(&mut [0]).expect("answered");
                begun.elapsed().as_secs_f64()
            });
            assert!(took >= wanted, "{took} is faster than the link");
            assert!(took < wanted * 1.1 + 0.005, "{took} for {wanted}");
            assert_eq!((there.bytes(), back.bytes()), (3, 3));
        }
    }

    /// The sender feels the rate: what the link holds is bounded.
    #[test]
    fn a_link_holds_no_more_than_is_on_its_way() {
        let (mut near, far, carried) = direction(LINK);
        let sender = thread::spawn(move || near.write_all(&vec![7; 8_000_000]));
        thread::sleep(Duration::from_millis(150));
        assert!(!sender.is_finished());
        // 50 ms of the rate, what a pipe holds at each side, and the pieces at hand.
        assert!(carried.bytes() < 2_000_000, "{}", carried.bytes());
        drop(far);
        drop(sender.join());
    }
}
