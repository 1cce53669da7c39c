//! SIGINT (Ctrl-C), SIGTERM and SIGHUP as requests for a graceful shutdown. A command that has something to clean up or
//! to cancel listens from its start; without that, a signal ends the process at once.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndSignal {
    /// SIGINT: the terminal sends it to the whole foreground process group, which includes a child.
    Interrupt,
    /// SIGTERM: sent to this process alone.
    Terminate,
    /// SIGHUP: the terminal or the session is gone. A child in the background may not receive it.
    HangUp,
}

/// Receives signals from its creation on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

/// How work that signals can interrupt ended.
#[derive(Debug)]
pub(super) enum Completion<T> {
    /// It ended before any signal.
    Done(T),
    /// A signal arrived. The result is there if the work still ended within the time that it was given.
    Interrupted(Option<T>),
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

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> EndSignal {
        tokio::select! {
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
            _ = self.hang_up.recv() => EndSignal::HangUp,
        }
    }

    /// Runs `work` until a signal arrives, and then for up to `grace`; a second signal ends it at once.
    pub(super) async fn until_signal<T>(&mut self, grace: Duration, work: impl Future<Output = T>) -> Completion<T> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Completion::Done(done),
            _ = self.next() => {}
        }
        tokio::select! {
            done = tokio::time::timeout(grace, &mut work) => Completion::Interrupted(done.ok()),
            _ = self.next() => Completion::Interrupted(None),
        }
    }
}
