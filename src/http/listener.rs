//! Takes connections and speaks HTTP/1.1 on them, within bounds: so many at once, so long for a request's head.

use std::convert::Infallible;
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
use super::extract::CUT_AFTER;

/// Longest time for a request's head to arrive, and for an idle connection to stay.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Pause when no connection can be taken, as when the process is out of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// How often connections that cannot be taken are logged at most.
const QUIET: Duration = Duration::from_secs(10);

/// Serves up to `most` connections at once until told to stop; beyond that, new ones queue in the kernel. Then takes no more, lets
/// open calls finish, and cuts connections whose call has not arrived whole. Dropped earlier, it cuts them all.
pub async fn serve(listener: TcpListener, router: Router, most: usize, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(most));
    let over = CancellationToken::new();
    let _cut_all = over.clone().drop_guard();
    let mut failures = Failures::default();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = take(&listener, &places) => taken,
        };
        let (stream, place) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                if let Some(times) = failures.count(Instant::now()) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, times, "cannot take connections: they wait until it can be done");
                }
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
        let calls = Calls::default();
        let connection =
            http.serve_connection(TokioIo::new(stream), service_fn(counted(router.clone(), calls.clone())));
        let connection = graceful.watch(connection);
        let (stop, over) = (stop.clone(), over.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A caller that breaks off or speaks no HTTP is its own trouble.
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
                },
                () = cut(&calls, &stop, &over) => tracing::debug!("a connection was cut: its call had not arrived"),
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The router, with its calls counted until their answers are written.
fn counted(
    router: Router,
    calls: Calls,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<Body>, Infallible>> {
    let service = TowerToHyperService::new(router);
    move |request| {
        let (call, answer) = (calls.begin(), service.call(request));
        Box::pin(async move { Ok(answer.await?.map(|body| call.until_written(body))) })
    }
}

/// Resolves when the connection is to be cut: nothing is being answered on it a moment after the hub began to stop.
async fn cut(calls: &Calls, stop: &CancellationToken, over: &CancellationToken) {
    stop.cancelled().await;
    tokio::select! {
        () = over.cancelled() => return,
        () = tokio::time::sleep(CUT_AFTER) => {}
    }
    if calls.are_under_way() {
        // It closes by itself after the answer.
        over.cancelled().await;
    }
}

/// Failures of one kind that follow each other, of which few are logged.
#[derive(Debug, Default)]
struct Failures {
    since_logged: u64,
    logged: Option<Instant>,
}

impl Failures {
    /// Counts one more; answers how many there were since the last line, when it is time for another one.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.since_logged += 1;
        if self.logged.is_some_and(|logged| now < logged + QUIET) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.since_logged))
    }
}

async fn take(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and wanted at once.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_go_on_fill_no_log() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let lines: Vec<u64> = (0..250).filter_map(|number| failures.count(start + BREATH * number)).collect();
        assert_eq!(lines, [1, 100, 100], "one at once, then one in ten seconds, with how many there were");
    }
}
