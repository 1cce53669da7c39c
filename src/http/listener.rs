//! Accepts connections and serves HTTP/1.1 on them, with a limit on connections and a timeout for the head of requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::client_address::TrustedProxies;
use super::extract::CUT_AFTER;
use super::log_limit::LogLimit;

/// Timeout for the head of a request, and for idle connections.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Pause after a failed accept, for example when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Shortest time between two log lines about failed accepts.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Serves up to `most` concurrent connections until `stop`; further ones queue in the kernel. Then it accepts no more,
/// lets active calls finish, and closes connections with an incomplete call. If it is dropped earlier, it closes all of
/// them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Arc<TrustedProxies>,
    most: usize,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(most));
    let over = CancellationToken::new();
    let _cut_all = over.clone().drop_guard();
    let mut failures = LogLimit::new(LOG_INTERVAL);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
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
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
        let calls = Calls::default();
        let service = counted(router.clone(), calls.clone(), Arc::clone(&proxies), peer);
        let connection = http.serve_connection(TokioIo::new(stream), service_fn(service));
        let connection = graceful.watch(connection);
        let (stop, over) = (stop.clone(), over.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A caller that disconnects or does not speak HTTP is no problem of the hub.
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
                },
                () = cut(&calls, &stop, &over) => tracing::debug!("a connection was closed: its call was incomplete"),
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The router as a service that counts its calls until their responses are written, and knows where they come from.
fn counted(
    router: Router,
    calls: Calls,
    proxies: Arc<TrustedProxies>,
    peer: SocketAddr,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<Body>, Infallible>> {
    let service = TowerToHyperService::new(router);
    move |mut request| {
        let client = proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        let (call, response) = (calls.begin(), service.call(request));
        Box::pin(async move { Ok(response.await?.map(|body| call.until_written(body))) })
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

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Responses are small and should be sent at once.
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}
