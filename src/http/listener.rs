//! Accepts connections and serves HTTP/1.1 on them, with a limit on connections and a timeout for the head of requests.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::client_address::{ClientAddress, TrustedProxies};
use super::crowding::{Crowding, Held};
use super::extract::CUT_AFTER;
use super::log_limit::LogLimit;
use super::patient::Patient;
use super::tls::{HANDSHAKES, STRICT_TRANSPORT, Tls, Waiting, shake_hands};

/// Timeout for the head of a request, and for idle connections.
pub const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a caller may read nothing of what it is sent.
pub const READ_TIME: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes: hyper reads on until its buffer has that many, which may then have twice as many.
pub const MAX_HEAD: usize = 64 * 1024;
/// The most headers of a request: hyper's default, which it keeps on the stack.
pub const MAX_HEADERS: usize = 100;
/// The part of all connections that one address may hold.
pub const CROWD: usize = 4;
/// Pause after a failed accept, for example when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Shortest time between two log lines about failed accepts.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How the hub meets callers.
pub struct Front {
    pub proxies: TrustedProxies,
    /// Without it, the hub speaks plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// The most connections at a time.
    pub most: usize,
}

/// What all connections share.
#[derive(Clone)]
struct Shared {
    router: Router,
    proxies: Arc<TrustedProxies>,
    /// The hub stops.
    stop: CancellationToken,
    /// It has stopped: no connection may stay.
    over: CancellationToken,
}

/// Serves up to `front.most` concurrent connections until `stop`; further ones queue in the kernel. Then it accepts no more,
/// lets active calls finish, and closes connections with an incomplete call. If it is dropped earlier, it closes all of
/// them.
pub async fn serve(listener: TcpListener, router: Router, front: Front, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(front.most));
    // With TLS, some of the connections may be in their handshake, but not all.
    let shaking = if front.tls.is_some() { HANDSHAKES.min(front.most / 4) } else { 0 };
    let places = Arc::new(Semaphore::new(front.most.saturating_sub(shaking).max(1)));
    let mut waiting = Waiting::new(shaking);
    let over = CancellationToken::new();
    let _cut_all = over.clone().drop_guard();
    let shared = Shared { router, proxies: Arc::new(front.proxies), stop, over };
    let crowding = Crowding::new(front.most / CROWD);
    let (mut failures, mut crowds) = (LogLimit::new(LOG_INTERVAL), LogLimit::new(LOG_INTERVAL));
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(times) = failures.count(Instant::now()) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, times, "cannot accept connections: they wait in the kernel's queue");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(entered) = enter(&shared.proxies, &crowding, peer) else {
            if let Some(times) = crowds.count(Instant::now()) {
                tracing::warn!(%peer, times, "a connection was closed: its address has too many");
            }
            continue;
        };
        let (shared, watcher) = (shared.clone(), graceful.watcher());
        match &front.tls {
            Some(tls) => {
                let (tls, places, held) = (Arc::clone(tls), Arc::clone(&places), waiting.begin());
                tokio::spawn(async move {
                    shared.converse_securely(stream, peer, tls, places, held, watcher).await;
                    drop((entered, permit));
                });
            }
            None => {
                tokio::spawn(async move {
                    shared.converse(stream, peer, false, watcher).await;
                    drop((entered, permit));
                });
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

impl Shared {
    /// A handshake, and then HTTP as soon as there is a place. `held` fails when the connection must give way before.
    async fn converse_securely(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Arc<Tls>,
        places: Arc<Semaphore>,
        held: oneshot::Receiver<()>,
        watcher: Watcher,
    ) {
        let begun = async {
            let stream = shake_hands(stream, &tls).await?;
            Ok::<_, io::Error>((stream, place(&places).await?))
        };
        let begun = tokio::select! {
            () = self.stop.cancelled() => return,
            _ = held => return,
            begun = begun => begun,
        };
        match begun {
            Ok((stream, place)) => {
                self.converse(stream, peer, true, watcher).await;
                drop(place);
            }
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, %peer, "a TLS handshake failed"),
        }
    }

    /// HTTP on one connection, until its end.
    async fn converse<I>(self, stream: I, peer: SocketAddr, is_secure: bool, watcher: Watcher)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(MAX_HEAD);
        let calls = Calls::default();
        let Self { router, proxies, stop, over } = self;
        let service = counted(router, calls.clone(), proxies, peer, is_secure);
        let connection =
            watcher.watch(http.serve_connection(TokioIo::new(Patient::new(stream, READ_TIME)), service_fn(service)));
        tokio::select! {
            // A caller that disconnects or does not speak HTTP is no problem of the hub.
            ended = connection => if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
            },
            () = cut(&calls, &stop, &over) => tracing::debug!("a connection was closed: its call was incomplete"),
        }
    }
}

/// The router as a service that counts its calls until their responses are written, and knows where they come from.
fn counted(
    router: Router,
    calls: Calls,
    proxies: Arc<TrustedProxies>,
    peer: SocketAddr,
    is_secure: bool,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<Body>, Infallible>> {
    let service = TowerToHyperService::new(router);
    move |mut request| {
        let client = proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        let (call, response) = (calls.begin(), service.call(request));
        Box::pin(async move {
            let mut response = response.await?.map(|body| call.until_written(body));
            if is_secure {
                response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
            }
            Ok(response)
        })
    }
}

/// Resolves when the connection must be closed: the hub has been stopping for [`CUT_AFTER`] and no call is active on
/// it.
async fn cut(calls: &Calls, stop: &CancellationToken, over: &CancellationToken) {
    stop.cancelled().await;
    tokio::select! {
        () = over.cancelled() => return,
        () = tokio::time::sleep(CUT_AFTER) => {}
    }
    if calls.are_active() {
        // The connection closes after the response.
        over.cancelled().await;
    }
}

/// Counts a connection of its address, if not all connections may come from there: from a trusted proxy, or from this machine.
fn enter(proxies: &TrustedProxies, crowding: &Crowding, peer: SocketAddr) -> Result<Option<Held>, Crowded> {
    let address = ClientAddress { address: peer.ip().to_canonical(), is_local: false };
    if address.address.is_loopback() || proxies.contains(address.address) {
        return Ok(None);
    }
    crowding.enter(address.counted()).map(Some).ok_or(Crowded)
}

/// An address has too many connections.
struct Crowded;

async fn place(places: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
    Arc::clone(places).acquire_owned().await.map_err(io::Error::other)
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = place(permits).await?;
    let (stream, peer) = listener.accept().await?;
    // Responses are small and should be sent at once.
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}
