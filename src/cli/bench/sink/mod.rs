//! The sink: a small HTTP server that receives and counts the hub's messages, and behaves as each path says. It reads
//! orders from standard input, so that it ends with the process that started it.

mod mode;
mod port;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use clap::Args;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub(super) use self::mode::Mode;
use self::port::Port;
use self::tally::Tallies;
pub(super) use self::tally::{Expect, Report};
use super::body;
use super::helper::{Orders, answer};
use super::marker::{self, Marker};

/// Receive messages for a benchmark.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchSink {}

/// An order to the sink. Each is answered by a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Accepts connections from now on; answered with the time of that, by the shared clock.
    Open,
    /// Refuses connections, and closes open ones.
    Close,
    /// Forgets all messages, and ends answers that hang.
    Reset,
    /// Answered with the number of missing messages.
    Missing(Expect),
    /// Answered with a [`Report`] on the messages of some requests.
    Report(Expect),
}

/// The first line of a sink: the address where it listens once it is open.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SinkAddress {
    pub(super) address: SocketAddr,
}

#[derive(Default)]
struct State {
    /// A std mutex: locked to count, never across an await.
    tallies: Mutex<Tallies>,
    /// Cancelled to end answers that hang.
    release: Mutex<CancellationToken>,
}

impl BenchSink {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let state = Arc::new(State::default());
        let mut port = Port::reserve()?;
        answer(&SinkAddress { address: port.address() })?;
        let mut orders = Orders::from_stdin();
        while let Some(order) = orders.next().await? {
            match order {
                Order::Open => {
                    let serving = Arc::clone(&state);
                    port = port.open(|listener, stop| serve(listener, serving, stop))?;
                    answer(&marker::now())?;
                }
                Order::Close => {
                    port = port.close().await?;
                    answer(&())?;
                }
                Order::Reset => {
                    state.reset();
                    answer(&())?;
                }
                Order::Missing(expect) => answer(&state.tallies().missing(&expect))?,
                Order::Report(expect) => answer(&state.tallies().report(&expect))?,
            }
        }
        Ok(())
    }
}

impl State {
    fn tallies(&self) -> std::sync::MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reset(&self) {
        *self.tallies() = Tallies::default();
        std::mem::take(&mut *self.release.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }

    fn released(&self) -> CancellationToken {
        self.release.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn receive(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, incoming) = request.into_parts();
        let message = body::read(incoming).await.map_err(io::Error::other)?;
        let now = marker::now();
        if let Some(marker) = Marker::find(&message) {
            self.tallies().note(head.uri.path(), marker, message.len(), now);
        }
        Mode::of(head.uri.path()).answer(self.released()).await
    }
}

/// Serves until `stop`, then closes all connections.
async fn serve(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        // The hub repeats a connection that broke before it was accepted.
        let Ok((stream, _)) = accepted else { continue };
        tokio::spawn(stop.clone().run_until_cancelled_owned(converse(stream, Arc::clone(&state))));
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| state.receive(request));
    let _slower_without = stream.set_nodelay(true);
    // An error is normal: some modes break the connection, and the hub closes it after a long answer.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
