//! The device's part of device authorization (RFC 8628).

use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::cli::hub_url::HubUrl;
use crate::cli::oauth::{Answer, OAuthClient};
use crate::cli::progress::Progress;

/// RFC 8628 §3.4.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How the hub's page calls this program.
const CLIENT: &str = "countersign";
/// What is added to the interval each time that the hub asks for it, or cannot be reached (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest interval.
const SLOWEST: Duration = Duration::from_secs(60);

/// RFC 8628 §3.2.
#[derive(Debug, Deserialize)]
struct Started {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

const fn five() -> u64 {
    5
}

#[derive(Debug, Deserialize)]
struct Granted {
    access_token: SecretString,
}

/// A device that waits for its person.
pub(super) struct Waiting<'h> {
    hub: OAuthClient<'h>,
    started: Started,
    since: Instant,
}

impl<'h> Waiting<'h> {
    /// Asks the hub for a code.
    pub(super) async fn begin(hub: &'h HubUrl, name: &str) -> anyhow::Result<Self> {
        let client = OAuthClient::new(hub)?;
        let form = [("client_id", CLIENT), ("device_name", name)];
        let body = match client.post("/v1/device/authorize", &form).await? {
            Answer::Done(body) => body,
            Answer::Later(why) => anyhow::bail!("cannot sign in at {hub}: {why}"),
            Answer::Refused(refused) => anyhow::bail!("the hub at {hub} refuses: {}", refused.text()),
        };
        let started = serde_json::from_slice(&body)
            .with_context(|| format!("{hub} is not a hub that knows `countersign login`"))?;
        Ok(Self { hub: client, started, since: Instant::now() })
    }

    /// Shows the code, and waits until the person has confirmed it. Returns the session's secret.
    pub(super) async fn until_confirmed(self, progress: &Progress) -> anyhow::Result<SecretString> {
        let Started { device_code, expires_in, .. } = &self.started;
        self.show(progress);
        let until = self.since + Duration::from_secs((*expires_in).min(3_600));
        let mut interval = Duration::from_secs(self.started.interval.max(1)).min(SLOWEST);
        let form = [("grant_type", GRANT), ("device_code", device_code.as_str()), ("client_id", CLIENT)];
        loop {
            tokio::time::sleep(interval).await;
            let refused = match self.hub.post("/v1/device/token", &form).await? {
                Answer::Done(body) => {
                    let granted: Granted = serde_json::from_slice(&body).context("the hub's answer has no session")?;
                    return Ok(granted.access_token);
                }
                Answer::Later(why) if Instant::now() >= until => anyhow::bail!("nobody confirmed the code: {why}"),
                Answer::Later(_) => {
                    interval = (interval + SLOWER).min(SLOWEST);
                    continue;
                }
                Answer::Refused(refused) => refused,
            };
            match refused.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval = (interval + SLOWER).min(SLOWEST),
                "access_denied" => anyhow::bail!("not signed in: {}", refused.text()),
                "expired_token" => anyhow::bail!("nobody confirmed the code in time: run `countersign login` again"),
                _ => anyhow::bail!("not signed in: {}", refused.text()),
            }
        }
    }

    fn show(&self, progress: &Progress) {
        let Started { user_code, verification_uri, verification_uri_complete, expires_in, .. } = &self.started;
        let complete = verification_uri_complete.as_ref().unwrap_or(verification_uri);
        let facts = json!({
            "user_code": user_code, "verification_uri": verification_uri, "verification_uri_complete": complete,
            "expires_in": expires_in,
        });
        let minutes = expires_in / 60;
        let text = format!(
            "to sign in, open this page in a browser, and confirm there that you started this:\n\n  {complete}\n\n\
             Or open {verification_uri} and enter the code {user_code}\n\
             The page must show the code {user_code}. Waiting for up to {minutes} minutes; Ctrl-C ends it."
        );
        progress.emit("code", facts, &text);
    }
}
