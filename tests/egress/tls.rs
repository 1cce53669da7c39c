//! Certificates: the target's and the hub's own.

use std::sync::Arc;

use countersign::delivery::{Class, SendOutcome};
use countersign::store::transport::{ClientCertificate, Transport};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::peer::{Peer, ok};
use super::{assert_failed, try_once};

pub(crate) const AUTHORITY: &str = include_str!("certs/ca.pem");
pub(crate) const SERVER: (&str, &str) = (include_str!("certs/server.pem"), include_str!("certs/server.key"));
pub(crate) const CLIENT: (&str, &str) = (include_str!("certs/client.pem"), include_str!("certs/client.key"));
/// What takes the place of [`SERVER`], from the same authority.
pub(crate) const RENEWED: (&str, &str) = (include_str!("certs/renewed.pem"), include_str!("certs/renewed.key"));
/// It ends on 2026-12-09.
pub(crate) const ENDING: (&str, &str) = (include_str!("certs/ending.pem"), include_str!("certs/ending.key"));

/// The target's TLS acceptor; with `mutual`, it requires a client certificate.
pub(super) fn acceptor(mutual: bool) -> TlsAcceptor {
    let authority = CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap();
    let own = CertificateDer::from_pem_slice(SERVER.0.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).unwrap();
    let builder = ServerConfig::builder();
    let builder = if mutual {
        let mut known = RootCertStore::empty();
        known.add(authority).unwrap();
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(known)).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![own], key).unwrap()))
}

/// A target that speaks HTTPS.
pub(super) async fn secure(mutual: bool) -> Peer {
    let acceptor = acceptor(mutual);
    Peer::start(move |stream, peer| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                peer.serve(stream, ok).await;
            }
        }
    })
    .await
}

pub(super) fn trusting() -> Transport {
    Transport { ca_certificate: Some(AUTHORITY.to_owned()), ..Transport::default() }
}

pub(super) fn own() -> Option<ClientCertificate> {
    Some(ClientCertificate { certificate: CLIENT.0.to_owned(), key: CLIENT.1.to_owned().into() })
}

async fn at(peer: &Peer, host: &str, transport: Transport) -> SendOutcome {
    try_once(&format!("https://{host}:{}/hook", peer.port), transport).await
}

#[tokio::test]
async fn the_targets_issuer_must_be_trusted() {
    let peer = secure(false).await;
    let outcome = at(&peer, "target.test", Transport::default()).await;
    assert_failed(
        &outcome,
        Class::Tls,
        "TLS failed: this machine does not trust the issuer of the server's certificate",
    );
    assert!(outcome.class.is_retried() && outcome.class.is_charged());
    assert_eq!(peer.requests().len(), 0);
    for host in ["target.test", "127.0.0.1"] {
        assert_eq!(at(&peer, host, trusting()).await.class, Class::Success, "{host}");
    }
}

#[tokio::test]
async fn the_certificate_must_be_for_the_targets_name() {
    let peer = secure(false).await;
    assert_failed(
        &at(&peer, "other.test", trusting()).await,
        Class::Tls,
        "the server's certificate is not for the host in the URL",
    );
    assert_eq!(peer.requests().len(), 0);
}

#[tokio::test]
async fn a_target_may_require_a_client_certificate() {
    let peer = secure(true).await;
    assert_failed(&at(&peer, "target.test", trusting()).await, Class::Tls, "the server requires a client certificate");
    let known = Transport { client_certificate: own(), ..trusting() };
    assert_eq!(at(&peer, "target.test", known).await.class, Class::Success);
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_target_without_tls_is_reported_as_such() {
    let plain = Peer::start(|mut stream, _| async move {
        use tokio::io::AsyncWriteExt;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap_or_default();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    })
    .await;
    assert_failed(
        &at(&plain, "target.test", trusting()).await,
        Class::Tls,
        "does the server speak https:// at this port?",
    );
    let mute = Peer::start(|stream, _| async move { drop(stream) }).await;
    let outcome = at(&mute, "target.test", trusting()).await;
    assert!(matches!(outcome.class, Class::Tls | Class::Transient), "{outcome:?}");
}
