//! TLS as libpq's `sslmode` means it, done by rustls with the ring provider.
//!
//! Source: "SSL Support" in the manual of PostgreSQL, chapter libpq. Whatever the mode, a root file that exists makes the
//! server's chain be verified; without one only `verify-ca` and `verify-full` insist.

mod certificate;
mod error;
mod verifier;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::conninfo::{ClientCertificate, RootCertificates, ServerNameIndication, SslMode, TlsSettings, TlsVersion};
use crate::opening;
pub use error::TlsError;
use verifier::{HostName, Verifier};

/// Reads the certificates and keys that the settings name, and says how a handshake is to be done.
///
/// # Errors
/// A file that must be there and is not, one that cannot be understood, a private key that others can read.
pub fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
    if settings.version_max >= TlsVersion::Tls13 {
        versions.push(&rustls::version::TLS13);
    }
    if settings.version_min <= TlsVersion::Tls12 {
        versions.push(&rustls::version::TLS12);
    }
    let verifier = server_verifier(settings, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|source| TlsError::Setup { source })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match settings.client.as_ref().map(read_client).transpose()?.flatten() {
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|source| TlsError::ClientCertificate { source })?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = settings.server_name == ServerNameIndication::Sent;
    // A server from 17 on insists on it for sslnegotiation=direct; older ones ignore it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn server_verifier(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Verifier, TlsError> {
    let host_name = match settings.mode {
        SslMode::VerifyFull => HostName::Verified,
        _ => HostName::Ignored,
    };
    let trusted = match &settings.roots {
        RootCertificates::System => Some(system_roots()?),
        RootCertificates::File(path) if path.exists() => Some(read_certificates(path)?),
        RootCertificates::File(path) if settings.mode >= SslMode::VerifyCa => {
            return Err(TlsError::RootsMissing { path: path.clone() });
        }
        RootCertificates::Nowhere if settings.mode >= SslMode::VerifyCa => return Err(TlsError::RootsNowhere),
        _ => None,
    };
    let Some(trusted) = trusted else {
        return Ok(Verifier::of_signatures_only(provider));
    };
    let mut store = RootCertStore::empty();
    // What rustls cannot use as a root (version 1, an odd extension) may still be the server's own certificate.
    let (usable, _) = store.add_parsable_certificates(trusted.iter().cloned());
    if usable == 0 {
        return Err(TlsError::NoUsableRoot);
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    if let Some(path) = &settings.revocation_lists {
        let lists = CertificateRevocationListDer::pem_reader_iter(open(path)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| TlsError::Pem { path: path.clone(), source })?;
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    let chain = builder.build().map_err(|source| TlsError::Verifier { source })?;
    Ok(Verifier::of_chain(provider, chain, trusted, host_name))
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(found.certs) }
}

fn open(path: &Path) -> Result<File, TlsError> {
    opening::open(path).map_err(|source| TlsError::Pem { path: path.to_owned(), source: pem::Error::Io(source) })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_reader_iter(open(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if certificates.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(certificates) }
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Without the certificate's file there is no certificate; with it, the key must be there and be private.
fn read_client(client: &ClientCertificate) -> Result<Option<ChainAndKey>, TlsError> {
    if !client.certificate.exists() {
        return Ok(None);
    }
    let chain = read_certificates(&client.certificate)?;
    let path = &client.key;
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => TlsError::KeyMissing { certificate: client.certificate.clone(), key: path.clone() },
        _ => TlsError::ReadKey { path: path.clone(), source },
    })?;
    // libpq's rule: 0600 or less, or 0640 or less where root owns it.
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(TlsError::KeyNotPrivate { path: path.clone() });
    }
    let key =
        PrivateKeyDer::from_pem_reader(open(path)?).map_err(|source| TlsError::Pem { path: path.clone(), source })?;
    Ok(Some((chain, key)))
}
