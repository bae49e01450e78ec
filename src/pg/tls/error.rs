use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;

/// Why TLS could not be set up or agreed on.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the root certificate file {} does not exist", path.display())]
    RootsMissing { path: PathBuf },

    #[error("sslmode requires verification of the server, but there is no root certificate")]
    RootsNowhere,

    #[error("the operating system has no trusted root certificates")]
    NoSystemRoots,

    #[error("none of the root certificates is usable")]
    NoUsableRoot,

    #[error("the file {} contains no certificate", path.display())]
    NoCertificate { path: PathBuf },

    #[error("the file {} is not valid PEM", path.display())]
    Pem {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },

    #[error("the client certificate {} has no private key {}", certificate.display(), key.display())]
    KeyMissing { certificate: PathBuf, key: PathBuf },

    #[error("other users can read the private key {}", path.display())]
    KeyNotPrivate { path: PathBuf },

    #[error("cannot read the private key {}", path.display())]
    ReadKey {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the client certificate and its key do not match")]
    ClientCertificate {
        #[source]
        source: rustls::Error,
    },

    #[error("the TLS settings conflict")]
    Setup {
        #[source]
        source: rustls::Error,
    },

    #[error("the revocation lists cannot be used")]
    Verifier {
        #[source]
        source: VerifierBuilderError,
    },

    #[error("the server does not offer encryption")]
    NotOffered,

    #[error("the server gave an invalid answer to the request for encryption: byte {answer:#04x}")]
    UnknownAnswer { answer: u8 },

    #[error("sslmode=verify-full needs the host name, not only its address")]
    NoHostName,

    #[error("\"{name}\" is not a valid host name for a certificate")]
    HostName { name: String },

    #[error("the TLS handshake failed")]
    Handshake {
        #[source]
        source: io::Error,
    },
}

impl TlsError {
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::RootsMissing { .. } | Self::RootsNowhere => {
                "give the authority's certificate with sslrootcert, or sslrootcert=system for a public one"
            }
            Self::NoSystemRoots => "install the package ca-certificates, or give sslrootcert",
            Self::KeyMissing { .. } => "give sslkey, or sslcertmode=disable to send no certificate",
            Self::KeyNotPrivate { .. } => "chmod 0600 the key",
            Self::Pem { source: pem::Error::NoItemsFound, .. } => {
                "a key must be PKCS#8, PKCS#1 or SEC1 without a passphrase"
            }
            Self::NotOffered => "set ssl = on on the server, or use a weaker sslmode on a network that you trust",
            Self::NoHostName => "give host= beside hostaddr=",
            Self::Handshake { source } => return handshake_hint(source),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn handshake_hint(source: &io::Error) -> Option<String> {
    use rustls::{CertificateError, Error};
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return Some("the server closed the connection; sslnegotiation=direct needs PostgreSQL 17 or newer".to_owned());
    }
    let error = source.get_ref()?.downcast_ref::<Error>()?;
    let hint = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "sslrootcert does not contain the authority that signed the server's certificate"
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "connect by a name that is in the server's certificate, or use sslmode=verify-ca",
        Error::InvalidCertificate(CertificateError::Revoked) => "the server's certificate has been revoked",
        Error::InvalidCertificate(_) => {
            "a self-signed certificate must itself be in sslrootcert; any must be of X.509 version 3, with an RSA key \
             of 2048 bits or more, or an ECDSA or Ed25519 key"
        }
        Error::AlertReceived(_) => "the server refused: does it ask for a client certificate (sslcert, sslkey)?",
        _ => return None,
    };
    Some(hint.to_owned())
}
