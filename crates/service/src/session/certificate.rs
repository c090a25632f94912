//! The certificate of a session as it is shown and downloaded.

use model::{
    ApiError, SessionId, SignedCertificate,
    view::{CertificateShown, CertificateView, CertifiedDiskView},
};
use store::{CertificateRow, Certified};

use crate::{
    Service,
    refusal::{failed, not_found},
};

impl Service {
    /// The name and the text of a session's certificate file.
    ///
    /// # Errors
    /// When there is no such session, or no certificate of it.
    pub async fn certificate_file(&self, id: &SessionId) -> Result<(String, String), ApiError> {
        let work = self.work(id).await?;
        let row = self.store().certificate_fetch(id).await.map_err(failed)?;
        match row.map(|row| row.certified) {
            Some(Certified::Signed(text)) => {
                let name = format!("{}-{id}-certificate.json", work.row.vm_name);
                Ok((name, text))
            }
            Some(Certified::Not(why)) => Err(not_found(
                format!("There is no certificate of this session: {why}."),
                "The log says more.",
            )),
            None => Err(not_found(
                "There is no certificate of this session yet.",
                "It is signed during the switchover, before production can start.",
            )),
        }
    }

    pub(super) async fn certificate_view(
        &self,
        id: &SessionId,
    ) -> Result<Option<CertificateView>, ApiError> {
        let row = self.store().certificate_fetch(id).await.map_err(failed)?;
        Ok(row.as_ref().map(shown))
    }
}

pub(super) fn shown(row: &CertificateRow) -> CertificateView {
    match &row.certified {
        Certified::Not(why) => CertificateView::Not { why: why.clone() },
        Certified::Signed(text) => match serde_json::from_str(text) {
            Ok(signed) => CertificateView::Signed(of(signed)),
            Err(error) => {
                tracing::error!(%error, "a certificate is not understood");
                let why = "a newer version of Landfall signed it: download it to check it";
                CertificateView::Not {
                    why: why.to_owned(),
                }
            }
        },
    }
}

fn of(signed: SignedCertificate) -> CertificateShown {
    let certificate = signed.certificate;
    let disks = certificate.disks.into_iter().map(|disk| CertifiedDiskView {
        name: disk.name,
        size: disk.size,
        replica_root: disk.replica_root,
        production_root: disk.production_root,
        leaves: disk.leaves,
        carried: disk.carried,
        proved_last: disk.proved_last,
    });
    CertificateShown {
        signer: signed.signer.fingerprint,
        verified_at: certificate.verified_at,
        instant: certificate.instant,
        point: certificate.point,
        carried_since: certificate.carried_since,
        block_size: certificate.block_size,
        disks: disks.collect(),
    }
}
