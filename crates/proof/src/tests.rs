//! Certificates and keys as their checkers see them.

mod certificate;
mod keys;
mod measure;

use model::{
    ByteCount, CERTIFICATE_FORMAT, CERTIFIED_INSTANT, Certificate, CertifiedDisk, Destination,
    DiskKey, EpochId, PointName, SessionId, SiteId, Timestamp, VmRef,
};

use crate::Measure;

/// A certified disk of this content, in blocks of 4 KiB.
fn disk(name: &str, content: &[u8]) -> CertifiedDisk {
    let block = blockmap::BlockSize::MIN;
    let size = ByteCount(content.len() as u64);
    let mut measure = Measure::new(size, block);
    measure.put(0, content).unwrap();
    let measured = measure.finish().unwrap();
    let leaves = size.0.div_ceil(block.bytes());
    CertifiedDisk {
        name: name.to_owned(),
        replica_key: DiskKey::new("scsi0:0"),
        production_key: DiskKey::new("scsi0:0"),
        size,
        replica_root: measured.root,
        production_root: measured.root,
        regions: measured.regions,
        leaves,
        carried: leaves - leaves.min(1),
        proved_last: leaves.min(1),
    }
}

fn certificate(disks: Vec<CertifiedDisk>) -> Certificate {
    let vm = |site: &str, id: &str| VmRef {
        site: SiteId::new(site),
        platform_id: id.to_owned(),
    };
    Certificate {
        format: CERTIFICATE_FORMAT.to_owned(),
        software: "landfall 0.1.0".to_owned(),
        session: SessionId::new("01890a5d-ac96-774b-bcce-b302099a8057"),
        pass: 2,
        destination: Destination::OriginalVm,
        replica: "web-01-replica".to_owned(),
        replica_vm: vm("dr", "web-01-replica"),
        point: PointName::new("landfall-protective-2"),
        epoch: EpochId(3),
        carried_since: Some(EpochId(2)),
        production: "web-01 \"blue\" \u{fc}".to_owned(),
        production_vm: vm("production", "web-01"),
        started_at: Timestamp(1_700_000_000_000_000),
        verified_at: Timestamp(1_700_000_600_000_000),
        instant: CERTIFIED_INSTANT.to_owned(),
        block_size: ByteCount(4096),
        disks,
    }
}
