//! HTTPS without a proxy: certificates and their renewal, and callers who are slow, silent or do not speak TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::config::{NetworkSettings, TlsFiles};
use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};

use super::{failure, free_port};
use crate::egress::tls::{AUTHORITY, CLIENT, ENDING, RENEWED, SERVER};
use crate::support::{Answer, Database, HubProcess, Options, TOKEN, TestHub, eventually, logged};

fn write(folder: &Path, (cert, key): (&str, &str)) {
    std::fs::write(folder.join("hub.pem"), cert).unwrap();
    std::fs::write(folder.join("hub.key"), key).unwrap();
}

const FILES: [(&str, &str); 2] = [("COUNTERSIGN_TLS_CERT", "hub.pem"), ("COUNTERSIGN_TLS_KEY", "hub.key")];

async fn start(folder: &Path) -> HubProcess {
    write(folder, SERVER);
    HubProcess::start(folder, free_port(), &FILES).await.unwrap()
}

fn client() -> reqwest::Client {
    let authority = Certificate::from_pem(AUTHORITY.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap()
}

fn address(hub: &HubProcess) -> &str {
    hub.url.split_once("://").unwrap().1
}

/// The connection's protocols, and the certificate that the hub shows.
async fn handshake(
    hub: &HubProcess,
    version: &'static SupportedProtocolVersion,
) -> (ProtocolVersion, Vec<u8>, Vec<u8>) {
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_protocol_versions(&[version]);
    let mut config = builder.with_root_certificates(known).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(address(hub)).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let session = stream.get_ref().1;
    let shown = session.peer_certificates().unwrap()[0].to_vec();
    (session.protocol_version().unwrap(), session.alpn_protocol().unwrap().to_vec(), shown)
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn with_a_certificate_the_hub_speaks_https() {
    let folder = tempfile::tempdir().unwrap();
    let hub = start(folder.path()).await;
    assert!(hub.url.starts_with("https://127.0.0.1:"), "{}", hub.url);
    let answer = client().get(format!("{}/v1/groups", hub.url)).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        assert_eq!(handshake(&hub, version).await, (expected, b"http/1.1".to_vec(), der(SERVER.0)));
    }
    hub.signal("TERM");
    assert!(hub.ended().await.0.success());
}

#[tokio::test]
async fn without_a_certificate_nothing_promises_https() {
    let folder = tempfile::tempdir().unwrap();
    let hub = HubProcess::start(folder.path(), free_port(), &[]).await.unwrap();
    let answer = client().get(format!("{}/healthz", hub.url)).send().await.unwrap();
    assert!(answer.headers().get("strict-transport-security").is_none());
    hub.kill().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start_with_its_file_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pair, file, says) in [
        ((SERVER.0, CLIENT.1), "hub.key (tls_key)", "it is not the key of hub.pem"),
        ((SERVER.0, SERVER.0), "hub.key (tls_key)", "no -----BEGIN PRIVATE KEY-----"),
        ((SERVER.0, encrypted), "hub.key (tls_key)", "the key is encrypted"),
        ((SERVER.1, SERVER.1), "hub.pem (tls_cert)", "no -----BEGIN CERTIFICATE-----"),
        (("", SERVER.1), "hub.pem (tls_cert)", "no -----BEGIN CERTIFICATE-----"),
        ((broken, SERVER.1), "hub.pem (tls_cert)", "it is not PEM"),
        ((no_der, SERVER.1), "hub.pem (tls_cert)", "the certificate is damaged"),
    ] {
        write(folder.path(), pair);
        let mut command = HubProcess::command(folder.path());
        command.arg("serve").envs(FILES);
        let error = failure(command).await;
        assert!(error.contains(file) && error.contains(says), "{error}");
        assert!(!error.contains(SERVER.1.lines().nth(1).unwrap()) && !error.contains("AAAA"), "{error}");
    }
    for (args, says) in [
        (&["--tls-cert", "hub.pem", "--tls-key", "absent"][..], "cannot read absent (tls_key)"),
        (&["--tls-cert", "hub.pem"], "tls_cert is set without tls_key"),
        (&["--tls-key", "hub.key"], "tls_key is set without tls_cert"),
    ] {
        let mut command = HubProcess::command(folder.path());
        command.arg("serve").args(args);
        let error = failure(command).await;
        assert!(error.contains(says), "{error}");
    }
    assert!(!folder.path().join("countersign-data/countersign.db").exists());
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let hub = start(folder.path()).await;
    let logged = |text: &'static str| {
        let hub = &hub;
        async move { eventually(text, || async { hub.log.lock().unwrap().join("\n").contains(text).then_some(()) }).await }
    };
    std::fs::write(folder.path().join("hub.pem"), RENEWED.0).unwrap();
    logged("hub.key (tls_key) cannot be used").await;
    assert_eq!(handshake(&hub, &TLS13).await.2, der(SERVER.0), "the new certificate has no key yet");
    std::fs::write(folder.path().join("renewed"), RENEWED.1).unwrap();
    std::fs::rename(folder.path().join("renewed"), folder.path().join("hub.key")).unwrap();
    eventually("the renewed certificate is shown", || async {
        (handshake(&hub, &TLS13).await.2 == der(RENEWED.0)).then_some(())
    })
    .await;
    std::fs::remove_file(folder.path().join("hub.pem")).unwrap();
    logged("cannot read hub.pem (tls_cert)").await;
    assert_eq!(handshake(&hub, &TLS13).await.2, der(RENEWED.0));
    hub.kill().await;
}

#[tokio::test]
async fn plain_http_is_told_to_use_https() {
    let folder = tempfile::tempdir().unwrap();
    let hub = start(folder.path()).await;
    let body = format!("{{\"command\": \"{}\"}}", "x".repeat(30_000));
    let plain = client().post(format!("http://{}/v1/requests", address(&hub))).body(body).send().await.unwrap();
    assert_eq!(
        (plain.status().as_u16(), &plain.headers()["content-type"]),
        (400, &"application/problem+json".parse().unwrap())
    );
    let problem: serde_json::Value = plain.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"https_required".into(), &400.into()));
    let mut command = HubProcess::command(folder.path());
    command.args(["analytics", "report", "--url", &format!("http://{}", address(&hub)), "--token", TOKEN]);
    let error = failure(command).await;
    assert!(error.contains("speaks HTTPS only"), "{error}");
    let answer = client().get(format!("{}/healthz", hub.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    hub.kill().await;
}

/// With 64 files, the hub has room for 24 connections besides 8 in their handshake.
#[tokio::test]
async fn silent_connections_take_no_place_and_end() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), SERVER);
    let hub = HubProcess::start_with_files(folder.path(), free_port(), 64, &FILES).await.unwrap();
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(address(&hub)).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(&[0x16, 3, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    for _ in 0..5 {
        let call = client().get(format!("{}/healthz", hub.url)).timeout(Duration::from_secs(6));
        assert_eq!(call.send().await.expect("before the handshakes time out").status(), 200);
    }
    let mut last = silent.pop().unwrap();
    drop(silent);
    let closed = tokio::time::timeout(Duration::from_secs(15), last.read(&mut [0; 64])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "after ten seconds at the latest: {closed:?}");
    hub.signal("TERM");
    let (status, log) = hub.ended().await;
    assert!(status.success() && !log.contains("cannot accept connections"), "{log}");
}

#[tokio::test]
async fn a_handshake_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let hub = start(folder.path()).await;
    let silent = TcpStream::connect(address(&hub)).await.unwrap();
    let answer = client().get(format!("{}/healthz", hub.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    hub.signal("TERM");
    let began = std::time::Instant::now();
    assert!(hub.ended().await.0.success());
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(silent);
}

#[tokio::test]
async fn before_the_certificate_ends_the_hub_warns() {
    let database = Database::sqlite();
    let folder = database.folder.path();
    write(folder, ENDING);
    let files = TlsFiles { cert: folder.join("hub.pem"), key: folder.join("hub.key") };
    let network = NetworkSettings { tls: Some(files), ..NetworkSettings::default() };
    // It is 2026-11-21, and the certificate ends on 2026-12-09.
    let hub = TestHub::start_with(database, Options { network, ..Options::default() }).await;
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    let warnings =
        async || Answer::to(client.get(format!("{}/readyz", hub.url))).await.expect(200)["warnings"].to_string();
    assert_eq!(warnings().await, "null");
    let lines = || logged("the hub's TLS certificate ends at 2026-12-09T00:00:00");
    assert_eq!(lines(), 0);
    hub.advance(4 * 24 * 3_600);
    eventually("the log warns", async || (lines() == 1).then_some(())).await;
    for _ in 0..24 {
        hub.advance(3_600);
        // Lets the hub see each hour.
        assert_eq!(warnings().await.matches("ends at").count(), 1);
    }
    eventually("it warns again a day later", async || (lines() == 2).then_some(())).await;
    hub.advance(23 * 3_600);
    assert!(warnings().await.contains("the hub's TLS certificate ends at 2026-12-09T00:00:00"), "{}", warnings().await);
    hub.advance(14 * 24 * 3_600);
    assert!(warnings().await.contains("certificate ended at"), "{}", warnings().await);
    assert_eq!(lines(), 2, "once a day");
    // A renewed one is read without a restart.
    write(hub.database.folder.path(), SERVER);
    eventually("the warning is gone", || async {
        hub.advance(60);
        (warnings().await == "null").then_some(())
    })
    .await;
}
