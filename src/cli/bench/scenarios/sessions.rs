//! The cost of knowing a person by their session: reads with a session against reads with a token, one after the other in
//! the same loop, with many live sessions, and while others sign in.

use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::super::browser::{SignInForm, get, token_of};
use super::super::hub::Hub;
use super::super::measure::{median, progress, timed};
use super::super::policy;
use super::super::sheet::Sheet;
use super::super::stage::Site;

/// Sessions of each person: the hub keeps at most 100.
const PER_PERSON: u32 = 90;
/// Time between two sign-ins, which are 1,000 a minute.
const SIGN_IN_INTERVAL: Duration = Duration::from_millis(60);

/// A hub with a request that `dana` may see, and a browser's form for signing in.
struct Scene {
    hub: Hub,
    /// The path of the request.
    path: String,
    form: SignInForm,
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
    let token = token_of(&scene.hub, "dana@example.com").await?;
    let session = scene.form.sign_in(&scene.hub, &token).await?;
    scene.fill(site.sizes.sessions).await?;
    progress("sessions: reading");
    let quiet = scene.reads(site.sizes.reads, &token, &session, None).await?;
    let other = token_of(&scene.hub, "erik@example.com").await?;
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
        let form = SignInForm::open(&hub).await?;
        Ok(Self { hub, path, form })
    }

    /// Signs people in until there are so many sessions.
    async fn fill(&self, sessions: u32) -> anyhow::Result<()> {
        progress(&format!("sessions: signing in {sessions} times"));
        for person in 0..sessions.div_ceil(PER_PERSON) {
            let token = token_of(&self.hub, &format!("person{person}@example.com")).await?;
            let wanted = PER_PERSON.min(sessions - person * PER_PERSON);
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..wanted {
                calls.spawn(self.form.call(&self.hub, &token).send());
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
                sign_ins.spawn(self.form.call(&self.hub, other).send());
            }
            let with_token = self.hub.request(Method::GET, &self.path).bearer_auth(token);
            reads.token.push(timed(with_token).await?);
            reads.session.push(timed(get(&self.hub, &self.path, session)).await?);
        }
        while let Some(answer) = sign_ins.join_next().await {
            let status = answer??.status();
            anyhow::ensure!(status == StatusCode::SEE_OTHER, "a sign-in was answered {status}");
        }
        Ok(reads)
    }
}
