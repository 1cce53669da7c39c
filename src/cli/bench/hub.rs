//! The hub under test: `countersign serve` as its own process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr};

use super::super::output;
use super::helper::program;
use crate::data_dir::DataDir;
use crate::time::{Clock as _, SystemClock};

/// Timeout of its start, its stop and each call.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running hub.
pub(super) struct Hub {
    child: Child,
    process: u32,
    http: reqwest::Client,
    token: String,
    url: String,
    started_in: Duration,
}

impl Hub {
    /// Starts a hub with the data of the folder and the database. Without a database, it uses SQLite in the folder.
    pub(super) async fn start(folder: &Path, database: Option<&SecretString>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let token = crate::identity::new_token_secret();
        // The scenarios share one PostgreSQL database, and so its key of stored secrets.
        let secrets = DataDir::open(folder.parent().unwrap_or(folder))?.secrets_file(None);
        if secrets.is_to_be_made() {
            secrets.make(SystemClock.now())?;
        }
        let mut command = program()?;
        command
            // `--init`: each scenario has a new folder, while all share one PostgreSQL database.
            .args(["serve", "--init", "--listen", "127.0.0.1:0", "--data-dir", "."])
            .current_dir(folder)
            .env("COUNTERSIGN_ADMIN_TOKEN", &token)
            .env("COUNTERSIGN_SECRETS_KEY_FILE", secrets.path())
            .env("COUNTERSIGN_ALLOW_TARGETS", "127.0.0.0/8")
            .env("COUNTERSIGN_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(database) = database {
            command.env("COUNTERSIGN_DATABASE_URL", database.expose_secret());
        }
        let redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirects).timeout(PATIENCE).build()?;
        let began = Instant::now();
        let mut child = command.spawn().context("cannot start the hub")?;
        let process = child.id().context("the hub exited")?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let warnings = child.stderr.take().context("no standard error")?;
        let passing = tokio::spawn(pass_on(warnings));
        let first =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.context("the hub did not start in time")??;
        let Some(first) = first else {
            passing.await?;
            anyhow::bail!("the hub did not start: see its messages above");
        };
        let (_, url) =
            first.split_once(" ready at ").with_context(|| format!("unexpected output of the hub: {first:?}"))?;
        // Keep reading, so that the pipe neither fills nor breaks.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut hub = Self { child, process, http, token, url: url.to_owned(), started_in: Duration::ZERO };
        hub.call(Method::GET, "/healthz", None).await?;
        hub.started_in = began.elapsed();
        Ok(hub)
    }

    /// Time from the start of the process to the first answer.
    pub(super) const fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its process id.
    pub(super) const fn process(&self) -> u32 {
        self.process
    }

    /// The admin token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        let address = self.url.trim_start_matches("http://");
        address.parse().with_context(|| format!("the hub's URL {} contains no IP address", self.url))
    }

    /// A call without a token.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Makes a call that must succeed.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.request(method, path).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("the hub does not answer")?;
        let (status, text) = (response.status(), response.text().await?);
        anyhow::ensure!(status.is_success(), "the hub answered {status} to {path}: {text}");
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).or(Ok(Value::Null)) }
    }

    /// Stops it as an operator would.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let process = i32::try_from(self.process).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(process.context("no process")?, rustix::process::Signal::TERM)?;
        let ended =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the hub did not stop in time")??;
        anyhow::ensure!(ended.success(), "the hub ended with {ended}");
        Ok(())
    }
}

/// Prints the hub's warnings, except its message about the stop.
async fn pass_on(warnings: ChildStderr) {
    let mut lines = BufReader::new(warnings).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.starts_with("stopping: ") {
            output::eprint(&format!("hub: {line}"));
        }
    }
}
