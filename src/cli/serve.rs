//! `countersign serve`

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{output, telemetry};
use crate::config::{Settings, SettingsArgs};
use crate::delivery::RetrySchedule;
use crate::server::Server;
use crate::time::SystemClock;

/// Run the hub.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let settings = Settings::resolve(self.settings)?;
        telemetry::start(&settings)?;
        let server = Server::start(&settings, Arc::new(SystemClock), RetrySchedule::default()).await?;
        output::print(&format!("countersign {} is ready at {}\n", env!("CARGO_PKG_VERSION"), server.public_url))?;
        match &server.admin_token.1 {
            Some(file) => output::print(&format!("the admin token is in {}\n", file.display()))?,
            None => output::print("the admin token is the one given\n")?,
        }
        until_told_to_stop().await?;
        output::tell("stopping: open calls and running sends may finish; a second signal stops at once");
        tokio::select! {
            () = server.shut_down() => Ok(()),
            again = until_told_to_stop() => again.and_then(|()| anyhow::bail!("stopped at once")),
        }
    }
}

/// Resolves at the first SIGTERM, SIGINT or SIGHUP. There is nothing to reload: keys are read again by themselves, and the rest is
/// kept in the database. So SIGHUP means what it does to most programs, and says so.
pub(super) async fn until_told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {
            output::tell("SIGHUP is taken for SIGTERM: there is nothing to reload");
        }
    }
    Ok(())
}
