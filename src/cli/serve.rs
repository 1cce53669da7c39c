//! `countersign serve`

use std::sync::Arc;

use clap::Args;

use super::signals::{EndSignal, Signals};
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
        // Before the hub reports that it is ready: a signal may follow at once.
        let mut signals = Signals::listen()?;
        let server = tokio::select! {
            server = Server::start(&settings, Arc::new(SystemClock), RetrySchedule::default()) => server?,
            _ = signals.next() => {
                output::eprint("stopped before it was ready");
                return Ok(());
            }
        };
        output::print(&format!("countersign {} is ready at {}\n", env!("CARGO_PKG_VERSION"), server.public_url))?;
        match &server.admin_token.1 {
            Some(file) => output::print(&format!("the admin token is in {}\n", file.display()))?,
            None => output::print("the admin token is the one from the settings\n")?,
        }
        if server.is_new && server.hub().can_sign_in() {
            let link = server.hub().first_sign_in_link().await?;
            output::print(&format!("to sign in as the first admin, open within 15 minutes: {}\n", link.url))?;
        }
        if signals.next().await == EndSignal::HangUp {
            // Keys are reloaded automatically, and the rest of the configuration is in the database.
            output::eprint("SIGHUP stops the hub, as SIGTERM does: there is nothing to reload");
        }
        output::eprint("stopping: waiting for open calls and running sends; a second signal stops at once");
        tokio::select! {
            () = server.shut_down() => Ok(()),
            _ = signals.next() => anyhow::bail!("stopped at once"),
        }
    }
}
