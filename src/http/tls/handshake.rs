//! The start of a connection: a TLS handshake, or the answer to a caller that does not speak TLS.

use std::io;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::Tls;
use crate::codes::Code;
use crate::http::Problem;

/// Timeout of a handshake.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// The most connections that have not finished their handshake, where the limit of open files allows.
pub const HANDSHAKES: usize = 256;
/// `Strict-Transport-Security`: for a year, browsers use nothing but HTTPS for this host (RFC 6797).
pub(in crate::http) const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The first byte of a TLS record with a handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 0x16;
/// How much of a caller without TLS is read, so that it is not cut off before it has the answer.
const REST: u64 = 64 * 1024;
const REST_TIME: Duration = Duration::from_secs(1);

/// Speaks TLS with the caller. One that begins with something else is told what to do.
pub(in crate::http) async fn shake_hands(mut stream: TcpStream, tls: &Tls) -> io::Result<TlsStream<TcpStream>> {
    let shaking = async {
        let mut first = [0];
        if stream.peek(&mut first).await? > 0 && first != [HANDSHAKE_RECORD] {
            refuse_plain(&mut stream).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the caller does not speak TLS"));
        }
        TlsAcceptor::from(tls.current()).accept(stream).await
    };
    tokio::time::timeout(HANDSHAKE_TIME, shaking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn refuse_plain(stream: &mut TcpStream) -> io::Result<()> {
    let problem = Problem::new(Code::HttpsRequired, "this port speaks HTTPS only: use a URL that begins with https://");
    let body = problem.to_json();
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        problem.status(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await?;
    let rest = async { tokio::io::copy(&mut stream.take(REST), &mut tokio::io::sink()).await };
    // Whether it has read the answer or not, the connection ends.
    let _read = tokio::time::timeout(REST_TIME, rest).await;
    Ok(())
}
