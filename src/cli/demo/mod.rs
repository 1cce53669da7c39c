//! `countersign demo`: the whole flow on one machine, without any account.
//!
//! The demo runs two servers in one process. The first is a normal hub ([`Server`]) with a SQLite database in a
//! temporary folder. The second is the [`Receiver`], which takes the place of Teams and of a custom system.
//!
//! 1. [`samples::configure`] applies a manifest: groups, people, three resources, two Teams endpoints and a custom one,
//!    which all post to the receiver. Only the receiver's address is an allowed target, so nothing is sent from this
//!    machine.
//! 2. Every `--every` seconds, the next of [`samples::requests`] is created, in rotation.
//! 3. The receiver keeps the last messages in memory and shows them on its page. [`crate::channels::drawn`] draws Adaptive Cards
//!    as Teams would. It verifies the signatures of custom events.
//! 4. The buttons on the page are the links of the messages: they open the hub's own pages, where a decision is made.
//! 5. A signal stops the requests, then the hub, then the receiver. The folder is deleted, so nothing remains.

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
use crate::config::{IdentitySettings, LogFormat, NetworkSettings, Settings};
use crate::delivery::{AllowTarget, RetrySchedule};
use crate::hub::{Ask, Hub};
use crate::identity::Principal;
use crate::server::Server;
use crate::time::SystemClock;

/// Run a temporary hub with a sample policy, sample requests, and a page that shows the cards it sends
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The hub's address; if the port is in use, another one is chosen
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// The address of the page that shows the cards; if the port is in use, another one is chosen
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
        let folder = tempfile::Builder::new()
            .prefix("countersign-demo-")
            .tempdir()
            .context("cannot create a temporary folder")?;
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
        asking.await.context("creating the sample requests failed")?;
        server.shut_down().await;
        receiver.shut_down().await;
        output::eprint("the demo has ended; its folder was deleted");
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
            secrets_key_file: None,
            admin_token: Some(token),
            review_timeout_sec: 600,
            groups_max_age: 12 * 3_600,
            allow_targets: vec![target],
            delivery_timeout_sec: 5,
            templates_dir: None,
            init: false,
            log: "warn".to_owned(),
            log_format: LogFormat::Text,
            identity: IdentitySettings::default(),
            network: NetworkSettings::default(),
            oidc: None,
            trusted_issuers: Vec::new(),
        })
    }

    fn welcome(&self, server: &Server, receiver: &str) -> String {
        use secrecy::ExposeSecret;

        let (hub, token) = (&server.public_url, server.admin_token.0.expose_secret());
        // The program as it was started, since it may not be in the PATH.
        let program = std::env::args().next().unwrap_or_else(|| "countersign".to_owned());
        if self.json {
            return format!("{}\n", serde_json::json!({"hub": hub, "receiver": receiver, "token": token}));
        }
        format!(
            "\n  Open {receiver}  to see the messages to the approvers, and click Approve or Reject.\n\n  \
             A sample request is created every {} seconds. To create one yourself:\n\n  \
             curl -X POST {hub}/v1/requests \\\n    -H 'Authorization: Bearer {token}' \\\n    \
             -H 'Content-Type: application/json' \\\n    \
             -d '{{\"resource\": \"orders-db\", \"command\": \"delete from carts\", \
             \"requester\": {{\"email\": \"you@example.com\"}}}}'\n\n  \
             Statistics: COUNTERSIGN_URL={hub} COUNTERSIGN_TOKEN={token} {program} analytics report\n  \
             Nothing leaves this machine. Ctrl-C ends the demo and deletes its data.\n\n",
            self.every
        )
    }
}

/// Returns the address, with another port when its port is in use.
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
