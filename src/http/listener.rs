//! Takes connections and speaks HTTP/1.1 on them, within bounds: so many at once, so long for a request's head.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once. Waiting calls hold one each; beyond this, new ones queue in the kernel.
const CONNECTIONS: usize = 4_096;
/// Longest time for a request's head to arrive, and for an idle connection to stay.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Pause when no connection can be taken, as when the process is out of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until told to stop, then lets open calls finish.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = take(&listener, &places) => taken,
        };
        let (stream, place) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot take a connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A caller that breaks off or speaks no HTTP is its own trouble.
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and wanted at once.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}
