use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::Certificate;

/// Whether the certificate must bear the name of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostName {
    Verified,
    Ignored,
}

/// Verifies a server as libpq with OpenSSL does. Beyond what rustls does by itself:
/// - a certificate that is itself in the root file is trusted, which is how a self-signed server certificate is used;
/// - a certificate without any alternative name is matched by its common name (RFC 6125, section 6.4.4), because the
///   manual's own recipe (`openssl req -new -x509 -subj "/CN=dbhost"`) makes such ones.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    /// Without it any certificate is accepted, and only the possession of its key is proven. That proof is never
    /// left out: channel binding ties the password to this certificate.
    chain: Option<Chain>,
}

#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    host_name: HostName,
}

impl Verifier {
    pub fn of_signatures_only(provider: &CryptoProvider) -> Self {
        Self { algorithms: provider.signature_verification_algorithms, chain: None }
    }

    pub fn of_chain(
        provider: &CryptoProvider,
        verifier: Arc<WebPkiServerVerifier>,
        trusted: Vec<CertificateDer<'static>>,
        host_name: HostName,
    ) -> Self {
        let chain = Chain { verifier, trusted, host_name };
        Self { algorithms: provider.signature_verification_algorithms, chain: Some(chain) }
    }
}

impl Chain {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let name_verdict = if self.trusted.iter().any(|trusted| trusted == end_entity) {
            Certificate::parse(end_entity)?.verify_dates(now)?;
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)
        } else {
            // rustls builds the chain first, so an error about the name means that the chain is good.
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(|_| ())
        };
        match name_verdict {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.host_name == HostName::Ignored || bears_common_name(end_entity, server_name) => Ok(()),
            verdict => verdict,
        }
    }
}

fn bears_common_name(end_entity: &CertificateDer<'_>, server_name: &ServerName<'_>) -> bool {
    Certificate::parse(end_entity).is_ok_and(|certificate| certificate.common_name_matches(&server_name.to_str()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify(end_entity, intermediates, server_name, ocsp_response, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
