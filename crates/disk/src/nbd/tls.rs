//! Certificates as libnbd, QEMU and nbdkit lay them out: a directory with `ca-cert.pem`, and a
//! certificate and key of either side.
//!
//! Every configuration names its cryptography: nothing here relies on what a process installed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};

const AUTHORITY: &str = "ca-cert.pem";
const REVOKED: &str = "ca-crl.pem";

/// For a client: the server must be known to `ca-cert.pem`; shows `client-cert.pem` where there is
/// one.
pub(super) fn client(dir: &Path) -> io::Result<Arc<ClientConfig>> {
    let provider = provider();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(authorities(dir)?, Arc::clone(&provider))
            .with_crls(revoked(dir)?)
            .build()
            .map_err(|error| unusable(&dir.join(AUTHORITY), error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(dir, error))?
        .with_webpki_verifier(verifier);
    let own = dir.join("client-cert.pem");
    if !own.exists() {
        return Ok(Arc::new(config.with_no_client_auth()));
    }
    let key = key(&dir.join("client-key.pem"))?;
    let config = config.with_client_auth_cert(certificates(&own)?, key);
    Ok(Arc::new(config.map_err(|error| unusable(&own, error))?))
}

/// For a server: shows `server-cert.pem`; a client must show a certificate that `ca-cert.pem`
/// knows.
pub(super) fn server(dir: &Path) -> io::Result<Arc<ServerConfig>> {
    let provider = provider();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(authorities(dir)?, Arc::clone(&provider))
            .with_crls(revoked(dir)?)
            .build()
            .map_err(|error| unusable(&dir.join(AUTHORITY), error))?;
    let own = dir.join("server-cert.pem");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(dir, error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&own)?, key(&dir.join("server-key.pem"))?);
    Ok(Arc::new(config.map_err(|error| unusable(&own, error))?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn authorities(dir: &Path) -> io::Result<Arc<RootCertStore>> {
    let path = dir.join(AUTHORITY);
    let mut known = RootCertStore::empty();
    for certificate in certificates(&path)? {
        known
            .add(certificate)
            .map_err(|error| unusable(&path, error))?;
    }
    Ok(Arc::new(known))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, &error))?;
    if all.is_empty() {
        return Err(unreadable(path, &pem::Error::NoItemsFound));
    }
    Ok(all)
}

fn key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, &error))
}

fn revoked(dir: &Path) -> io::Result<Vec<CertificateRevocationListDer<'static>>> {
    let path: PathBuf = dir.join(REVOKED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    CertificateRevocationListDer::pem_file_iter(&path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(&path, &error))
}

fn unreadable(path: &Path, error: &pem::Error) -> io::Error {
    let kind = if let pem::Error::Io(error) = error {
        error.kind()
    } else {
        io::ErrorKind::InvalidData
    };
    io::Error::new(kind, format!("read {}: {error}", path.display()))
}

fn unusable(path: &Path, error: impl std::error::Error) -> io::Error {
    let text = format!("use the certificates of {}: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}
