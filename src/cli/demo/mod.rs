//! `countersign demo`: the whole path on one machine, without an account: a throwaway hub, a sample policy, a receiver that shows
//! what it is sent, and requests to decide.

mod card;
mod markdown;
mod page;
mod receiver;
mod samples;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::receiver::Receiver;
use super::signals::Signals;
use super::{output, telemetry};
use crate::config::{LogFormat, Settings};
use crate::delivery::{AllowTarget, RetrySchedule};
use crate::hub::{Ask, Hub};
use crate::identity::Principal;
use crate::server::Server;
use crate::time::SystemClock;

/// Run a throwaway hub with a sample policy, a receiver that shows the cards, and requests to decide.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where the hub listens; another port is taken when this one is in use
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// Where the receiver's page is; another port is taken when this one is in use
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDR:PORT")]
    receiver: SocketAddr,
    /// Seconds between two sample requests
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Print the addresses as JSON
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        let folder = tempfile::Builder::new().prefix("countersign-demo-").tempdir().context("cannot make a folder")?;
        let receiver = Receiver::start(free(self.receiver).await?).await?;
        let settings = self.settings(folder.path(), &receiver).await?;
        telemetry::start(&settings)?;
        let server = Server::start(&settings, Arc::new(SystemClock), RetrySchedule::default()).await?;
        let secret = samples::configure(server.hub(), receiver.url()).await?;
        receiver.expect_secret(secret);
        output::print_exact(self.welcome(&server, receiver.url()).as_bytes())?;

        let stop = CancellationToken::new();
        let asking = tokio::spawn(ask_again_and_again(Arc::clone(server.hub()), self.every, stop.clone()));
        signals.next().await;
        stop.cancel();
        asking.await.context("the samples broke off")?;
        server.shut_down().await;
        receiver.shut_down().await;
        output::tell("the demo is over; its folder is gone");
        Ok(())
    }

    async fn settings(&self, folder: &std::path::Path, receiver: &Receiver) -> anyhow::Result<Settings> {
        let target: AllowTarget = receiver.address().ip().to_string().parse()?;
        let token: SecretString = crate::identity::new_token_secret().into();
        std::fs::write(folder.join("demo-token"), secrecy::ExposeSecret::expose_secret(&token))?;
        Ok(Settings {
            listen: free(self.listen).await?,
            public_url: None,
            database_url: None,
            data_dir: folder.to_owned(),
            admin_token: Some(token),
            review_timeout_sec: 600,
            allow_targets: vec![target],
            delivery_timeout_sec: 5,
            templates_dir: None,
            init: false,
            log: "warn".to_owned(),
            log_format: LogFormat::Text,
        })
    }

    fn welcome(&self, server: &Server, receiver: &str) -> String {
        use secrecy::ExposeSecret;

        let (hub, token) = (&server.public_url, server.admin_token.0.expose_secret());
        // As it was started: it need not be in the PATH.
        let program = std::env::args().next().unwrap_or_else(|| "countersign".to_owned());
        if self.json {
            return format!("{}\n", serde_json::json!({"hub": hub, "receiver": receiver, "token": token}));
        }
        format!(
            "\n  Open {receiver}  to see what approvers are sent, and click Approve or Reject.\n\n  \
             A sample request is asked every {} seconds. To ask one yourself:\n\n  \
             curl -X POST {hub}/v1/requests \\\n    -H 'Authorization: Bearer {token}' \\\n    \
             -H 'Content-Type: application/json' \\\n    \
             -d '{{\"resource\": \"orders-db\", \"command\": \"delete from carts\", \
             \"requester\": {{\"email\": \"you@example.com\"}}}}'\n\n  \
             How it goes: COUNTERSIGN_URL={hub} COUNTERSIGN_TOKEN={token} {program} analytics report\n  \
             Nothing leaves this machine, and nothing stays: Ctrl-C ends it.\n\n",
            self.every
        )
    }
}

/// The address, or one with another port when it is in use.
async fn free(wanted: SocketAddr) -> anyhow::Result<SocketAddr> {
    match TcpListener::bind(wanted).await {
        Ok(_) => Ok(wanted),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let other = TcpListener::bind(SocketAddr::new(wanted.ip(), 0)).await?;
            Ok(other.local_addr()?)
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted}")),
    }
}

async fn ask_again_and_again(hub: Arc<Hub>, every: u64, stop: CancellationToken) {
    for ask in samples::requests().into_iter().cycle() {
        if let Err(error) = ask_once(&hub, ask).await {
            tracing::warn!(error = %error, "a sample request was refused");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(every)) => {}
        }
    }
}

async fn ask_once(hub: &Hub, ask: Ask) -> anyhow::Result<()> {
    hub.ask(&Principal::Operator, ask, None).await?;
    Ok(())
}
