//! Ctrl-C, SIGTERM and SIGHUP: whoever sends one wants an end, but an orderly one. A command that has something to put away or to call off
//! listens from its first step on: until then, a signal ends the process at once.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// SIGINT: the terminal sends it to everything in the foreground, so also to a child.
    Interrupt,
    /// SIGTERM: sent to this process alone.
    Terminate,
    /// SIGHUP: the terminal or the session is gone, which a child in the background may not hear of.
    HangUp,
}

/// Listens from its making on; without it, a signal would end the process at once.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

/// What became of something that signals may cut short.
#[derive(Debug)]
pub(super) enum Cut<T> {
    /// It ended by itself.
    Done(T),
    /// A signal came; with what still came of it in the time that it was left.
    Short(Option<T>),
}

impl Signals {
    /// Starts to listen.
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.interrupt.recv() => End::Interrupt,
            _ = self.terminate.recv() => End::Terminate,
            _ = self.hang_up.recv() => End::HangUp,
        }
    }

    /// Does something until a signal comes, and for `parting` longer; a second signal ends it at once.
    pub(super) async fn unless_told_to_end<T>(&mut self, parting: Duration, work: impl Future<Output = T>) -> Cut<T> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Cut::Done(done),
            _ = self.next() => {}
        }
        tokio::select! {
            done = tokio::time::timeout(parting, &mut work) => Cut::Short(done.ok()),
            _ = self.next() => Cut::Short(None),
        }
    }
}
