//! Two images, byte by byte, by means that are not Landfall's.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use model::DiskFormat;

use super::VerifyResult;

/// Bytes compared at a time.
const CHUNK: u64 = 1 << 20;

/// An image file.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    pub(super) format: DiskFormat,
}

/// Compares the content of two images.
pub(super) fn images(one: &Image, other: &Image) -> VerifyResult {
    match (one.format, other.format) {
        (DiskFormat::Raw, DiskFormat::Raw) => raw(&one.path, &other.path)
            .unwrap_or_else(|error| not_comparable(format!("read the images: {error}"))),
        (DiskFormat::Qcow2, _) | (_, DiskFormat::Qcow2) => qemu_img(one, other),
    }
}

fn raw(one: &Path, other: &Path) -> io::Result<VerifyResult> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    let (len, other_len) = (one.metadata()?.len(), other.metadata()?.len());
    if len != other_len {
        let text = format!("{len} and {other_len} bytes long");
        return Ok(VerifyResult::Different { text });
    }
    let mut position = 0;
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    while position < len {
        let part = usize::try_from((len - position).min(CHUNK)).unwrap_or(left.len());
        one.read_exact_at(&mut left[..part], position)?;
        other.read_exact_at(&mut right[..part], position)?;
        if left[..part] != right[..part] {
            let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count() as u64;
            let text = format!("first difference at byte {}", position + same);
            return Ok(VerifyResult::Different { text });
        }
        position += part as u64;
    }
    Ok(VerifyResult::Equal)
}

/// `-U`: a server that has the images open does not keep anybody from reading them.
fn qemu_img(one: &Image, other: &Image) -> VerifyResult {
    let output = Command::new("qemu-img")
        .args([
            "compare",
            "-U",
            "-f",
            one.format.word(),
            "-F",
            other.format.word(),
        ])
        .args([&one.path, &other.path])
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reason = "qcow2 images are compared with qemu-img, which is not installed; \
                          on Debian: apt-get install qemu-utils";
            return not_comparable(reason.to_owned());
        }
        Err(error) => return not_comparable(format!("start qemu-img: {error}")),
    };
    let text = one_line(&output.stdout, &output.stderr);
    match output.status.code() {
        Some(0) => VerifyResult::Equal,
        Some(1) => VerifyResult::Different { text },
        _ => not_comparable(format!("qemu-img compare failed: {text}")),
    }
}

fn one_line(stdout: &[u8], stderr: &[u8]) -> String {
    let text = format!(
        "{} {}",
        String::from_utf8_lossy(stdout),
        String::from_utf8_lossy(stderr)
    );
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn not_comparable(reason: String) -> VerifyResult {
    VerifyResult::NotComparable { reason }
}
