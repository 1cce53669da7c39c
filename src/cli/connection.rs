//! Calls to the hub: how answers are classified, and how calls are retried while the hub is unreachable or busy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::caller::{Caller, Source};
use super::hub_url::{HubUrl, redirect};
use super::output;
use super::progress::Progress;
use crate::delivery::wait_of;
use crate::identity::is_workload_secret;
use crate::time::{Clock, SystemClock, Timestamp};

/// The longest answer that is read, in bytes. No hub sends a longer one.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// When the token expires, on every answer to a token that does.
const EXPIRES: &str = "countersign-token-expires";
/// How long before its expiry the use of a token prints a warning.
const WARN_BEFORE: Duration = Duration::from_secs(7 * 86_400);

/// Timeouts and intervals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Back-off before the first retry; it doubles with each retry.
    pub(super) first: Duration,
    /// Longest back-off.
    pub(super) longest: Duration,
    /// Timeout of one call, without the time that the call asks the hub to wait.
    pub(super) answer: Duration,
    /// Seconds that a long poll asks the hub to wait.
    pub(super) long_poll: u64,
    /// How long calls that create something are retried.
    pub(super) asking: Duration,
    /// How long waiting is retried after the deadline: the hub may return with a decision that was made in time.
    pub(super) grace: Duration,
    /// How long claims and reports are retried.
    pub(super) reporting: Duration,
    /// Time to finish a call, or to cancel the request, after a signal.
    pub(super) after_signal: Duration,
    /// Interval of heartbeats.
    pub(super) heartbeat: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            long_poll: 60,
            asking: Duration::from_secs(60),
            grace: Duration::from_secs(120),
            reporting: Duration::from_secs(300),
            after_signal: Duration::from_secs(10),
            heartbeat: Duration::from_secs(60),
        }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// No answer. The call can be retried.
    #[error("cannot reach the hub at {url}: {why}")]
    Unreachable { url: String, why: String },
    /// The hub cannot serve the call now: it is starting, overloaded, or limits the rate. The call can be retried.
    #[error("the hub cannot do this now: {problem}")]
    Busy {
        problem: Box<Problem>,
        /// From the `Retry-After` header; zero without one.
        retry_after: Duration,
    },
    /// The hub refused the call. Retrying does not help.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is a redirect, so the configured URL is not the hub's.
    #[error("the hub's answer cannot be used: {0}")]
    Redirected(String),
    /// The answer is not one that a hub gives.
    #[error("the hub's answer cannot be used: {0}")]
    InvalidAnswer(String),
}

/// A problem document (RFC 9457): the members that are used here.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    /// The HTTP status.
    pub(super) status: u16,
    /// The error code; empty when the answer is not from a hub.
    pub(super) code: String,
    pub(super) detail: String,
    /// JSON pointer to the invalid part of the input.
    pub(super) pointer: String,
    /// The final status of the request, when the call came too late.
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

/// A call to the hub, which can be sent more than once.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    key: Option<String>,
    /// Added to the timeout: how long the hub may wait before it answers.
    wait: Duration,
}

impl Call {
    /// A call with any method.
    pub(super) fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body, key: None, wait: Duration::ZERO }
    }

    /// A GET.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// A POST.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path) }
    }

    /// Sets the query parameters.
    pub(super) fn query(self, query: Vec<(&'static str, String)>) -> Self {
        Self { query, ..self }
    }

    /// Adds a random `Idempotency-Key`: the hub carries the call out once, however often it is sent.
    pub(super) fn with_idempotency_key(self) -> Self {
        Self { key: Some(crate::random::secret_text()), ..self }
    }

    /// Extends the timeout, for calls in which the hub itself waits for another system.
    pub(super) fn with_wait(self, seconds: u64) -> Self {
        Self { wait: Duration::from_secs(seconds), ..self }
    }

    /// Makes it a long poll of that many seconds.
    pub(super) fn long_poll(mut self, seconds: u64) -> Self {
        self.query.push(("wait", seconds.to_string()));
        Self { wait: Duration::from_secs(seconds), ..self }
    }
}

/// The HTTP client, URL and token for one hub.
#[derive(Debug)]
pub(super) struct Connection {
    http: reqwest::Client,
    caller: Caller,
    /// The caller's secret, or the one that has replaced it. A std lock: never held across an await.
    secret: RwLock<SecretString>,
    pub(super) pace: Pace,
    /// Whether it was said that the token expires soon: once is enough.
    warned: AtomicBool,
}

impl Connection {
    /// A connection to the caller's hub. Nothing is sent yet.
    pub(super) fn new(caller: Caller, pace: Pace) -> anyhow::Result<Self> {
        let http = caller.url.http().connect_timeout(pace.answer).build()?;
        // What is not a token ends by itself, often: nothing to warn of.
        let is_token = matches!(caller.source, Source::Token) && !is_workload_secret(caller.secret.expose_secret());
        let warned = AtomicBool::new(!is_token);
        let secret = RwLock::new(caller.secret.clone());
        Ok(Self { http, caller, secret, pace, warned })
    }

    /// The hub's URL.
    pub(super) const fn url(&self) -> &HubUrl {
        &self.caller.url
    }

    /// Sends a call once, and once more with another secret if the first one is over and there can be another.
    pub(super) async fn send(&self, call: &Call) -> Result<Value, CallError> {
        let answer = self.send_once(call).await;
        let is_over = matches!(&answer, Err(CallError::Refused(problem)) if problem.code == "unauthenticated");
        if !is_over {
            return answer;
        }
        match self.caller.renewed().await {
            Some(Ok(secret)) => {
                *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
                self.send_once(call).await
            }
            Some(Err(error)) => Err(CallError::InvalidAnswer(format!("{error:#}"))),
            None => answer,
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Value, CallError> {
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner).clone();
        let request = self.http.request(call.method.clone(), format!("{}{}", self.caller.url, call.path));
        let mut request = request.bearer_auth(secret.expose_secret()).timeout(self.pace.answer + call.wait);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let mut answer = request.send().await.map_err(|error| self.failure(&error))?;
        if let Some(elsewhere) = redirect(&answer) {
            return Err(CallError::Redirected(elsewhere));
        }
        self.warn_of_expiry(&answer, SystemClock.now());
        let (status, retry_after) = (answer.status(), retry_after(&answer));
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failure(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(CallError::InvalidAnswer(format!("it is longer than {MAX_ANSWER} bytes")));
            }
        }
        self.judge(status, retry_after, &bytes)
    }

    /// Prints a warning when the token expires within a week.
    fn warn_of_expiry(&self, answer: &reqwest::Response, now: Timestamp) {
        let header = answer.headers().get(EXPIRES).and_then(|value| value.to_str().ok());
        let end = header.and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(end) = end.filter(|end| *end <= now + WARN_BEFORE)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            output::eprint(&format!("countersign: warning: this token expires at {end}: rotate it"));
        }
    }

    /// Sends a call, and retries it with back-off for up to `timeout` while the hub is unreachable or busy.
    pub(super) async fn send_with_retries(
        &self,
        call: &Call,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<Value, CallError> {
        let until = Instant::now() + timeout;
        let mut outage = Outage::new(self.pace);
        loop {
            match self.send(call).await {
                Err(error @ (CallError::Unreachable { .. } | CallError::Busy { .. })) => {
                    outage.back_off(error, Some(until), progress).await?
                }
                answer => {
                    outage.end(progress);
                    return answer;
                }
            }
        }
    }

    fn judge(&self, status: StatusCode, retry_after: Duration, bytes: &[u8]) -> Result<Value, CallError> {
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        if status.is_success() {
            return serde_json::from_slice(bytes)
                .map_err(|error| CallError::InvalidAnswer(format!("invalid JSON: {error}")));
        }
        let problem: Problem = serde_json::from_slice(bytes).unwrap_or_default();
        let detail = format!("{}{}", problem.detail, self.caller.hint(&problem.code));
        let problem = Box::new(Problem { status: status.as_u16(), detail, ..problem });
        let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        if status.is_server_error() || busy {
            return Err(CallError::Busy { problem, retry_after });
        }
        Err(CallError::Refused(problem))
    }

    fn failure(&self, error: &reqwest::Error) -> CallError {
        let why = self.caller.url.explain(error);
        if error.is_builder() {
            return CallError::InvalidAnswer(why);
        }
        CallError::Unreachable { url: self.caller.url.to_string(), why }
    }
}

/// The `Retry-After` header (RFC 9110 §10.2.3), at most a minute.
fn retry_after(answer: &reqwest::Response) -> Duration {
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?));
    wait.unwrap_or_default().min(Duration::from_secs(60))
}

/// The back-off of one call, from its first failed attempt to the next answer.
pub(super) struct Outage {
    pace: Pace,
    since: Option<(Instant, Box<dyn Iterator<Item = Duration> + Send>)>,
}

impl Outage {
    /// No failed attempt so far.
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, since: None }
    }

    /// Waits before the next attempt. The first time, it reports that the hub is unreachable or busy.
    ///
    /// # Errors
    /// The given error, when it cannot be retried or `until` has passed.
    pub(super) async fn back_off(
        &mut self,
        error: CallError,
        until: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), CallError> {
        let retry_after = match &error {
            CallError::Unreachable { .. } => Duration::ZERO,
            CallError::Busy { retry_after, .. } => *retry_after,
            CallError::Refused(_) | CallError::Redirected(_) | CallError::InvalidAnswer(_) => return Err(error),
        };
        if self.since.is_none() {
            progress.emit("hub_away", json!({"error": error.to_string()}), &format!("{error}; trying again"));
        }
        let (_, delays) = self.since.get_or_insert_with(|| (Instant::now(), delays(self.pace)));
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(error);
        }
        // Jitter of up to half the delay, so that clients do not all return to a restarted hub at the same time.
        let delay = delays.next().unwrap_or(self.pace.longest).mul_f64(0.5 + crate::random::fraction() / 2.0);
        tokio::time::sleep(delay.max(retry_after)).await;
        Ok(())
    }

    /// Resets the back-off after an answer, and reports the end of an outage.
    pub(super) fn end(&mut self, progress: &Progress) {
        if let Some((since, _)) = self.since.take() {
            let facts = json!({"away_seconds": since.elapsed().as_secs()});
            progress.emit("hub_back", facts, "the hub is available again");
        }
    }
}

fn delays(pace: Pace) -> Box<dyn Iterator<Item = Duration> + Send> {
    let delays = ExponentialBuilder::default().with_min_delay(pace.first).with_max_delay(pace.longest);
    Box::new(delays.with_factor(2.0).without_max_times().build())
}
