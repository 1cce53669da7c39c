//! Reads the certificate and its key.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};

use super::validity::valid_until;
use crate::config::TlsFiles;
use crate::time::Timestamp;

/// Largest file of a certificate or key, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Why the hub's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {} ({setting})", path.display())]
    Read {
        path: PathBuf,
        setting: &'static str,
        #[source]
        cause: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} ({setting}) cannot be used: {detail}", path.display())]
    Invalid { path: PathBuf, setting: &'static str, detail: String },
}

/// A file, and the setting that names it.
struct Source<'f> {
    path: &'f Path,
    setting: &'static str,
}

impl Source<'_> {
    fn read(&self) -> Result<Vec<u8>, TlsError> {
        let mut text = Vec::new();
        let read = File::open(self.path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
        let failed = |cause| TlsError::Read { path: self.path.to_owned(), setting: self.setting, cause };
        let bytes = read.map_err(failed)?;
        if u64::try_from(bytes).is_ok_and(|bytes| bytes <= MAX_FILE) {
            Ok(text)
        } else {
            Err(self.invalid("it is too large"))
        }
    }

    fn invalid(&self, detail: impl Into<String>) -> TlsError {
        TlsError::Invalid { path: self.path.to_owned(), setting: self.setting, detail: detail.into() }
    }
}

/// What the files hold.
pub(super) struct Loaded {
    /// TLS 1.2 and 1.3, HTTP/1.1.
    pub(super) config: Arc<ServerConfig>,
    /// When the hub's certificate ends.
    pub(super) ends_at: Option<Timestamp>,
}

/// Reads the certificate and its key.
pub(super) fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
    let certificate = Source { path: &files.cert, setting: "tls_cert" };
    let key = Source { path: &files.key, setting: "tls_key" };
    let chain = read_chain(&certificate)?;
    let own = read_key(&key)?;
    let ends_at = chain.first().and_then(|certificate| valid_until(certificate));
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| certificate.invalid(error.to_string()))?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, own).map_err(|error| match error {
        Error::InconsistentKeys(_) => key.invalid(format!("it is not the key of {}", files.cert.display())),
        Error::InvalidCertificate(why) => certificate.invalid(format!("the certificate is damaged ({why:?})")),
        error => key.invalid(error.to_string()),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded { config: Arc::new(config), ends_at })
}

/// The hub's certificate and the intermediate ones, in the order of the file.
fn read_chain(source: &Source<'_>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = source.read()?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(chain) if chain.is_empty() => Err(source.invalid("it has no -----BEGIN CERTIFICATE-----")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(source.invalid(format!("it is not PEM ({error})"))),
    }
}

fn read_key(source: &Source<'_>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = source.read()?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(&text) => {
            source.invalid("the key is encrypted: store it without a passphrase, readable for the hub's user only")
        }
        pem::Error::NoItemsFound => source.invalid("it has no -----BEGIN PRIVATE KEY-----"),
        error => source.invalid(format!("it is not PEM ({error})")),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    let mark = b"BEGIN ENCRYPTED PRIVATE KEY";
    text.windows(mark.len()).any(|part| part == mark)
}
