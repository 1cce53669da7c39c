//! `countersign login`, `logout` and `whoami`: a person signs in once, in a browser, and all commands use the session.

mod device;
mod logout;
mod whoami;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use self::device::Waiting;
pub(super) use self::logout::Logout;
pub(super) use self::whoami::Whoami;
use super::caller::{Caller, Source};
use super::client::Client;
use super::connection::{Call, CallError, Connection, Pace};
use super::credentials::{Credentials, Kept, Place};
use super::hub_url::HubUrl;
use super::output;
use super::progress::Progress;

/// Sign in to a hub in your browser; all commands then use that session
#[derive(Debug, Args)]
#[command(after_help = "\
Shows a code and a URL. Open the URL in any browser, also on another machine, sign in, compare the code, and confirm.
The session's secret is kept in the keyring of the operating system. Without one, or if that refuses, it is kept in
$XDG_CONFIG_HOME/countersign/credentials.json (else in ~/.config), readable by you alone.

Examples:
  countersign login https://approvals.example.com
  countersign whoami
  countersign logout")]
pub(super) struct Login {
    /// URL of the hub [default: that of --url]
    #[arg(value_name = "HUB_URL")]
    hub: Option<HubUrl>,
    /// What the confirmation page calls this machine [default: its host name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where the session's secret is kept [default: in the keyring if there is one, else in a file]
    #[arg(long, env = "COUNTERSIGN_CREDENTIALS", value_enum, value_name = "PLACE")]
    keep_in: Option<Place>,
    /// Report the code as a JSON line on standard error, and print the hub's JSON about you
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Login {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let hub = self.hub.map_or_else(|| self.client.hub(), Ok)?;
        let file = file_of_user()?;
        // Before the person is sent to a browser: a file that cannot be used would lose the session.
        file.check(&hub, self.keep_in)?;
        // Without the earlier session, the new one works all the same.
        let earlier = file.find(&hub).ok().flatten();
        let progress = Progress::new(self.json);
        let name = self.name.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
        let secret = Waiting::begin(&hub, &name).await?.until_confirmed(&progress).await?;
        say_where(&progress, &file.keep(&hub, &secret, self.keep_in)?);
        let me = session(&hub, secret)?.send(&Call::get("/v1/me")).await?;
        file.note(&hub, me.get("person").and_then(Value::as_str))?;
        if let Some(earlier) = earlier {
            // It may have ended long ago; the new one works in any case.
            let _over = end(&hub, earlier).await;
        }
        if self.client.has_token() {
            let text = "COUNTERSIGN_TOKEN is set (or --token given): commands use that token, not this session";
            progress.emit("warning", json!({"warning": text}), &format!("warning: {text}"));
        }
        output::print_answer(self.json, &me, |me| format!("signed in to {hub}\n{}", whoami::describe(me)))
    }
}

/// Says where a secret is kept, and why not in the keyring if that exists.
fn say_where(progress: &Progress, kept: &Kept) {
    match kept {
        Kept::InKeyring => {
            progress.emit("kept", json!({"in": "keyring"}), "the session's secret is in the keyring");
        }
        Kept::InFile { path, because } => {
            let facts = json!({"in": "file", "path": path, "because": because});
            let because = because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
            progress.emit("kept", facts, &format!("the session's secret is in {}{because}", path.display()));
        }
    }
}

/// The file of the user's sign-ins.
fn file_of_user() -> anyhow::Result<Credentials> {
    Credentials::of_user().context("there is no folder for the session's secret: set HOME or XDG_CONFIG_HOME")
}

/// A connection with the secret of a session.
fn session(hub: &HubUrl, secret: SecretString) -> anyhow::Result<Connection> {
    Connection::new(Caller { url: hub.clone(), secret, source: Source::Session }, Pace::default())
}

/// Ends a session at the hub. Returns whether it had not ended before.
async fn end(hub: &HubUrl, secret: SecretString) -> anyhow::Result<bool> {
    let call = Call::new(Method::DELETE, "/v1/me/session", None);
    match session(hub, secret)?.send(&call).await {
        Ok(_) => Ok(true),
        Err(CallError::Refused(problem)) if problem.status == 401 => Ok(false),
        Err(error) => Err(error.into()),
    }
}
