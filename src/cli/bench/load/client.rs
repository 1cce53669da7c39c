//! One client: a kept connection, and requests that differ only in their mark.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use super::super::body;
use super::super::marker::{Kind, Marker, now};

/// Timeout of one request.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an error response that are shown.
const SHOWN: usize = 300;

/// The hub, and the request to create. The same for all clients.
pub(super) struct Target {
    hub: SocketAddr,
    authority: String,
    authorization: String,
    kind: Kind,
    /// The body before and after the mark.
    body: (String, String),
}

impl Target {
    /// Returns requests of one kind for a hub.
    pub(super) fn new(hub: SocketAddr, token: &SecretString, kind: Kind) -> anyhow::Result<Self> {
        let mark = Marker { kind, number: 0, sent: 0 }.text();
        let body = super::super::policy::request(&mark).to_string();
        let (before, after) = body.split_once(&mark).ok_or_else(|| anyhow::anyhow!("the request has no mark"))?;
        Ok(Self {
            hub,
            authority: hub.to_string(),
            authorization: format!("Bearer {}", token.expose_secret()),
            kind,
            body: (before.to_owned(), after.to_owned()),
        })
    }

    fn request(&self, number: u32) -> Result<Request<String>, axum::http::Error> {
        let mark = Marker { kind: self.kind, number, sent: now() }.text();
        Request::post("/v1/requests")
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body([self.body.0.as_str(), &mark, &self.body.1].concat())
    }
}

/// A client.
#[derive(Default)]
pub(super) struct Client {
    connection: Option<SendRequest<String>>,
}

impl Client {
    /// Creates one request. After a failure, returns the reason; the next request uses a new connection.
    pub(super) async fn create(&mut self, target: &Target, number: u32) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.try_once(target, number)).await {
            Ok(Ok((StatusCode::CREATED, _))) => Ok(()),
            Ok(Ok((status, answer))) => {
                Err(format!("{status}: {}", String::from_utf8_lossy(answer.get(..SHOWN).unwrap_or(&answer))))
            }
            Ok(Err(error)) => {
                self.connection = None;
                Err(error.to_string())
            }
            Err(_) => {
                self.connection = None;
                Err(format!("no answer within {} s", PATIENCE.as_secs()))
            }
        }
    }

    async fn try_once(&mut self, target: &Target, number: u32) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let mut connection = match self.connection.take() {
            Some(kept) if !kept.is_closed() => kept,
            _ => connect(target.hub).await?,
        };
        connection.ready().await?;
        let (head, answer) = connection.send_request(target.request(number)?).await?.into_parts();
        let answer = body::read(answer).await?;
        self.connection = Some(connection);
        Ok((head.status, answer))
    }
}

async fn connect(hub: SocketAddr) -> anyhow::Result<SendRequest<String>> {
    let stream = TcpStream::connect(hub).await?;
    stream.set_nodelay(true)?;
    let (connection, driver) = handshake(TokioIo::new(stream)).await?;
    // It ends with the connection, whose user gets any error.
    tokio::spawn(driver);
    Ok(connection)
}
