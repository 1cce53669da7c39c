//! Calls that may have to be made again: what an answer means, and how a hub that is away is sat out.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::hub_url::{HubUrl, redirect};
use super::progress::Progress;
use crate::delivery::wait_of;

/// A hub's answer is never longer; what is has gone wrong somewhere.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Wait before the first new attempt; each next wait is twice as long.
    pub(super) first: Duration,
    /// Longest wait between two attempts.
    pub(super) longest: Duration,
    /// One answer, besides what the hub was asked to hold it back.
    pub(super) answer: Duration,
    /// Seconds that a long poll asks the hub to hold its answer back.
    pub(super) hold: u64,
    /// How long a hub may be away while something is asked for.
    pub(super) asking: Duration,
    /// How long a hub may be away behind the deadline: it may still come back and say what was decided.
    pub(super) grace: Duration,
    /// How long a hub may be away while a result is reported.
    pub(super) reporting: Duration,
    /// What is still done after Ctrl-C, at most.
    pub(super) parting: Duration,
    /// Between two heartbeats.
    pub(super) beat: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            hold: 60,
            asking: Duration::from_secs(60),
            grace: Duration::from_secs(120),
            reporting: Duration::from_secs(300),
            parting: Duration::from_secs(10),
            beat: Duration::from_secs(60),
        }
    }
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There is no answer: the hub may be there later.
    #[error("cannot reach the hub at {url}: {why}")]
    Away {
        /// Where it should be.
        url: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The hub answers that it cannot do this now: it is starting, or has too much to do.
    #[error("the hub cannot do this now: {problem}")]
    Busy {
        /// What it said.
        problem: Box<Problem>,
        /// How long it asks to be left alone.
        retry_after: Duration,
    },
    /// The hub said no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The hub is elsewhere.
    #[error("the hub's answer cannot be used: {0}")]
    Elsewhere(String),
    /// Something answered, but not as a hub does.
    #[error("the hub's answer cannot be used: {0}")]
    Nonsense(String),
}

/// A problem document (RFC 9457), as far as it is used here.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: u16,
    /// What kind; empty when whoever answered is no hub.
    pub(super) code: String,
    /// What is wrong.
    pub(super) detail: String,
    /// Which part of the input is wrong.
    pub(super) pointer: String,
    /// How the request ended.
    pub(super) outcome: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let detail = crate::channels::text::one_line(&self.detail);
        match (detail.as_str(), self.pointer.as_str()) {
            ("", _) => write!(f, "the answer was {}", self.status),
            (detail, "") => write!(f, "{detail} [{}]", self.code),
            (detail, pointer) => write!(f, "{detail} (at {pointer}) [{}]", self.code),
        }
    }
}

/// A call that can be made more than once.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    key: Option<String>,
    hold: Duration,
}

impl Call {
    /// Any.
    pub(super) fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body, key: None, hold: Duration::ZERO }
    }

    /// Reads.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// Does.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    /// With parameters.
    pub(super) fn query(self, query: Vec<(&'static str, String)>) -> Self {
        Self { query, ..self }
    }

    /// With an `Idempotency-Key` of its own: however often it is sent, it is done once.
    pub(super) fn once(self) -> Self {
        Self { key: Some(crate::random::secret_text()), ..self }
    }

    /// With more time for the answer, since the hub has to wait for somebody else's.
    pub(super) fn patient(self, seconds: u64) -> Self {
        Self { hold: Duration::from_secs(seconds), ..self }
    }

    /// As a long poll.
    pub(super) fn held(mut self, seconds: u64) -> Self {
        self.query.push(("wait", seconds.to_string()));
        Self { hold: Duration::from_secs(seconds), ..self }
    }
}

/// The way to one hub.
#[derive(Debug)]
pub(super) struct Connection {
    http: reqwest::Client,
    url: HubUrl,
    token: SecretString,
    pub(super) pace: Pace,
}

impl Connection {
    /// To the hub at that URL.
    pub(super) fn new(url: HubUrl, token: SecretString, pace: Pace) -> anyhow::Result<Self> {
        Ok(Self { http: url.http().connect_timeout(pace.answer).build()?, url, token, pace })
    }

    /// Makes a call once.
    pub(super) async fn send(&self, call: &Call) -> Result<Value, CallError> {
        let request = self.http.request(call.method.clone(), format!("{}{}", self.url, call.path));
        let mut request = request.bearer_auth(self.token.expose_secret()).timeout(self.pace.answer + call.hold);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let mut answer = request.send().await.map_err(|error| self.broken(&error))?;
        if let Some(elsewhere) = redirect(&answer) {
            return Err(CallError::Elsewhere(elsewhere));
        }
        let (status, retry_after) = (answer.status(), retry_after(&answer));
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.broken(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(CallError::Nonsense(format!("it is longer than {MAX_ANSWER} bytes")));
            }
        }
        self.judge(status, retry_after, &bytes)
    }

    /// Makes a call until it is answered, or the hub is still away or busy when `patience` has run out.
    pub(super) async fn insist(
        &self,
        call: &Call,
        patience: Duration,
        progress: &Progress,
    ) -> Result<Value, CallError> {
        let until = Instant::now() + patience;
        let mut outage = Outage::new(self.pace);
        loop {
            match self.send(call).await {
                Err(error @ (CallError::Away { .. } | CallError::Busy { .. })) => {
                    outage.sit_out(error, Some(until), progress).await?
                }
                answered => {
                    outage.over(progress);
                    return answered;
                }
            }
        }
    }

    fn judge(&self, status: StatusCode, retry_after: Duration, bytes: &[u8]) -> Result<Value, CallError> {
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        if status.is_success() {
            return serde_json::from_slice(bytes).map_err(|error| CallError::Nonsense(format!("no JSON: {error}")));
        }
        let problem: Problem = serde_json::from_slice(bytes).unwrap_or_default();
        let problem = Box::new(Problem { status: status.as_u16(), ..problem });
        let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        if status.is_server_error() || busy {
            return Err(CallError::Busy { problem, retry_after });
        }
        Err(CallError::Refused(problem))
    }

    fn broken(&self, error: &reqwest::Error) -> CallError {
        let why = self.url.broken(error);
        if error.is_builder() {
            return CallError::Nonsense(why);
        }
        CallError::Away { url: self.url.to_string(), why }
    }
}

/// In seconds (RFC 9110 §10.2.3), and no more than a minute; the form with a date is not used by hubs.
fn retry_after(answer: &reqwest::Response) -> Duration {
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?));
    wait.unwrap_or_default().min(Duration::from_secs(60))
}

/// A time in which the hub does not serve, from the first failed call to the next that it serves.
pub(super) struct Outage {
    pace: Pace,
    since: Option<(Instant, Box<dyn Iterator<Item = Duration> + Send>)>,
}

impl Outage {
    /// All is well so far.
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, since: None }
    }

    /// Waits before the next attempt and tells once that the hub is away, or busy. Gives the error back when it is so still at the
    /// end of all patience.
    pub(super) async fn sit_out(
        &mut self,
        error: CallError,
        until: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), CallError> {
        let retry_after = match &error {
            CallError::Away { .. } => Duration::ZERO,
            CallError::Busy { retry_after, .. } => *retry_after,
            CallError::Refused(_) | CallError::Elsewhere(_) | CallError::Nonsense(_) => return Err(error),
        };
        if self.since.is_none() {
            progress.tell("hub_away", json!({"error": error.to_string()}), &format!("{error}; trying again"));
        }
        let (_, delays) = self.since.get_or_insert_with(|| (Instant::now(), delays(self.pace)));
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(error);
        }
        // Half of it is left to chance, so that all who wait for a restarted hub do not come back in the same moment.
        let delay = delays.next().unwrap_or(self.pace.longest).mul_f64(0.5 + crate::random::fraction() / 2.0);
        tokio::time::sleep(delay.max(retry_after)).await;
        Ok(())
    }

    /// The hub has answered.
    pub(super) fn over(&mut self, progress: &Progress) {
        if let Some((since, _)) = self.since.take() {
            let facts = json!({"away_seconds": since.elapsed().as_secs()});
            progress.tell("hub_back", facts, "the hub serves again");
        }
    }
}

fn delays(pace: Pace) -> Box<dyn Iterator<Item = Duration> + Send> {
    let delays = ExponentialBuilder::default().with_min_delay(pace.first).with_max_delay(pace.longest);
    Box::new(delays.with_factor(2.0).without_max_times().build())
}
