//! The sink's port, which stays reserved while it is closed.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Backlog of connections that wait to be accepted.
const WAITING: u32 = 1_024;

/// A port of this machine, reserved all the time.
pub(super) struct Port {
    address: SocketAddr,
    state: State,
}

enum State {
    /// Bound but not listening: connections are refused, and neither another program nor the hub's outgoing connections
    /// get it.
    Closed(TcpSocket),
    /// A task serves it until the token is cancelled.
    Open(CancellationToken, JoinHandle<()>),
}

impl Port {
    /// Reserves a free port, closed.
    pub(super) fn reserve() -> anyhow::Result<Self> {
        let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: socket.local_addr()?, state: State::Closed(socket) })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to listen, and passes the listener to `serve`.
    pub(super) fn open<F: Future<Output = ()> + Send + 'static>(
        self,
        serve: impl FnOnce(TcpListener, CancellationToken) -> F,
    ) -> anyhow::Result<Self> {
        let State::Closed(socket) = self.state else { return Ok(self) };
        let (listener, stop) = (socket.listen(WAITING)?, CancellationToken::new());
        let task = tokio::spawn(serve(listener, stop.clone()));
        Ok(Self { state: State::Open(stop, task), ..self })
    }

    /// Refuses connections from now on.
    pub(super) async fn close(self) -> anyhow::Result<Self> {
        let State::Open(stop, task) = self.state else { return Ok(self) };
        stop.cancel();
        task.await.context("the sink panicked")?;
        let mut socket = bound(self.address);
        // The kernel may release the port only after some milliseconds.
        for _ in 0..100 {
            if socket.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            socket = bound(self.address);
        }
        Ok(Self { state: State::Closed(socket?), ..self })
    }
}

fn bound(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Old connections of the port stay in TIME_WAIT for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("cannot bind {address}"))?;
    Ok(socket)
}
