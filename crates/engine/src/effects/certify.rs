//! The certificate: what the passes proved, put together from kept digests and signed while
//! production is still off. Reads no disk.
//!
//! Where something that it needs is not kept, there is no certificate and the session goes on: it
//! says why. Where what is kept says that the two sides differ, the session stops.

use blockmap::{BlockSize, TreeShape};
use model::{
    ByteCount, CERTIFICATE_FORMAT, CERTIFIED_INSTANT, Certificate, CertifiedDisk, DigestHex,
    EpochId, Hex, Timestamp, with_causes,
};
use mover::{Digests, KnownTree, Tree};
use store::{CertificateRow, Certified, DiskPassRow, SessionDisk};

use super::{Performed, Stage, transfer::newest_digests};
use crate::{
    clock, digests,
    failure::{Contradiction, EffectError},
    names::protective_point,
};

/// Signs, unless this pass is certified already.
pub(super) async fn run(
    stage: Stage,
    pass: u32,
    since: Option<EpochId>,
) -> Result<Performed, EffectError> {
    let (store, session) = (stage.store.clone(), stage.session.clone());
    let there = store.certificate_fetch(&session).await?;
    if there.is_some_and(|row| row.pass == pass) {
        return Ok(Performed::saying("nothing to do, it is so already"));
    }
    let row = store.session_fetch(&session).await?;
    let facts = Facts {
        pass,
        since,
        quick: row.as_ref().is_some_and(|row| row.machine.quick.is_some()),
        started_at: row.map_or(Timestamp(0), |row| row.started_at),
        passes: store.disk_counters_list(&session).await?,
    };
    let (performed, certified) =
        tokio::task::spawn_blocking(move || certify(&stage, &facts)).await??;
    let row = CertificateRow {
        pass,
        made_at: clock::now(),
        certified,
    };
    store.certificate_put(&session, &row).await?;
    Ok(performed)
}

/// What the store knows of the session.
struct Facts {
    pass: u32,
    since: Option<EpochId>,
    /// Phase 1 was a quick rollback.
    quick: bool,
    started_at: Timestamp,
    passes: Vec<DiskPassRow>,
}

/// Why there is no certificate, in words.
struct WhyNot(String);

fn certify(stage: &Stage, facts: &Facts) -> Result<(Performed, Certified), EffectError> {
    let certificate = match gather(stage, facts)? {
        Ok(certificate) => certificate,
        Err(why) => return Ok(without(why)),
    };
    let differs = |disk: &&CertifiedDisk| disk.replica_root != disk.production_root;
    if let Some(disk) = certificate.disks.iter().find(differs) {
        let disk = disk.name.clone();
        return Err(EffectError::Contradiction(Contradiction::NotEqual { disk }));
    }
    let signed = proof::agree(&certificate)
        .map_err(|error| error.to_string())
        .and_then(|_| stage.keys.signer().map_err(|error| with_causes(&error)))
        .and_then(|key| {
            let signer = key.public().fingerprint();
            let text = proof::sign(certificate, &key).map_err(|error| with_causes(&error))?;
            Ok((signer, text))
        });
    Ok(match signed {
        Ok((signer, text)) => {
            let performed = Performed::saying(format!("signed by {signer}"));
            (performed, Certified::Signed(text))
        }
        Err(why) => without(WhyNot(why)),
    })
}

fn without(WhyNot(why): WhyNot) -> (Performed, Certified) {
    let performed = Performed {
        warnings: vec![format!("There is no certificate: {why}.")],
        ..Performed::saying("no certificate")
    };
    (performed, Certified::Not(why))
}

fn gather(stage: &Stage, facts: &Facts) -> Result<Result<Certificate, WhyNot>, EffectError> {
    let point = protective_point(&stage.session, facts.pass);
    if let Some(row) = facts
        .passes
        .iter()
        .find(|row| row.counters.unread > ByteCount::ZERO)
    {
        return Ok(Err(WhyNot(format!(
            "{} of disk {} could not be read at the replica and were left out",
            row.counters.unread, row.disk
        ))));
    }
    let Some(epoch) = stage.point_epoch(&point)? else {
        return Ok(Err(WhyNot(format!("the point {point} is gone"))));
    };
    let mut disks = Vec::new();
    for disk in &stage.disks {
        match certified(stage, facts, disk, epoch)? {
            Ok(one) => disks.push(one),
            Err(WhyNot(why)) => return Ok(Err(WhyNot(format!("disk {}: {why}", disk.name)))),
        }
    }
    Ok(Ok(Certificate {
        format: CERTIFICATE_FORMAT.to_owned(),
        software: format!("landfall {}", env!("CARGO_PKG_VERSION")),
        session: stage.session.clone(),
        pass: facts.pass,
        destination: stage.destination,
        replica: stage.dr.vm(&stage.replica_vm)?.name,
        replica_vm: stage.replica_vm.clone(),
        point,
        epoch,
        carried_since: facts.since,
        production: stage.production.vm(&stage.production_vm)?.name,
        production_vm: stage.production_vm.clone(),
        started_at: facts.started_at,
        verified_at: clock::now(),
        instant: CERTIFIED_INSTANT.to_owned(),
        block_size: ByteCount(BlockSize::default().bytes()),
        disks,
    }))
}

fn certified(
    stage: &Stage,
    facts: &Facts,
    disk: &SessionDisk,
    epoch: EpochId,
) -> Result<Result<CertifiedDisk, WhyNot>, EffectError> {
    let shape = TreeShape {
        size: disk.size,
        block: BlockSize::default(),
    };
    let ours = digests::of_point(
        &stage.data_dir,
        &stage.replica_vm,
        &disk.key,
        &stage.session,
        epoch,
    );
    let ours = ours.map_err(|source| EffectError::Digests { source })?;
    let tree = |side, of: &Digests| tree(side, of, shape, facts.quick);
    let trees = tree("replica", &ours).and_then(|replica| {
        let theirs = newest_digests(stage, disk, None).map_err(|error| WhyNot(error.sentence()))?;
        Ok((replica, tree("production VM", &theirs)?))
    });
    let (replica, production) = match trees {
        Ok(trees) => trees,
        Err(why) => return Ok(Err(why)),
    };
    let mut passes = facts.passes.iter();
    let row = passes.find(|row| row.disk == disk.key && row.pass == facts.pass);
    let Some(row) = row else {
        return Ok(Err(WhyNot("its last pass is not recorded".to_owned())));
    };
    let leaves = shape.count(0);
    let proved_last = row.counters.to_scan.0.div_ceil(shape.block.bytes());
    Ok(Ok(CertifiedDisk {
        name: disk.name.clone(),
        replica_key: disk.key.clone(),
        production_key: disk.target.clone(),
        size: disk.size,
        replica_root: hex(replica.root),
        production_root: hex(production.root),
        regions: production.regions.into_iter().map(hex).collect(),
        leaves,
        carried: leaves.saturating_sub(proved_last),
        proved_last,
    }))
}

fn tree(side: &str, of: &Digests, shape: TreeShape, quick: bool) -> Result<Tree, WhyNot> {
    match mover::known_tree(of, shape) {
        Ok(KnownTree::Known(tree)) => Ok(tree),
        Ok(KnownTree::Unknown(None)) if quick => Err(WhyNot(
            "quick rollback compared a part of it and a sample, so nothing is certified of the whole; \
             without quick rollback there is a certificate"
                .to_owned(),
        )),
        Ok(KnownTree::Unknown(None)) => Err(WhyNot(format!("no digests of the {side} were kept"))),
        Ok(KnownTree::Unknown(Some(why))) => Err(WhyNot(format!(
            "the digests of the {side} cannot be believed: {why}"
        ))),
        Err(error) => Err(WhyNot(with_causes(&error))),
    }
}

fn hex(node: blockmap::Node) -> DigestHex {
    Hex(node.0)
}
