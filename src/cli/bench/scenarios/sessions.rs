//! The cost of knowing a person by their session: reads with a session against reads with a token, one after the other in
//! the same loop, with many live sessions, and while others sign in.

use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use super::super::hub::Hub;
use super::super::measure::{median, progress};
use super::super::policy;
use super::super::sheet::Sheet;
use super::super::stage::Site;

/// Sessions of each person: the hub keeps at most 100.
const PER_PERSON: u32 = 90;
/// Time between two sign-ins, which are 1,000 a minute.
const SIGN_IN_INTERVAL: Duration = Duration::from_millis(60);
const SESSION: &str = "__Host-countersign-session";

/// A hub with a request that `dana` may see, and a browser's form for signing in.
struct Scene {
    hub: Hub,
    /// The path of the request.
    path: String,
    form_cookie: String,
    nonce: String,
}

/// Median times in milliseconds, and how often the calls were made.
#[derive(Default)]
struct Reads {
    token: Vec<f64>,
    session: Vec<f64>,
}

/// Runs the scenario.
pub(in crate::cli::bench) async fn run(site: &Site) -> anyhow::Result<Sheet> {
    let scene = Scene::set(site).await?;
    let token = scene.token_of("dana@example.com").await?;
    let session = scene.sign_in(&token).await?;
    scene.fill(site.sizes.sessions).await?;
    progress("sessions: reading");
    let quiet = scene.reads(site.sizes.reads, &token, &session, None).await?;
    let other = scene.token_of("erik@example.com").await?;
    let busy = scene.reads(site.sizes.reads, &token, &session, Some(&other)).await?;
    scene.hub.stop().await?;

    let mut sheet = Sheet::new("sessions");
    let (by_token, by_session) = (median(quiet.token), median(quiet.session));
    sheet.whole("live_sessions", "live sessions", u64::from(site.sizes.sessions) + 1);
    sheet.measured("token_p50_ms", "ms to read a request with a token, p50", by_token);
    sheet.measured("session_p50_ms", "ms to read it with a session, p50", by_session);
    sheet.measured("session_ratio", "with a session against with a token", by_session / by_token);
    let (token_busy, session_busy) = (median(busy.token), median(busy.session));
    sheet.measured("sign_ins_token_p50_ms", "ms with a token, while 1,000 a minute sign in, p50", token_busy);
    sheet.measured("sign_ins_session_p50_ms", "ms with a session, while 1,000 a minute sign in, p50", session_busy);
    sheet.measured("sign_ins_added_ms", "ms that these sign-ins add to a read with a token", token_busy - by_token);
    Ok(sheet)
}

impl Scene {
    async fn set(site: &Site) -> anyhow::Result<Self> {
        let hub = site.hub("sessions").await?;
        hub.call(Method::POST, "/v1/apply", Some(&policy::manifest(&[]))).await?;
        let made = hub.call(Method::POST, "/v1/requests", Some(&policy::request("sessions"))).await?;
        let id = made.get("id").and_then(Value::as_str).context("a request without an id")?;
        let path = format!("/v1/requests/{id}");
        let page = hub.request(Method::GET, "/sign-in").send().await?;
        let form_cookie = cookie(page.headers(), "__Host-countersign-form").context("no cookie with the form")?;
        let text = page.text().await?;
        let nonce = text.split("name=\"nonce\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let nonce = nonce.context("no nonce in the form")?.to_owned();
        Ok(Self { hub, path, form_cookie, nonce })
    }

    /// A new token of a person.
    async fn token_of(&self, person: &str) -> anyhow::Result<String> {
        let input = json!({"name": person, "scope": "approver", "person": person});
        let made = self.hub.call(Method::POST, "/v1/tokens", Some(&input)).await?;
        made.get("secret").and_then(Value::as_str).map(str::to_owned).context("a token without a secret")
    }

    /// Signs in with a token; returns the session's secret.
    async fn sign_in(&self, token: &str) -> anyhow::Result<String> {
        let response = self.sign_in_call(token).send().await?;
        anyhow::ensure!(response.status() == StatusCode::SEE_OTHER, "the sign-in was answered {}", response.status());
        cookie(response.headers(), SESSION).context("a sign-in without a cookie")
    }

    fn sign_in_call(&self, token: &str) -> RequestBuilder {
        let fields = [("nonce", self.nonce.as_str()), ("token", token)];
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.hub
            .request(Method::POST, "/sign-in/token")
            .header(header::COOKIE, format!("__Host-countersign-form={}", self.form_cookie))
            .header("Sec-Fetch-Site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Signs people in until there are so many sessions.
    async fn fill(&self, sessions: u32) -> anyhow::Result<()> {
        progress(&format!("sessions: signing in {sessions} times"));
        for person in 0..sessions.div_ceil(PER_PERSON) {
            let token = self.token_of(&format!("person{person}@example.com")).await?;
            let wanted = PER_PERSON.min(sessions - person * PER_PERSON);
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..wanted {
                calls.spawn(self.sign_in_call(&token).send());
            }
            while let Some(answer) = calls.join_next().await {
                let status = answer??.status();
                anyhow::ensure!(status == StatusCode::SEE_OTHER, "a sign-in was answered {status}");
            }
        }
        Ok(())
    }

    /// Reads the request with the token and with the session, in turn. Meanwhile somebody signs in again and again, if a
    /// token for that is given.
    async fn reads(&self, count: u32, token: &str, session: &str, signs_in: Option<&str>) -> anyhow::Result<Reads> {
        let mut reads = Reads::default();
        let mut sign_ins = tokio::task::JoinSet::new();
        let mut next = Instant::now();
        for _ in 0..count {
            if let Some(other) = signs_in.filter(|_| Instant::now() >= next) {
                next += SIGN_IN_INTERVAL;
                sign_ins.spawn(self.sign_in_call(other).send());
            }
            let with_token = self.hub.request(Method::GET, &self.path).bearer_auth(token);
            reads.token.push(timed(with_token).await?);
            let with_session = self.hub.request(Method::GET, &self.path).header("Sec-Fetch-Site", "same-origin");
            reads.session.push(timed(with_session.header(header::COOKIE, format!("{SESSION}={session}"))).await?);
        }
        while let Some(answer) = sign_ins.join_next().await {
            let status = answer??.status();
            anyhow::ensure!(status == StatusCode::SEE_OTHER, "a sign-in was answered {status}");
        }
        Ok(reads)
    }
}

/// Milliseconds until a call has been answered completely.
async fn timed(call: RequestBuilder) -> anyhow::Result<f64> {
    let began = Instant::now();
    let response = call.send().await?;
    let status = response.status();
    response.bytes().await?;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    anyhow::ensure!(status.is_success(), "a read was answered {status}");
    Ok(took)
}

/// The value of a cookie that an answer sets.
fn cookie(headers: &header::HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let value = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).next()?;
    value.split(';').next().map(str::to_owned)
}
