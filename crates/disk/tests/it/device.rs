//! Block devices with sectors of both lengths.

use std::fs::{self, File};

use disk::{Access, ExtentKind, Locator, open};
use model::{ByteCount, ByteRange, DiskFormat};
use tempfile::TempDir;
use testkit::LoopDevice;

const SIZE: u64 = 8 << 20;

#[test]
fn a_block_device_says_its_sector_and_takes_any_range() {
    for sector in [512, 4096] {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("backing");
        let file = File::create(&path).expect("created");
        file.set_len(SIZE).expect("sized");
        let Some(device) = LoopDevice::attach(&path, sector) else {
            return;
        };
        let locator = Locator::File {
            path: device.path().to_owned(),
            format: DiskFormat::Raw,
        };
        let disk = open(&locator, Access::Write).expect("opened");
        assert_eq!((disk.size(), disk.sector()), (ByteCount(SIZE), sector));
        let mut expected = vec![0; usize::try_from(SIZE).expect("small")];
        // Whole sectors, and parts of them.
        for (start, len, value) in [(0, 65_536, 1), (100_000, 3000, 2), (SIZE - 700, 700, 3)] {
            let place = usize::try_from(start).expect("small");
            let content = vec![value; len];
            disk.write_at(start, &content).expect("written");
            expected[place..place + len].copy_from_slice(&content);
        }
        for (start, len) in [(4096, 8192), (20_000, 1000), (100_500, 512)] {
            let place = usize::try_from(start).expect("small");
            let range = ByteRange::new(start, len);
            disk.write_zeroes(range).expect("zeroed");
            expected[place..place + usize::try_from(len).expect("small")].fill(0);
        }
        disk.flush().expect("flushed");
        let mut all = vec![9; expected.len()];
        disk.read_at(0, &mut all).expect("read");
        assert!(all == expected, "{sector}");
        all.fill(9);
        disk.read_device(0, &mut all).expect("read");
        assert!(all == expected, "{sector}");
        let map = disk.extents(ByteRange::new(0, SIZE)).expect("mapped");
        assert_eq!(map.last().map(|last| last.range.end()), Some(SIZE));
        // What the map calls zero is zero.
        for extent in map.iter().filter(|extent| extent.kind == ExtentKind::Zero) {
            let from = usize::try_from(extent.range.start).expect("small");
            let to = usize::try_from(extent.range.end()).expect("small");
            assert!(expected[from..to].iter().all(|byte| *byte == 0));
        }
        drop(disk);
        drop(device);
        assert!(fs::read(&path).expect("read") == expected, "{sector}");
    }
}
