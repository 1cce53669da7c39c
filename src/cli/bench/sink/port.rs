//! The sink's port, which can be closed without being lost to another program.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Connections that may wait to be taken.
const WAITING: u32 = 1_024;

/// A port of this machine, held all the time.
pub(super) struct Port {
    address: SocketAddr,
    state: State,
}

enum State {
    /// Bound, so that nobody else gets it, the hub's own outgoing connections included; connecting to it is refused.
    Closed(TcpSocket),
    /// Somebody serves it until told to stop.
    Open(CancellationToken, JoinHandle<()>),
}

impl Port {
    /// A free port, closed.
    pub(super) fn hold() -> anyhow::Result<Self> {
        let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: socket.local_addr()?, state: State::Closed(socket) })
    }

    /// Where it is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections from now on, and gives them to `serve`.
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
        task.await.context("the sink broke off")?;
        let mut socket = bound(self.address);
        // The kernel may need a moment to let go of the port.
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
    // Old connections of the same port linger for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("cannot have {address}"))?;
    Ok(socket)
}
